"""A full disk, a file in use, a folder that refuses: told in plain words."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from dubwright_kit import NextAction, Problem, is_disk_full

_WINDOWS_IN_USE = {5, 32, 33}  # ERROR_ACCESS_DENIED, ERROR_SHARING_VIOLATION, ERROR_LOCK_VIOLATION

MAKE_ROOM = NextAction("see what there is, remove what can go, then retry the job", "items", {})


def full_problem(folder: Path, next_action: NextAction = MAKE_ROOM) -> Problem:
    """Return Problem ``disk-full`` for the disk that holds ``folder``, with the bytes still free."""
    existing = folder
    while not existing.exists() and existing != existing.parent:
        existing = existing.parent
    try:
        left = f"{shutil.disk_usage(existing).free:,} bytes are free"
    except OSError:
        left = "how much is free could not be read"
    return Problem(
        "disk-full",
        f"The disk that holds {folder} is full ({left}).",
        next_action,
    )


def disk_problem(error: OSError, folder: Path, next_action: NextAction = MAKE_ROOM) -> Problem:
    """Return what an error of writing into ``folder`` means for a person.

    ``disk-full`` (no space, or the quota is used up), ``file-in-use`` (Windows: another program has
    the file open) or ``not-writable`` for everything else.
    """
    if is_disk_full(error):
        return full_problem(folder, next_action)
    if sys.platform == "win32" and getattr(error, "winerror", None) in _WINDOWS_IN_USE:
        return Problem(
            "file-in-use",
            f"{error.filename or folder} cannot be replaced: another program has it open.",
            NextAction("close the player that shows it, then retry the job", "jobs", {}),
            str(error),
        )
    return Problem(
        "not-writable",
        f"{error.filename or folder} cannot be written: {error.strerror or error}.",
        NextAction("check the folder's permissions, or use another data folder", "diagnostics", {}),
        str(error),
    )
