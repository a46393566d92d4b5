"""A small disk of its own, to be filled up."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path, size_kb: int) -> Iterator[Path]:
    """Mount a tmpfs at ``folder``; skips the test where that is not permitted."""
    folder.mkdir(parents=True)
    if not sys.platform.startswith("linux"):
        pytest.skip("a small disk is made by mounting a tmpfs, on Linux only")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
