"""Fractions of seconds on old SQLite, as DBOS' tables ask for them on newer Pythons."""

from __future__ import annotations

import time
from pathlib import Path

import sqlalchemy as sa

from dubwright.jobs.sqlitetime import milliseconds

TABLE = "CREATE TABLE queue (name TEXT, at INTEGER NOT NULL DEFAULT (unixepoch('subsec') * 1000))"


def test_a_default_of_milliseconds_works_on_every_sqlite(tmp_path: Path) -> None:
    before = time.time()
    with milliseconds(version=(3, 40, 1)):
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'a.sqlite'}")
        with engine.begin() as connection:
            connection.execute(sa.text(TABLE))
            connection.execute(sa.text("INSERT INTO queue (name) VALUES ('items')"))
            at_ms = connection.execute(sa.text("SELECT at FROM queue")).scalar_one()
        engine.dispose()
    assert before - 1 <= at_ms / 1000 <= time.time() + 1


def test_a_sqlite_that_knows_is_left_alone(tmp_path: Path) -> None:
    with milliseconds(version=(3, 45, 0)):
        engine = sa.create_engine(f"sqlite:///{tmp_path / 'a.sqlite'}")
        with engine.connect() as connection:
            built_in = connection.execute(sa.text("SELECT unixepoch('2026-01-01')")).scalar_one()
        engine.dispose()
    assert built_in == 1767225600
