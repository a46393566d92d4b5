"""The worker: the one process of a home that runs jobs, in a terminal of its own or within a command."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Mapping
from types import TracebackType

from dubwright.home import Home
from dubwright_kit import NextAction, Problem

from .attempts import Attempts, Waiting
from .context import LogFile
from .faults import FaultTrace
from .lock import WorkerLock
from .model import CLOSED, PARENT_QUEUES, Job, JobType, Queue
from .queues import OVER, Queues
from .runner import Runner, unknown_type
from .schema import Database

TICK_S = 0.1
"""How often new jobs and requests to stop are looked for."""
TICK_AFTER_FAILURE_S = 1.0
RECONCILE_S = 30.0
CLOSE_TIMEOUT_S = 10.0
"""Guests are gone two seconds after they were asked; the rest is margin for a loaded machine."""
_DISPATCHES_A_TICK = 50


class Worker:
    """Runs the jobs of a home until it is closed. A context manager; one at a time in a process."""

    def __init__(
        self,
        home: Home,
        job_types: Mapping[str, JobType],
        *,
        item_slots: int = 4,
        pack_slots: int = 2,
        cpu_slots: int = 1,
        gpu_slots: int = 1,
        net_slots: int = 2,
    ) -> None:
        """``*_slots``: how many jobs of a queue run at the same time. Starts nothing yet."""
        for job_type in job_types.values():
            if (job_type.children is None) == (job_type.run is None):
                raise ValueError(f"{job_type.name} must have either run or children")
            if job_type.children is not None and job_type.queue not in PARENT_QUEUES:
                raise ValueError(
                    f"{job_type.name} waits for children: its queue must be one of parents"
                )
        self._home = home
        self._types = dict(job_types)
        slots: dict[Queue, int] = {
            "items": item_slots,
            "packs": pack_slots,
            "cpu": cpu_slots,
            "gpu": gpu_slots,
            "net": net_slots,
        }
        used = {job_type.queue for job_type in job_types.values()}
        self._slots = {queue: number for queue, number in slots.items() if queue in used}
        self._lock = WorkerLock(home.worker_lock)
        self._database = Database(home)
        self._attempts = Attempts(self._database)
        self._faults = FaultTrace(home.logs / "worker-crash.log")
        self._log = logging.Logger("dubwright.worker")
        self._handler: logging.Handler | None = None
        self._wake = threading.Event()
        self._runner = Runner(home, self._types, self._attempts, self._log, self._wake.set)
        self._stopped = threading.Event()
        self._handed: set[Waiting] = set()
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Worker:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Become the worker of the home and take up what the last one left.

        Raises Problem ``worker-running`` when another process is it, ``home-not-writable``.
        """
        self._home.prepare()
        if not self._lock.acquire():
            raise self._already_running()
        try:
            self._start_parts()
        except BaseException:
            self._stop_parts()
            self._lock.release()
            raise
        self._thread = threading.Thread(target=self._tick, name="dubwright-worker", daemon=True)
        self._thread.start()

    def _start_parts(self) -> None:
        self._handler = LogFile(self._home.logs / "worker.log", encoding="utf-8")
        self._handler.setFormatter(
            logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s")
        )
        self._log.addHandler(self._handler)
        own_crash = self._faults.start()
        self._attempts.begin()
        # Before the engine is launched: it then hands out the workflows of these jobs again.
        taken = self._attempts.recover(is_parent=self._runner.is_parent, own_crash=own_crash)
        self._log.info("session %s; taken up again: %s", self._attempts.session, taken)
        self._queues = Queues(self._home, self._slots, self._runner.run, self._handler)
        self._queues.start()

    def _stop_parts(self) -> None:
        self._faults.stop()
        if self._handler is not None:
            self._log.removeHandler(self._handler)
            self._handler.close()
            self._handler = None

    def close(self) -> None:
        """Stop. Running jobs are interrupted and go on, in the same attempt, at the next start.

        Within a second when nothing runs, else as soon as the running jobs have obeyed. A job
        that does not within ten seconds keeps the worker lock until this process ends, because a
        second worker must not run it at the same time.
        """
        if self._thread is None:
            return
        idle = self._runner.stop(CLOSE_TIMEOUT_S)
        self._stopped.set()
        self._wake.set()
        self._thread.join()
        self._thread = None
        if idle:
            self._queues.settle()
        self._queues.close()
        if idle:
            try:
                self._attempts.end()
            except sqlite3.OperationalError as error:  # a full disk; the next session ends this one
                self._log.error("the session's end could not be written: %s", error)
            self._database.close()
            self._lock.release()
        else:
            ids = [context.job.id for context in self._runner.running()]
            self._log.error("closed while jobs do not stop: %s; the lock stays", ids)
        self._stop_parts()

    def wait(self, job_id: str, timeout_s: float | None = None) -> Job:
        """Return the job once it is closed. Raises Problem ``job-not-found``, ``TimeoutError``."""
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            job, _ = self._attempts.job(job_id)
            if job.state in CLOSED:
                return job
            if deadline is not None and time.monotonic() > deadline:
                raise TimeoutError(f"job {job.id} is still {job.state}")
            self._runner.wait_for_change(TICK_S)

    def _tick(self) -> None:
        reconciled_s = time.monotonic()
        while not self._stopped.is_set():
            self._wake.wait(TICK_S)
            self._wake.clear()
            try:
                self._pass_on_cancels()
                for context in self._runner.running():
                    context.flush()
                self._dispatch()
                if time.monotonic() - reconciled_s > RECONCILE_S:
                    reconciled_s = time.monotonic()
                    self._reconcile()
            except Exception:  # the next tick tries again; a worker without this loop would be deaf
                self._log.exception("tick failed")
                self._stopped.wait(TICK_AFTER_FAILURE_S)

    def _pass_on_cancels(self) -> None:
        wanted = set(self._attempts.cancel_requests())
        for context in self._runner.running() if wanted else ():
            if context.job.id in wanted:
                context.stop("cancel")

    def _dispatch(self) -> None:
        """Hand queued jobs to DBOS; once each, unless DBOS turns out to be through with one."""
        waiting = self._attempts.waiting()
        self._queues.hurry(bool(waiting or self._runner.running()))
        self._handed.intersection_update(waiting)
        fresh = [job for job in waiting if job not in self._handed][:_DISPATCHES_A_TICK]
        if not fresh:
            return
        statuses = self._queues.statuses([job.workflow_id for job in fresh])
        for job in fresh:
            status = statuses.get(job.workflow_id)
            job_type = self._types.get(job.type)
            if job_type is None:
                self._attempts.refuse(job, unknown_type(job.job_id, job.type))
            elif status in OVER:
                self._attempts.redispatch(job)
            else:
                if status is None:
                    self._queues.enqueue(
                        job_type.queue,
                        job.workflow_id,
                        (job.job_id, job.attempt, job.dispatch),
                        ahead=job.dispatch > 0,
                    )
                self._handed.add(job)

    def _reconcile(self) -> None:
        """Make our rows and DBOS' agree again, should they ever differ."""
        for job_id in self._runner.recover():
            self._log.error("job %s was marked as running here and did not", job_id)
        self._handed.clear()  # their workflows are looked at anew in the next tick

    def _already_running(self) -> Problem:
        pid = self._attempts.other_worker_pid()
        who = "Another process" if pid is None else f"Another process ({pid})"
        return Problem(
            "worker-running",
            f"{who} already runs the jobs of {self._home.root}.",
            NextAction("see what it does", "jobs", {}),
        )
