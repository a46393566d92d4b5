"""Runs one claimed job: a leaf calls its function, a parent runs its children one after another."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from logging import Logger
from typing import Any

from dubwright.home import Home
from dubwright_kit import Cancelled, NextAction, Problem

from . import rows
from .attempts import Attempts, Waiting
from .context import RunningJob
from .model import CLOSED, Job, JobType, State
from .trouble import folder_problem

CHILD_POLL_S = 0.1
WRITE_RETRY_S = 1.0

Outcome = tuple[State, Mapping[str, Any] | None, Problem | None]


class Runner:
    """The running jobs of one worker. :meth:`run` is called on the engine's threads."""

    def __init__(
        self,
        home: Home,
        job_types: Mapping[str, JobType],
        attempts: Attempts,
        log: Logger,
        wake: Callable[[], None],
    ) -> None:
        """``wake`` is called when there may be something new to dispatch."""
        self._home = home
        self._types = job_types
        self._attempts = attempts
        self._log = log
        self._wake = wake
        self._running: dict[str, RunningJob] = {}
        self._change = threading.Condition()
        self._closing = False

    def run(self, job_id: str, attempt: int, dispatch: int) -> str:
        """Run the job if it is still this dispatch's to run; return what became of it."""
        with self._change:
            if self._closing:
                return "left for the next worker"
            job = self._attempts.claim(Waiting(job_id, "", attempt, dispatch))
            if job is None:
                return "not mine"
            try:
                context = RunningJob(self._home, job, self._attempts)
            except OSError as error:  # no folder, no log: fail with that instead of vanishing
                problem = folder_problem(error, self._home.job(job_id))
                self._attempts.finish(job_id, "failed", problem=problem)
                return "failed"
            self._running[job_id] = context
        try:
            return self._close(context, self._outcome(context))
        finally:
            with self._change:
                del self._running[job_id]
                self._change.notify_all()
            self._wake()

    def running(self) -> list[RunningJob]:
        """The jobs that run now."""
        with self._change:
            return list(self._running.values())

    def recover(self) -> list[str]:
        """Take back jobs marked as running here whose thread is gone; return their ids."""
        with self._change:  # no claim may come between the list and the look at the rows
            return self._attempts.recover(
                is_parent=self.is_parent, own_crash=False, running=list(self._running)
            )

    def is_parent(self, job_type: str) -> bool:
        """True for a type that runs children."""
        known = self._types.get(job_type)
        return known is not None and known.children is not None

    def stop(self, timeout_s: float) -> bool:
        """Take up nothing more, interrupt what runs, and wait for it; True when nothing runs."""
        with self._change:
            self._closing = True
            for context in self._running.values():
                context.stop("interrupt")
            self._change.notify_all()
            return self._change.wait_for(lambda: not self._running, timeout_s)

    def wait_for_change(self, timeout_s: float) -> None:
        """Return when a job has ended here, or after ``timeout_s``."""
        with self._change:
            self._change.wait(timeout_s)

    def _outcome(self, context: RunningJob) -> Outcome:
        job = context.job
        context.log.info(
            "attempt %d of %s (%s) item=%s options=%s",
            job.attempt,
            job.id,
            job.type,
            job.item_id,
            rows.canonical(dict(job.options)),
        )
        try:
            result = self._result(context)
            rows.canonical(result)  # a result that is not JSON is the type's bug, shown as one
        except Cancelled:
            return "cancelled", None, None
        except Problem as problem:
            context.log.error("%s: %s", problem.code, problem.message)
            return "failed", None, problem
        except BaseException as error:  # also SystemExit: a library must not take the worker along
            context.log.exception("stopped by an error in the program")
            return "failed", None, _bug(job, error)
        return "done", result, None

    def _result(self, context: RunningJob) -> dict[str, Any]:
        job_type = self._types.get(context.job.type)
        if job_type is None:
            raise unknown_type(context.job.id, context.job.type)
        if job_type.children is not None:
            return self._run_children(context, job_type)
        if job_type.run is None:
            raise ValueError(f"job type {job_type.name} has neither run nor children")
        return dict(job_type.run(context) or {})

    def _run_children(self, context: RunningJob, job_type: JobType) -> dict[str, Any]:
        assert job_type.children is not None  # noqa: S101 - tells mypy what the caller checked
        children = list(job_type.children(context.job))
        whole = sum(weight for _, weight in children) or 1.0
        seen: Counter[str] = Counter()
        result: dict[str, Any] = {}
        ids: list[str] = []
        lost: list[Job] = []
        for request, weight in children:
            if self.is_parent(request.type):
                raise ValueError(f"{request.type} has children itself: parents could starve it")
            context.check()
            key = rows.request_key(request)
            seen[key] += 1
            child_id = self._attempts.child(
                context.job,
                replace(request, parent_id=context.job.id),
                weight / whole,
                f"{key}:{seen[key]}",
            )
            self._wake()
            child = self._wait_for_child(context, child_id)
            ids.append(child.id)
            context.log.info("%s (%s): %s", child.id, child.type, child.state)
            if child.state != "done":
                lost.append(child)
                if job_type.sum_up is None:
                    break
            elif job_type.sum_up is None:
                result = dict(child.result or {})
        if lost:
            context.check()
            raise _outcome_of(context.job, lost, job_type)
        return {**result, "children": ids}

    def _wait_for_child(self, context: RunningJob, child_id: str) -> Job:
        while True:
            child, stopping = self._attempts.job(child_id)
            if child.state in CLOSED:
                return child
            # A child that another parent needs as well was not asked to stop: leave it to that one.
            if context.cancelled() and not (context.stop_reason == "cancel" and stopping):
                raise Cancelled(context.job.id)
            self.wait_for_change(CHILD_POLL_S)

    def _close(self, context: RunningJob, outcome: Outcome) -> str:
        state, result, problem = outcome
        if state != "done" and context.stop_reason == "interrupt":
            context.log.info("interrupted; goes on when a worker runs")
            context.close()
            self._persist(context, lambda: self._attempts.release(context.job.id))
            return "interrupted"
        if state != "done" and context.stop_reason == "cancel":
            # What a killed program raised on its way out is a consequence, not a failure.
            state, problem = "cancelled", None
        context.log.info("%s", state)
        context.close()
        self._persist(
            context, lambda: self._attempts.finish(context.job.id, state, result, problem)
        )
        return state

    def _persist(self, context: RunningJob, write: Callable[[], None]) -> None:
        """Write the outcome, again and again while the disk is full or the file is held."""
        while True:
            try:
                return write()
            except sqlite3.OperationalError as error:
                self._log.error("job %s: outcome not written: %s", context.job.id, error)
                if self._closing:
                    return None
                time.sleep(WRITE_RETRY_S)


def unknown_type(job_id: str, job_type: str) -> Problem:
    """The Problem of a job whose type this worker has not (another version enqueued it)."""
    return Problem(
        "job-type-unknown",
        f'Job {job_id} is of type "{job_type}", which this version of dubwright cannot run.',
        NextAction("look at the job", "job show", {"_": [job_id]}),
    )


def _outcome_of(parent: Job, lost: list[Job], job_type: JobType) -> Problem | Cancelled:
    """What a parent ends with whose children ``lost`` did not come to a good end."""
    failed = [child for child in lost if child.state == "failed"]
    if not failed:
        return Cancelled(lost[0].id)
    if job_type.sum_up is not None:
        return job_type.sum_up(parent, failed)
    return failed[0].problem or _bug(failed[0], RuntimeError("failed without saying why"))


def _bug(job: Job, error: BaseException) -> Problem:
    what = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return Problem(
        "bug",
        f"Job {job.id} ({job.type}) was stopped by an error in the program ({what}).",
        NextAction("open the log", "job log", {"_": [job.id]}),
    )
