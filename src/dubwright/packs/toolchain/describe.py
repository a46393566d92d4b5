"""What an interpreter is. Also run by path in other interpreters: standard library, Python 3.8+."""

from __future__ import annotations

import json
import os
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
        "base": _base(),
    }


def _base() -> str:
    """The interpreter below a virtual environment; Python 3.8 to 3.10 do not say it when run with -S."""
    base = str(getattr(sys, "_base_executable", None) or sys.executable)
    if base != sys.executable:
        return base
    folder, name = os.path.split(base)
    for place in (folder, os.path.dirname(folder)):  # noqa: PTH120  # pathlib would be slow to load
        try:
            with open(os.path.join(place, "pyvenv.cfg"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
                lines = [line.partition("=") for line in file]
        except OSError:
            continue
        homes = [value.strip() for key, _, value in lines if key.strip() == "home"]
        return os.path.join(homes[0], name) if homes else base  # noqa: PTH118
    return base


if __name__ == "__main__":
    print(json.dumps(describe()))  # noqa: T201  # its output is its purpose
