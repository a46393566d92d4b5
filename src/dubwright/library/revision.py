"""Which revision of the tables this program writes, and how to get a file there."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

HEAD = "0002"
"""The newest revision in ``migrations/versions``; spelt here so that checking needs no Alembic."""
VERSION_TABLE = "library_revision"
"""Not Alembic's default name: other rooms keep their own tables in the same file."""

MIGRATIONS = Path(__file__).parent / "migrations"


def stored_revision(connection: sqlite3.Connection) -> str | None:
    """Return the file's revision, None when it has no library tables yet."""
    known = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?", (VERSION_TABLE,)
    ).fetchone()
    if known is None:
        return None
    row = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()  # noqa: S608 - our own constant
    return None if row is None else str(row[0])


def is_newer(revision: str) -> bool:
    """True for a revision that this program does not know (they are numbers, counting up)."""
    return not revision.isdecimal() or int(revision) > int(HEAD)


def upgrade(connection: Connection, target: str = HEAD) -> None:
    """Bring the tables to ``target`` inside the caller's transaction."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    command.upgrade(config, target)
