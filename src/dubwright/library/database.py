"""The library's SQLite file: reading through sqlite3, writing through SQLAlchemy, migrating by need."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from dubwright.home import Home
from dubwright_kit import NextAction, Problem

from .disk import full_problem
from .revision import HEAD, VERSION_TABLE, is_newer, stored_revision, upgrade

if TYPE_CHECKING:
    from sqlalchemy import Connection, Engine

BUSY_TIMEOUT_S = 30.0

_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_BUSY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_UNWRITABLE = {sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM}
_PRIMARY = 0xFF  # extended result codes carry the primary one in their low byte


class Database:
    """One process's access to the file. Thread safe.

    A file that is not there yet, or that holds only other rooms' tables, reads as empty; the first
    write makes the tables. So listing an empty library needs no migration.
    """

    def __init__(self, home: Home) -> None:
        """Open. Raises Problems ``library-newer``, ``library-damaged``, ``library-unwritable``."""
        self._home = home
        self._lock = threading.RLock()
        self._reader: sqlite3.Connection | None = None
        self._engine: Engine | None = None
        self._has_tables = False
        revision = self._stored()
        if revision is not None and revision != HEAD:
            self._migrate()
        self._has_tables = revision is not None

    def close(self) -> None:
        """Close every connection; safe to call twice."""
        with self._lock:
            if self._reader is not None:
                self._reader.close()
                self._reader = None
            if self._engine is not None:
                self._engine.dispose()
                self._engine = None

    def read(self, sql: str, values: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """Return the rows of one SELECT; ``[]`` while there are no tables."""
        with self._lock:
            if not self._has_tables:
                self._has_tables = self._stored() == HEAD
                if not self._has_tables:
                    return []
            try:
                return self._read_connection().execute(sql, values).fetchall()
            except sqlite3.DatabaseError as error:
                raise self._problem(error) from error

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that holds the write lock from its first moment (BEGIN IMMEDIATE)."""
        from sqlalchemy.exc import DBAPIError

        engine = self._writer()
        if not self._has_tables:
            self._migrate()
        try:
            with engine.begin() as connection:
                yield connection
        except DBAPIError as error:
            if isinstance(error.orig, sqlite3.Error) and not isinstance(
                error.orig, sqlite3.IntegrityError | sqlite3.ProgrammingError
            ):
                raise self._problem(error.orig) from error
            raise

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._home.database,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.execute("PRAGMA foreign_keys = ON")
        return connection

    def _write_connection(self) -> sqlite3.Connection:
        connection = self._connect()
        connection.execute("PRAGMA journal_mode = WAL")
        # In WAL mode this keeps the file consistent through a power cut; adopted files are synced
        # before their row, so a lost row costs a recomputation and never a lie.
        connection.execute("PRAGMA synchronous = NORMAL")
        return connection

    def _read_connection(self) -> sqlite3.Connection:
        if self._reader is None:
            self._reader = self._connect()
            self._reader.row_factory = sqlite3.Row
            self._reader.execute("PRAGMA query_only = ON")
        return self._reader

    def _stored(self) -> str | None:
        with self._lock:
            if not self._home.database.exists():
                return None
            try:
                revision = stored_revision(self._read_connection())
            except sqlite3.DatabaseError as error:
                raise self._problem(error) from error
        if revision is not None and is_newer(revision):
            raise Problem(
                "library-newer",
                f"The library in {self._home.root} was written by a newer dubwright "
                f"(revision {revision}; this one knows up to {HEAD}).",
                NextAction(
                    "update dubwright, or use another data folder meanwhile",
                    "items",
                    {"home": f"{self._home.root}-older"},
                ),
            )
        return revision

    def _writer(self) -> Engine:
        with self._lock:
            if self._engine is None:
                from sqlalchemy import create_engine, event
                from sqlalchemy.pool import QueuePool

                self._home.prepare()
                self._engine = create_engine(
                    "sqlite://", creator=self._write_connection, poolclass=QueuePool
                )
                event.listen(
                    self._engine,
                    "begin",
                    lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"),
                )
            return self._engine

    def _migrate(self) -> None:
        from sqlalchemy import inspect, text
        from sqlalchemy.exc import DBAPIError

        try:
            with self._writer().begin() as connection:
                # Asked again under the write lock: another process may just have done it.
                revision = None
                if inspect(connection).has_table(VERSION_TABLE):
                    revision = connection.execute(
                        text(f"SELECT version_num FROM {VERSION_TABLE}")  # noqa: S608 - our own constant
                    ).scalar()
                if revision != HEAD:
                    upgrade(connection)
        except DBAPIError as error:
            if isinstance(error.orig, sqlite3.Error):
                raise self._problem(error.orig) from error
            raise
        self._has_tables = True

    def _problem(self, error: sqlite3.Error) -> Problem:
        code = getattr(error, "sqlite_errorcode", None)
        primary = None if code is None else code & _PRIMARY
        path = self._home.database
        if primary in _DAMAGED:
            return Problem(
                "library-damaged",
                f"The library file {path} is damaged: {error}. Nothing in it was changed; films and "
                "derived files are not affected. Put a backup in its place, or start afresh in "
                "another data folder.",
                NextAction(
                    "start afresh in another data folder",
                    "items",
                    {"home": f"{self._home.root}-fresh"},
                ),
                str(error),
            )
        if primary == sqlite3.SQLITE_FULL:
            return full_problem(path.parent)
        if primary in _BUSY:
            return Problem(
                "library-busy",
                f"Another program held the library file {path} for {BUSY_TIMEOUT_S:.0f} s.",
                NextAction("see which jobs are running, then try again", "jobs", {}),
                str(error),
            )
        if primary in _UNWRITABLE:
            return Problem(
                "library-unwritable",
                f"The library file {path} cannot be opened for writing: {error}.",
                NextAction("choose another data folder", "items", {"home": "FOLDER"}),
                str(error),
            )
        if primary == sqlite3.SQLITE_IOERR:
            return Problem(
                "library-unreadable",
                f"The disk failed while the library file {path} was used: {error}.",
                NextAction("check the disk, then see what is known about it", "diagnostics", {}),
                str(error),
            )
        raise error
