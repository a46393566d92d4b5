"""Rows of the jobs' tables: reading them as records and the changes both sides make.

Each function takes an open connection; those that write expect a transaction (``Database.write``).
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from dubwright_kit import NextAction, Problem

from .ids import new_id
from .model import Job, JobEvent, JobRequest, State

OPEN = "('queued', 'running')"
_LISTED_CANDIDATES = 4


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces, so that equal values are equal texts.

    Raises ``TypeError`` or ``ValueError`` for what is not JSON (NaN included).
    """
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False
    )


def request_key(request: JobRequest) -> str:
    """What makes two requests the same: type, item and options."""
    text = canonical([request.type, request.item_id, dict(request.options)])
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def to_job(row: sqlite3.Row) -> Job:
    """Return the record of one ``job`` row."""
    return Job(
        id=row["id"],
        type=row["type"],
        item_id=row["item_id"],
        options=json.loads(row["options"]),
        parent_id=row["parent_id"],
        state=row["state"],
        attempt=row["attempt"],
        created_at=row["created_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        done=row["done"],
        total=row["total"],
        note=row["note"],
        result=None if row["result"] is None else json.loads(row["result"]),
        problem=None if row["problem"] is None else Problem.from_json(json.loads(row["problem"])),
    )


def to_event(row: sqlite3.Row) -> JobEvent:
    """Return the record of one ``job_event`` row."""
    return JobEvent(
        row["id"],
        row["job_id"],
        row["at"],
        row["kind"],
        row["stage"],
        row["done"],
        row["total"],
        row["note"],
        None if row["detail"] is None else json.loads(row["detail"]),
    )


def find(connection: sqlite3.Connection, job_id: str) -> sqlite3.Row:
    """Return the row of the job with this id or unique beginning. Raises Problem ``job-not-found``."""
    row = connection.execute("SELECT * FROM job WHERE id = ?", (job_id,)).fetchone()
    if row is not None:
        return cast(sqlite3.Row, row)
    # A range instead of LIKE: a beginning that holds % or _ means these characters.
    rows = connection.execute(
        "SELECT * FROM job WHERE id >= ? AND id < ? ORDER BY id DESC LIMIT ?",
        (job_id, job_id + "\U0010ffff", _LISTED_CANDIDATES),
    ).fetchall()
    if job_id and len(rows) == 1:
        return cast(sqlite3.Row, rows[0])
    if job_id and rows:
        ids = ", ".join(row["id"] for row in rows)
        message = f'More than one job begins with "{job_id}": {ids}. Give a few more characters.'
    else:
        message = f'There is no job "{job_id}".'
    raise Problem("job-not-found", message, NextAction("see all jobs", "jobs", {}))


def open_twin(connection: sqlite3.Connection, key: str) -> str | None:
    """Return the id of the open job that asks for the same and was not asked to stop."""
    row = connection.execute(
        f"SELECT id FROM job WHERE request_key = ? AND state IN {OPEN} AND cancel_at IS NULL",  # noqa: S608 - our own constant
        (key,),
    ).fetchone()
    return None if row is None else str(row["id"])


def insert(connection: sqlite3.Connection, request: JobRequest) -> str:
    """Enqueue a new job, or find the open one that asks for the same; return its id."""
    key = request_key(request)
    twin = open_twin(connection, key)
    if twin is not None:
        return twin
    now = time.time()
    job_id = new_id(now)
    while connection.execute("SELECT 1 FROM job WHERE id = ?", (job_id,)).fetchone():
        job_id = new_id(now)
    connection.execute(
        "INSERT INTO job (id, type, item_id, options, parent_id, request_key, state, attempt,"
        " created_at) VALUES (?, ?, ?, ?, ?, ?, 'queued', 1, ?)",
        (
            job_id,
            request.type,
            request.item_id,
            canonical(dict(request.options)),
            request.parent_id,
            key,
            now,
        ),
    )
    _open_attempt(connection, job_id, 1, now)
    return job_id


def retry(connection: sqlite3.Connection, job_id: str) -> str:
    """Open a new attempt of a closed job; return its id, or that of an open job for the same.

    Raises Problem ``job-not-retryable`` unless it failed or was cancelled.
    """
    row = find(connection, job_id)
    if row["state"] not in ("failed", "cancelled"):
        raise _not_retryable(row)
    twin = open_twin(connection, row["request_key"])
    if twin is not None:
        return twin
    number = row["attempt"] + 1
    connection.execute(
        "UPDATE job SET state = 'queued', attempt = ?, session = NULL, cancel_at = NULL,"
        " started_at = NULL, ended_at = NULL, done = 0, total = NULL, note = '', result = NULL,"
        " problem = NULL WHERE id = ?",
        (number, row["id"]),
    )
    _open_attempt(connection, row["id"], number, time.time())
    return str(row["id"])


def _open_attempt(connection: sqlite3.Connection, job_id: str, number: int, now: float) -> None:
    first = add_event(connection, job_id, "state", note="queued", at=now)
    connection.execute(
        "INSERT INTO job_attempt (job_id, number, state, first_event_id, created_at)"
        " VALUES (?, ?, 'queued', ?, ?)",
        (job_id, number, first, now),
    )


def _not_retryable(row: sqlite3.Row) -> Problem:
    if row["state"] == "done":
        why = "is done; there is nothing to try again"
    elif row["cancel_at"] is not None:
        why = "is still stopping; try again in a moment"
    else:
        why = f"is still {row['state']}"
    return Problem(
        "job-not-retryable",
        f"Job {row['id']} ({row['type']}) {why}.",
        NextAction("look at the job", "job show", {"_": [row["id"]]}),
    )


def close(
    connection: sqlite3.Connection,
    row: sqlite3.Row,
    state: State,
    *,
    result: Mapping[str, Any] | None = None,
    problem: Problem | None = None,
) -> None:
    """Close the job and its attempt, with the event that says so."""
    now = time.time()
    problem_json = None if problem is None else canonical(problem.to_json())
    connection.execute(
        "UPDATE job SET state = ?, session = NULL, ended_at = ?, result = ?, problem = ?,"
        " done = CASE WHEN ? = 'done' THEN coalesce(total, 1) ELSE done END,"
        " total = CASE WHEN ? = 'done' THEN coalesce(total, 1) ELSE total END WHERE id = ?",
        (
            state,
            now,
            None if result is None else canonical(result),
            problem_json,
            state,
            state,
            row["id"],
        ),
    )
    connection.execute(
        "UPDATE job_attempt SET state = ?, ended_at = ?, problem = ? WHERE job_id = ? AND number = ?",
        (state, now, problem_json, row["id"], row["attempt"]),
    )
    add_event(connection, row["id"], "state", note=state, at=now)


def add_event(
    connection: sqlite3.Connection,
    job_id: str,
    kind: str,
    *,
    note: str,
    stage: str = "",
    done: float | None = None,
    total: float | None = None,
    at: float | None = None,
    detail: Mapping[str, Any] | None = None,
) -> int:
    """Add an event and return its id; without ``done`` it carries the job's own progress."""
    if done is None:
        row = connection.execute("SELECT done, total FROM job WHERE id = ?", (job_id,)).fetchone()
        done, total = row["done"], row["total"]
    cursor = connection.execute(
        "INSERT INTO job_event (job_id, at, kind, stage, done, total, note, detail)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            job_id,
            time.time() if at is None else at,
            kind,
            stage,
            done,
            total,
            note,
            None if detail is None else canonical(dict(detail)),
        ),
    )
    return int(cursor.lastrowid or 0)


def request_cancel(connection: sqlite3.Connection, job_id: str, *, close_running: bool) -> None:
    """Ask an open job and the children that only it needs to stop; queued ones close at once.

    ``close_running``: no worker runs, so that a job marked as running is one that a worker left
    behind when it died; it is closed here as nobody else would until the next worker starts.
    """
    for wanted in (job_id, *_own_open_children(connection, job_id)):
        connection.execute(
            f"UPDATE job SET cancel_at = coalesce(cancel_at, ?) WHERE id = ? AND state IN {OPEN}",  # noqa: S608 - our own constant
            (time.time(), wanted),
        )
        row = find(connection, wanted)
        if row["state"] == "queued" or (close_running and row["state"] == "running"):
            close(connection, row, "cancelled")


def _own_open_children(connection: sqlite3.Connection, parent_id: str) -> Sequence[str]:
    """Open children that nobody else waits for: no other open parent, not asked for directly."""
    rows = connection.execute(
        f"""SELECT child.id FROM job_link AS link JOIN job AS child ON child.id = link.child_id
            WHERE link.parent_id = ? AND child.state IN {OPEN} AND child.parent_id IS NOT NULL
            AND NOT EXISTS (
                SELECT 1 FROM job_link AS other JOIN job AS parent ON parent.id = other.parent_id
                WHERE other.child_id = child.id AND other.parent_id != link.parent_id
                AND parent.state IN {OPEN} AND parent.cancel_at IS NULL)""",  # noqa: S608 - our own constant
        (parent_id,),
    ).fetchall()
    return [row["id"] for row in rows]
