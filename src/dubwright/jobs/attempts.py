"""What a worker writes: claims, progress, outcomes, children, and the recovery after a crash.

Every change of a running job names the session that claimed it, so that a thread which outlived
its worker cannot touch a job that somebody else has taken up since.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any

from dubwright_kit import NextAction, Problem

from . import rows
from .model import Job, JobRequest, State
from .schema import Database

STRIKES_OUT = 12
STRIKES_OWN_CRASH = 4
"""Three crashes of the worker's own making in a row fail the job that ran. A death that left no
trace (kill -9, power cut, the system short of memory) says less about the job: twelve of those."""

EVENTS_KEPT_S = 3600.0
"""Progress of jobs closed longer ago than this is dropped; states and notes stay."""


@dataclass(frozen=True)
class Waiting:
    """A queued job as the dispatcher needs it."""

    job_id: str
    type: str
    attempt: int
    dispatch: int

    @property
    def workflow_id(self) -> str:
        """The name of this dispatch in the engine's tables; the same however often it is asked."""
        return f"{self.job_id}.{self.attempt}.{self.dispatch}"


class Attempts:
    """The jobs' tables as one worker session writes them. Thread safe."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.session = secrets.token_hex(8)

    def begin(self) -> None:
        """Enter the session and drop progress events that nobody will follow any more."""
        now = time.time()
        with self._database.write() as connection:
            # Who begins holds the worker lock: every earlier session is over, said or not.
            connection.execute("DELETE FROM job_worker WHERE started_at < ?", (now - 30 * 86400,))
            connection.execute("UPDATE job_worker SET ended_at = ? WHERE ended_at IS NULL", (now,))
            connection.execute(
                "INSERT INTO job_worker (session, pid, started_at) VALUES (?, ?, ?)",
                (self.session, os.getpid(), now),
            )
            connection.execute(
                "DELETE FROM job_event WHERE kind = 'progress' AND job_id IN"
                " (SELECT id FROM job WHERE ended_at < ?)",
                (now - EVENTS_KEPT_S,),
            )

    def end(self) -> None:
        with self._database.write() as connection:
            connection.execute(
                "UPDATE job_worker SET ended_at = ? WHERE session = ?", (time.time(), self.session)
            )

    def other_worker_pid(self) -> int | None:
        """The process of the newest worker that has not said goodbye."""
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT pid FROM job_worker WHERE ended_at IS NULL ORDER BY started_at DESC LIMIT 1"
            ).fetchone()
        return None if row is None else int(row["pid"])

    def job(self, job_id: str) -> tuple[Job, bool]:
        """Return the job and whether it was asked to stop."""
        with self._database.read() as connection:
            row = rows.find(connection, job_id)
        return rows.to_job(row), row["cancel_at"] is not None

    def waiting(self) -> list[Waiting]:
        """Queued jobs, oldest first."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT job.id, job.type, job.attempt, a.dispatch FROM job JOIN job_attempt AS a"
                " ON a.job_id = job.id AND a.number = job.attempt WHERE job.state = 'queued'"
                " ORDER BY job.created_at, job.rowid"
            ).fetchall()
        return [Waiting(row["id"], row["type"], row["attempt"], row["dispatch"]) for row in found]

    def cancel_requests(self) -> list[str]:
        """Running jobs of this session that were asked to stop."""
        with self._database.read() as connection:
            found = connection.execute(
                "SELECT id FROM job WHERE state = 'running' AND cancel_at IS NOT NULL"
                " AND session = ?",
                (self.session,),
            ).fetchall()
        return [row["id"] for row in found]

    def claim(self, waiting: Waiting) -> Job | None:
        """Take the job up, or None when it is no longer this dispatch's to run."""
        with self._database.write() as connection:
            claimed = connection.execute(
                "UPDATE job SET state = 'running', session = ?, started_at = coalesce(started_at, ?)"
                " WHERE id = ? AND attempt = ? AND state = 'queued' AND EXISTS (SELECT 1 FROM"
                " job_attempt WHERE job_id = job.id AND number = job.attempt AND dispatch = ?)",
                (self.session, time.time(), waiting.job_id, waiting.attempt, waiting.dispatch),
            ).rowcount
            if not claimed:
                return None
            connection.execute(
                "UPDATE job_attempt SET state = 'running' WHERE job_id = ? AND number = ?",
                (waiting.job_id, waiting.attempt),
            )
            rows.add_event(connection, waiting.job_id, "state", note="running")
            return rows.to_job(rows.find(connection, waiting.job_id))

    def finish(
        self,
        job_id: str,
        state: State,
        result: Mapping[str, Any] | None = None,
        problem: Problem | None = None,
    ) -> None:
        """Close a running job of this session."""
        with self._database.write() as connection:
            row = rows.find(connection, job_id)
            if row["session"] == self.session:
                rows.close(connection, row, state, result=result, problem=problem)
                _pass_up(connection, job_id, row["type"], row["note"])

    def refuse(self, waiting: Waiting, problem: Problem) -> None:
        """Fail a queued job that cannot be run here."""
        with self._database.write() as connection:
            row = rows.find(connection, waiting.job_id)
            if row["state"] == "queued" and row["attempt"] == waiting.attempt:
                rows.close(connection, row, "failed", problem=problem)

    def release(self, job_id: str) -> None:
        """Put a running job of this session back, to be continued by the next worker."""
        with self._database.write() as connection:
            row = rows.find(connection, job_id)
            if row["session"] == self.session and row["cancel_at"] is not None:
                rows.close(connection, row, "cancelled")
            elif row["session"] == self.session:
                _requeue(connection, row, "the worker stopped; the job goes on when one runs")
                connection.execute(
                    "UPDATE job_attempt SET dispatch = dispatch + 1, strikes = 0"
                    " WHERE job_id = ? AND number = ?",
                    (job_id, row["attempt"]),
                )

    def redispatch(self, waiting: Waiting) -> None:
        """Give a queued job a new workflow, its present one being over without having run it."""
        with self._database.write() as connection:
            connection.execute(
                "UPDATE job_attempt SET dispatch = dispatch + 1"
                " WHERE job_id = ? AND number = ? AND dispatch = ?",
                (waiting.job_id, waiting.attempt, waiting.dispatch),
            )

    def recover(
        self, *, is_parent: Callable[[str], bool], own_crash: bool, running: Collection[str] = ()
    ) -> list[str]:
        """Take back what is marked as running but runs nowhere; return the ids.

        Called with the worker lock held. ``running``: jobs that really run in this process.
        Queued again under the same attempt and dispatch, so that the engine's own recovery of the
        workflow leads to the claim. Parents never strike out: what crashes is one of their children.
        """
        taken: list[str] = []
        with self._database.write() as connection:
            for row in connection.execute("SELECT * FROM job WHERE state = 'running'").fetchall():
                if row["session"] == self.session and row["id"] in running:
                    continue
                taken.append(row["id"])
                if row["cancel_at"] is not None:
                    rows.close(connection, row, "cancelled")
                elif is_parent(row["type"]) or not _strike(connection, row, own_crash):
                    _requeue(connection, row, "the worker died; the job is taken up again")
                else:
                    rows.close(connection, row, "failed", problem=_crashed(row))
        return taken

    def progress(
        self,
        job_id: str,
        stage: str,
        own: tuple[float, float | None],
        overall: tuple[float, float | None],
        note: str,
        detail: Mapping[str, Any] | None = None,
    ) -> None:
        """Write progress: ``own`` (done, total) of the stage, ``overall`` of the job and upwards."""
        with self._database.write() as connection:
            written = connection.execute(
                "UPDATE job SET done = ?, total = ?, note = ?"
                " WHERE id = ? AND session = ? AND state = 'running'",
                (*overall, note, job_id, self.session),
            ).rowcount
            if written:
                done, total = own
                rows.add_event(
                    connection,
                    job_id,
                    "progress",
                    stage=stage,
                    done=done,
                    total=total,
                    note=note,
                    detail=detail,
                )
                _pass_up(connection, job_id, stage, note)

    def beat(self, job_id: str, quiet_s: float) -> float:
        """Repeat the last progress of a job that said nothing for ``quiet_s``, nor did its children.

        Returns how long it has been silent, in seconds: 0 when something was written.
        """
        with self._database.read() as connection:
            newest = connection.execute(
                "SELECT at FROM job_event WHERE id = (SELECT max(newest) FROM ("
                "SELECT max(id) AS newest FROM job_event WHERE job_id = ? UNION ALL"
                " SELECT (SELECT max(id) FROM job_event WHERE job_id = link.child_id)"
                " FROM job_link AS link WHERE link.parent_id = ?))",
                (job_id, job_id),
            ).fetchone()
        silent_s = quiet_s if newest is None else time.time() - newest["at"]
        if 0 <= silent_s < quiet_s:
            return float(silent_s)
        with self._database.write() as connection:
            connection.execute(
                "INSERT INTO job_event (job_id, at, kind, stage, done, total, note, detail)"
                " SELECT job.id, ?, 'progress', coalesce(last.stage, ''),"
                " coalesce(last.done, job.done), iif(last.id IS NULL, job.total, last.total),"
                " coalesce(last.note, job.note), last.detail"
                " FROM job JOIN job_attempt AS a ON a.job_id = job.id AND a.number = job.attempt"
                " LEFT JOIN job_event AS last ON last.id = (SELECT max(id) FROM job_event"
                " WHERE job_id = job.id AND kind = 'progress' AND id > a.first_event_id)"
                " WHERE job.id = ? AND job.session = ? AND job.state = 'running'",
                (time.time(), job_id, self.session),
            )
        return 0.0

    def child(self, parent: Job, request: JobRequest, weight: float, key: str) -> str:
        """Return the id of the parent's child ``key``, made, found or tried again as needed.

        A child that was closed without success in an earlier attempt of the parent gets a new
        attempt; a finished one is kept. ``weight``: its share of the parent's progress, 0 to 1.
        """
        with self._database.write() as connection:
            link = connection.execute(
                "SELECT link.*, child.state FROM job_link AS link JOIN job AS child"
                " ON child.id = link.child_id WHERE link.parent_id = ? AND link.child_key = ?",
                (parent.id, key),
            ).fetchone()
            if link is None:
                child_id = rows.insert(connection, request)
            elif link["state"] in ("failed", "cancelled") and (
                link["parent_attempt"] < parent.attempt
            ):
                child_id = rows.retry(connection, link["child_id"])
            else:
                child_id = link["child_id"]
            connection.execute(
                "INSERT INTO job_link (parent_id, child_key, child_id, weight, parent_attempt)"
                " VALUES (?, ?, ?, ?, ?) ON CONFLICT (parent_id, child_key) DO UPDATE SET"
                " child_id = excluded.child_id, weight = excluded.weight,"
                " parent_attempt = excluded.parent_attempt",
                (parent.id, key, child_id, weight, parent.attempt),
            )
            return child_id


def _requeue(connection: sqlite3.Connection, row: sqlite3.Row, note: str) -> None:
    connection.execute("UPDATE job SET state = 'queued', session = NULL WHERE id = ?", (row["id"],))
    connection.execute(
        "UPDATE job_attempt SET state = 'queued' WHERE job_id = ? AND number = ?",
        (row["id"], row["attempt"]),
    )
    rows.add_event(connection, row["id"], "note", note=note)
    rows.add_event(connection, row["id"], "state", note="queued")


def _strike(connection: sqlite3.Connection, row: sqlite3.Row, own_crash: bool) -> bool:
    """Count a crash while the job ran; True when that was one too many."""
    values = (row["id"], row["attempt"])
    connection.execute(
        "UPDATE job_attempt SET strikes = strikes + ? WHERE job_id = ? AND number = ?",
        (STRIKES_OWN_CRASH if own_crash else 1, *values),
    )
    strikes = connection.execute(
        "SELECT strikes FROM job_attempt WHERE job_id = ? AND number = ?", values
    ).fetchone()["strikes"]
    return bool(strikes >= STRIKES_OUT)


def _crashed(row: sqlite3.Row) -> Problem:
    return Problem(
        "job-crashed-repeatedly",
        f"The worker died again and again while it ran job {row['id']} ({row['type']}). "
        "Its log may show why; the job can be retried when that is put right.",
        NextAction("read the log of the job", "job log", {"_": [row["id"]]}),
    )


def _pass_up(connection: sqlite3.Connection, child_id: str, stage: str, note: str) -> None:
    """Bring the progress of the running parents up to date with that of their children."""
    parents = connection.execute(
        """SELECT parent.id, parent.done AS before, parent.note, (
            SELECT sum(link.weight * CASE WHEN child.state = 'done' THEN 1.0
                       WHEN child.total > 0 THEN min(1.0, child.done / child.total) ELSE 0.0 END)
            FROM job_link AS link JOIN job AS child ON child.id = link.child_id
            WHERE link.parent_id = parent.id AND link.parent_attempt = parent.attempt) AS done
        FROM job_link AS up JOIN job AS parent ON parent.id = up.parent_id
        WHERE up.child_id = ? AND parent.state = 'running'""",
        (child_id,),
    ).fetchall()
    for parent in parents:
        done = min(1.0, parent["done"] or 0.0)
        if (done, note) == (parent["before"], parent["note"]):
            continue
        connection.execute(
            "UPDATE job SET done = ?, total = 1.0, note = ? WHERE id = ?",
            (done, note, parent["id"]),
        )
        rows.add_event(
            connection, parent["id"], "progress", stage=stage, done=done, total=1.0, note=note
        )
