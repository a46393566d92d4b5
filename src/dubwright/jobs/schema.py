"""The jobs' tables and this room's access to them: plain sqlite3 and numbered scripts.

Not SQLAlchemy and Alembic as in the library, although the tables share its file: importing those
costs more than the whole time in which ``dubwright jobs`` has to answer, and a follower in any
process must be able to bring six small tables up to date without them.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from dubwright.home import Home
from dubwright_kit import NextAction, Problem

BUSY_TIMEOUT_S = 30.0
"""How long a writer waits for another one; writes take milliseconds."""

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE job (
            id TEXT PRIMARY KEY,
            type TEXT NOT NULL,
            item_id TEXT,
            options TEXT NOT NULL,
            parent_id TEXT,
            request_key TEXT NOT NULL,
            state TEXT NOT NULL,
            attempt INTEGER NOT NULL,
            session TEXT,
            cancel_at REAL,
            created_at REAL NOT NULL,
            started_at REAL,
            ended_at REAL,
            done REAL NOT NULL DEFAULT 0,
            total REAL,
            note TEXT NOT NULL DEFAULT '',
            result TEXT,
            problem TEXT
        )""",
        # Two open requests for the same are one job. One that was asked to stop no longer counts:
        # who asks again then wants a fresh start, not what is being torn down.
        """CREATE UNIQUE INDEX job_open_request ON job (request_key)
            WHERE state IN ('queued', 'running') AND cancel_at IS NULL""",
        "CREATE INDEX job_open ON job (state, created_at) WHERE state IN ('queued', 'running')",
        "CREATE INDEX job_item ON job (item_id)",
        """CREATE TABLE job_attempt (
            job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
            number INTEGER NOT NULL,
            state TEXT NOT NULL,
            dispatch INTEGER NOT NULL DEFAULT 0,
            strikes INTEGER NOT NULL DEFAULT 0,
            first_event_id INTEGER NOT NULL DEFAULT 0,
            created_at REAL NOT NULL,
            ended_at REAL,
            problem TEXT,
            PRIMARY KEY (job_id, number)
        )""",
        """CREATE TABLE job_event (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            job_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
            at REAL NOT NULL,
            kind TEXT NOT NULL,
            stage TEXT NOT NULL,
            done REAL NOT NULL,
            total REAL,
            note TEXT NOT NULL
        )""",
        "CREATE INDEX job_event_job ON job_event (job_id, id)",
        # A child may have several parents: two parents that need the same work share one job.
        """CREATE TABLE job_link (
            parent_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
            child_key TEXT NOT NULL,
            child_id TEXT NOT NULL REFERENCES job (id) ON DELETE CASCADE,
            weight REAL NOT NULL,
            parent_attempt INTEGER NOT NULL,
            PRIMARY KEY (parent_id, child_key)
        )""",
        "CREATE INDEX job_link_child ON job_link (child_id)",
        """CREATE TABLE job_worker (
            session TEXT PRIMARY KEY,
            pid INTEGER NOT NULL,
            started_at REAL NOT NULL,
            ended_at REAL
        )""",
    ),
    ("ALTER TABLE job_event ADD COLUMN detail TEXT",),
)
"""One tuple of statements a version; published ones never change."""


class Database:
    """One process's connection to the jobs' tables. Thread safe: one statement or transaction at a time."""

    def __init__(self, home: Home) -> None:
        """Does not open anything yet; the first use may raise Problem ``home-too-new``."""
        self._home = home
        self._lock = threading.RLock()
        self._connection: sqlite3.Connection | None = None

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection for single SELECTs."""
        with self._lock:
            yield self._open()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Yield the connection inside a transaction that holds the write lock from its start."""
        with self._lock:
            connection = self._open()
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """Close the connection; a later use opens it again."""
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            path = self._home.database
            if not path.parent.is_dir():
                self._home.prepare()
            connection = sqlite3.connect(
                path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False
            )
            try:
                connection.row_factory = sqlite3.Row
                use_wal(connection)
                # Survives kill -9 whole. A power cut may take back the last moments, never the
                # file; a finished stage that is forgotten this way is found again by its key.
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA foreign_keys = ON")
                _migrate(connection, self._home)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
        return self._connection


def use_wal(connection: sqlite3.Connection) -> None:
    """Switch the file to write-ahead logging, once and for all processes.

    The switch needs the file for itself and does not wait for it as other statements do, so that
    it is asked for again while somebody else reads.
    """
    deadline = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            if connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
                connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def _version(connection: sqlite3.Connection) -> int:
    known = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'job_schema'"
    ).fetchone()
    if known is None:
        return 0
    return int(connection.execute("SELECT version FROM job_schema").fetchone()[0])


def _migrate(connection: sqlite3.Connection, home: Home) -> None:
    version = _version(connection)
    if version < len(MIGRATIONS):
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _version(connection)  # asked again: another process may have been quicker
            if version == 0:
                connection.execute("CREATE TABLE job_schema (version INTEGER NOT NULL)")
                connection.execute("INSERT INTO job_schema (version) VALUES (0)")
            for statements in MIGRATIONS[version:]:
                for statement in statements:
                    connection.execute(statement)
            version = max(version, len(MIGRATIONS))
            connection.execute("UPDATE job_schema SET version = ?", (version,))
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
    if version > len(MIGRATIONS):
        raise Problem(
            "home-too-new",
            f"The data folder {home.root} was written by a newer dubwright "
            f"(jobs version {version}; this one knows up to {len(MIGRATIONS)}).",
            NextAction(
                "update dubwright, or use another data folder meanwhile",
                "jobs",
                {"home": f"{home.root}-older"},
            ),
        )
