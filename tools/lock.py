"""``make lock``: renew the hash locks of the program and of uv. Host-free: hashes, no indexes."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COMMON = ["--universal", "--generate-hashes", "--no-annotate", "--no-header", "--upgrade", "-q"]


def main() -> int:
    """Write ``requirements/*.txt``. Connects to the configured package index."""
    uv = os.environ.get("DUBWRIGHT_UV") or shutil.which("uv") or "uv"
    jobs = [
        [
            "pyproject.toml",
            "--group",
            "dev",
            "--python-version",
            "3.11",
            "-o",
            "requirements/dev.txt",
        ],
        ["requirements/training.in", "--python-version", "3.11", "-o", "requirements/training.txt"],
        ["requirements/uv.in", "--python-version", "3.8", "-o", "requirements/uv.txt"],
    ]
    for job in jobs:
        code = subprocess.call([uv, "pip", "compile", *COMMON, *job], cwd=ROOT)
        if code != 0:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main())
