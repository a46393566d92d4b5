"""Jobs as every process sees them: enqueue, look, follow, cancel, retry. Imports nothing heavy.

A job is enqueued by writing its row; the worker hands rows to DBOS (``worker.py``). So there is
no moment between two writes in which a kill could leave a row without a workflow or the other way
round, a job may be submitted while no worker runs, and submitting costs milliseconds instead of
the second and a half that importing DBOS takes.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from dubwright.home import Home
from dubwright_kit import NextAction, Problem

from . import rows
from .lock import is_held
from .model import CLOSED, Job, JobEvent, JobRequest, State
from .schema import Database
from .trouble import check_room, database_problem

FOLLOW_INTERVAL_S = 0.1
WORKER_GRACE_S = 3.0
"""How long a follower waits for a worker before it says that none runs."""
QUIET_S = 5.0
"""After so long without an event a follower looks whether events can be written at all."""
_EVENTS_A_TIME = 1000


class Jobs:
    """The :class:`~dubwright.jobs.model.JobEngine` of one home. Thread safe."""

    def __init__(self, home: Home) -> None:
        """Opens nothing yet.

        Any method may raise Problem ``home-too-new``, ``jobs-busy``, ``jobs-damaged``,
        ``jobs-unusable`` or ``disk-full``.
        """
        self._home = home
        self._database = Database(home)

    def __enter__(self) -> Jobs:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the database connection; a later call opens it again."""
        self._database.close()

    def submit(self, request: JobRequest) -> Job:
        """Enqueue, or return the open job that asks for the same (type, item and options)."""
        with self._writing() as connection:
            return rows.to_job(rows.find(connection, rows.insert(connection, request)))

    def job(self, job_id: str) -> Job:
        """Return the job with this id or unique beginning. Raises Problem ``job-not-found``."""
        with self._reading() as connection:
            return rows.to_job(rows.find(connection, job_id))

    def jobs(
        self, state: State | None = None, item_id: str | None = None, parent_id: str | None = None
    ) -> list[Job]:
        """Return the jobs that fit, newest first. ``parent_id``: the children of that job."""
        conditions: list[str] = []
        values: list[Any] = []
        if state is not None:
            conditions.append("state = ?")
            values.append(state)
        if item_id is not None:
            conditions.append("item_id = ?")
            values.append(item_id)
        if parent_id is not None:
            conditions.append("id IN (SELECT child_id FROM job_link WHERE parent_id = ?)")
            values.append(parent_id)
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        with self._reading() as connection:
            found = connection.execute(
                f"SELECT * FROM job{where} ORDER BY created_at DESC, rowid DESC",  # noqa: S608 - fixed conditions
                values,
            ).fetchall()
        return [rows.to_job(row) for row in found]

    def events(
        self, after_id: int = 0, job_ids: Sequence[str] = (), limit: int | None = None
    ) -> list[JobEvent]:
        """Return events in order, of the named jobs (exact ids) or of all, at most ``limit``."""
        named = f" AND job_id IN ({', '.join('?' * len(job_ids))})" if job_ids else ""
        with self._reading() as connection:
            found = connection.execute(
                f"SELECT * FROM job_event WHERE id > ?{named} ORDER BY id LIMIT ?",  # noqa: S608 - placeholders only
                (after_id, *job_ids, -1 if limit is None else limit),
            ).fetchall()
        return [rows.to_event(row) for row in found]

    def details(self, job_ids: Sequence[str]) -> list[JobEvent]:
        """Return, of each named job (exact ids), the newest event of its newest attempt that carries
        a ``detail``; in the order of the events."""
        with self._reading() as connection:
            found = [
                connection.execute(
                    "SELECT * FROM job_event WHERE job_id = ? AND detail IS NOT NULL AND id >"
                    " (SELECT max(first_event_id) FROM job_attempt WHERE job_id = ?)"
                    " ORDER BY id DESC LIMIT 1",
                    (job_id, job_id),
                ).fetchone()
                for job_id in job_ids
            ]
        events = [rows.to_event(row) for row in found if row is not None]
        return sorted(events, key=lambda event: event.id)

    def follow(self, job_id: str) -> Iterator[JobEvent]:
        """Yield the events of the job's newest attempt and of its children until it is closed.

        Raises Problem ``job-not-found``, ``worker-stopped`` when the job is open and for three
        seconds there was no event and no worker (it died, or none was started), and ``disk-full``
        when nothing comes because there is no room to write it down.
        """
        job_id = self.job(job_id).id
        last = self._before_attempt(job_id)
        alive_s = heard_s = time.monotonic()
        while True:
            closed = self.job(job_id).state in CLOSED  # asked first: no event comes after
            fresh = self._family_events(job_id, last)
            for event in fresh:
                last = event.id
                yield event
            now_s = time.monotonic()
            if fresh:
                alive_s = heard_s = now_s
            elif closed:
                return
            else:
                if self.worker_running():
                    alive_s = now_s
                elif now_s - alive_s > WORKER_GRACE_S:
                    raise _worker_stopped(self.job(job_id))
                if now_s - heard_s > QUIET_S:
                    heard_s = now_s
                    check_room(self._home.database.parent, job_id)
                time.sleep(FOLLOW_INTERVAL_S)

    def cancel(self, job_id: str) -> Job:
        """Ask the job and its children to stop; a queued one is closed at once.

        The worker passes the request on within 0.2 s. Nothing happens to a closed job.
        """
        with self._writing() as connection:
            row = rows.find(connection, job_id)
            # Asked while we hold the write lock: a worker that starts now can claim nothing
            # before this transaction is through.
            rows.request_cancel(
                connection, row["id"], close_running=not is_held(self._home.worker_lock)
            )
            return rows.to_job(rows.find(connection, row["id"]))

    def retry(self, job_id: str) -> Job:
        """Open a new attempt of a failed or cancelled job; its finished children are kept.

        Returns another open job instead when that one asks for the same, and the job itself when it
        is open but no worker runs: the next one goes on with it. Raises Problem
        ``job-not-retryable`` for a job that a worker has (also while it is stopping) or that is done.
        """
        with self._writing() as connection:
            row = rows.find(connection, job_id)
            # As in cancel: a worker that starts now can claim nothing before we are through.
            if row["state"] not in CLOSED and not is_held(self._home.worker_lock):
                if row["cancel_at"] is None:
                    return rows.to_job(row)
                rows.request_cancel(connection, row["id"], close_running=True)
            return rows.to_job(rows.find(connection, rows.retry(connection, row["id"])))

    def log_path(self, job_id: str) -> Path:
        """Return the job's log file, which need not exist yet. Raises Problem ``job-not-found``."""
        return self._home.job(self.job(job_id).id) / "job.log"

    def worker_running(self) -> bool:
        """True while some process (this one included) is the worker of this home."""
        return is_held(self._home.worker_lock)

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        with self._telling(), self._database.read() as connection:
            yield connection

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._telling(), self._database.write() as connection:
            yield connection

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn what the database cannot do into a Problem."""
        try:
            yield
        except (sqlite3.IntegrityError, sqlite3.ProgrammingError):
            raise  # ours to mend, not the user's
        except sqlite3.DatabaseError as error:
            raise database_problem(error, self._home.database) from error

    def _family_events(self, job_id: str, after_id: int) -> list[JobEvent]:
        # One statement, so that a child and its first event are seen together or not yet.
        with self._reading() as connection:
            found = connection.execute(
                "SELECT * FROM job_event WHERE id > ? AND (job_id = ? OR job_id IN"
                " (SELECT child_id FROM job_link WHERE parent_id = ?)) ORDER BY id LIMIT ?",
                (after_id, job_id, job_id, _EVENTS_A_TIME),
            ).fetchall()
        return [rows.to_event(row) for row in found]

    def _before_attempt(self, job_id: str) -> int:
        with self._reading() as connection:
            row = connection.execute(
                "SELECT first_event_id FROM job_attempt WHERE job_id = ? ORDER BY number DESC",
                (job_id,),
            ).fetchone()
        return int(row["first_event_id"]) - 1


def _worker_stopped(job: Job) -> Problem:
    return Problem(
        "worker-stopped",
        f"Job {job.id} ({job.type}) is {job.state}, but no worker runs.",
        NextAction("start a worker; the job goes on where it was", "worker", {}),
    )
