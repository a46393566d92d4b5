"""What an interpreter is. Also run by path in other interpreters: standard library, Python 3.8+."""

from __future__ import annotations

import json
import platform
import sys


def describe() -> dict[str, str]:
    """Facts about the running interpreter, as text."""
    system_version = ""
    libc = ""
    if sys.platform == "darwin":
        system_version = platform.mac_ver()[0]
    elif sys.platform == "linux":
        libc, system_version = platform.libc_ver()
        if libc != "glibc":
            libc, system_version = "musl", "1.2"
    return {
        "python": platform.python_version(),
        "implementation": sys.implementation.name,
        "bits": str(sys.maxsize.bit_length() + 1),
        "free_threaded": "yes" if "t" in getattr(sys, "abiflags", "") else "",
        "system": sys.platform,
        "machine": platform.machine(),
        "libc": libc,
        "os": system_version,
        "executable": sys.executable,
        "base": str(getattr(sys, "_base_executable", None) or sys.executable),
    }


if __name__ == "__main__":
    print(json.dumps(describe()))  # noqa: T201  # its output is its purpose
