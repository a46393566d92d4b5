"""A database or folder that cannot be used, told in plain words."""

from __future__ import annotations

import errno
import sqlite3
from pathlib import Path

from dubwright_kit import NextAction, Problem

_PRIMARY = 0xFF  # extended result codes carry the primary one in their low byte


def database_problem(error: sqlite3.DatabaseError, path: Path) -> Problem:
    """Return ``disk-full``, ``jobs-busy``, ``jobs-damaged`` or ``jobs-unusable``."""
    code = getattr(error, "sqlite_errorcode", 0) & _PRIMARY
    if code == sqlite3.SQLITE_FULL:
        return _disk_full(path.parent)
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Problem(
            "jobs-busy",
            f"Another program kept the job list {path} to itself for too long.",
            NextAction("try again; see which jobs run", "jobs", {}),
            str(error),
        )
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return Problem(
            "jobs-damaged",
            f"The job list {path} is damaged: {error}. Put a backup in its place, or start afresh "
            "in another data folder; films and derived files are not affected.",
            NextAction("start afresh in another data folder", "jobs", {"home": "FOLDER"}),
            str(error),
        )
    return Problem(
        "jobs-unusable",
        f"The job list {path} cannot be used: {error}.",
        NextAction("see what is known about the data folder", "diagnostics", {}),
        str(error),
    )


def folder_problem(error: OSError, folder: Path) -> Problem:
    """Return ``disk-full`` or ``not-writable`` for a job's folder that cannot be made."""
    if error.errno == errno.ENOSPC:
        return _disk_full(folder)
    return Problem(
        "not-writable",
        f"The folder {folder} cannot be written: {error.strerror or error}.",
        NextAction("check the folder's permissions, or use another data folder", "diagnostics", {}),
        str(error),
    )


def _disk_full(folder: Path) -> Problem:
    return Problem(
        "disk-full",
        f"The disk that holds {folder} is full.",
        NextAction("see what there is, remove what can go, then retry the job", "items", {}),
    )
