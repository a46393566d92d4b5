"""A database or folder that cannot be used, told in plain words."""

from __future__ import annotations

import sqlite3
import tempfile
from pathlib import Path

from dubwright_kit import NextAction, Problem, is_disk_full

_ROOM_BYTES = 256 << 10
"""What the two databases want for a moment's work; with less they may fail at any time."""
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
    if is_disk_full(error):
        return _disk_full(folder)
    return Problem(
        "not-writable",
        f"The folder {folder} cannot be written: {error.strerror or error}.",
        NextAction("check the folder's permissions, or use another data folder", "diagnostics", {}),
        str(error),
    )


def check_room(folder: Path, job_id: str) -> None:
    """Raise Problem ``disk-full`` when the worker cannot write down how far ``job_id`` is.

    Its end would be written as soon as there is room; until then nobody would be told anything.
    """
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            file.write(bytes(_ROOM_BYTES))
    except OSError as error:
        if not is_disk_full(error):
            return
        raise Problem(
            "disk-full",
            f"The disk that holds {folder} is full; job {job_id} cannot even write down how far it is.",
            NextAction(
                "free some space, then go on where it stopped", "job retry", {"_": [job_id]}
            ),
        ) from error


def _disk_full(folder: Path) -> Problem:
    return Problem(
        "disk-full",
        f"The disk that holds {folder} is full.",
        NextAction("see what there is, remove what can go, then retry the job", "items", {}),
    )
