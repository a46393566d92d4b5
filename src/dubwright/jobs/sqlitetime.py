"""Milliseconds for SQLite before 3.42, which does not know ``unixepoch('subsec')``.

DBOS writes that expression into its tables on Python 3.12 and newer, whatever SQLite the system
brings (Debian 12 has 3.40); there it gives NULL, and no queue can be registered. So connections are
taught the function for as long as DBOS runs.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

KNOWS_SUBSEC = (3, 42)


@contextmanager
def milliseconds(version: tuple[int, ...] = sqlite3.sqlite_version_info) -> Iterator[None]:
    """Give every SQLite connection that SQLAlchemy opens meanwhile a ``unixepoch`` with fractions."""
    if version >= KNOWS_SUBSEC:
        yield
        return
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    event.listen(Engine, "connect", _teach)
    try:
        yield
    finally:
        event.remove(Engine, "connect", _teach)


def _teach(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        connection.create_function("unixepoch", -1, _unixepoch)


def _unixepoch(*modifiers: object) -> float:
    """Now; DBOS asks for nothing else. With "subsec" the fraction of the second stays."""
    now = time.time()
    return now if "subsec" in modifiers else float(int(now))
