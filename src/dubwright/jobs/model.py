"""What a job is to everybody outside this room: frozen records and the engine's interface."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from dubwright_kit import Problem

State = Literal["queued", "running", "done", "failed", "cancelled"]
Queue = Literal["items", "packs", "cpu", "gpu", "net"]
PARENT_QUEUES: frozenset[Queue] = frozenset({"items", "packs"})
"""Where jobs wait for their children; two, so that installs and dubs never wait for each other."""
CLOSED: frozenset[State] = frozenset({"done", "failed", "cancelled"})


@dataclass(frozen=True)
class JobRequest:
    """Ask for one job. Two open requests with the same type, item and options are one job."""

    type: str
    item_id: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """JSON values only."""
    parent_id: str | None = None


@dataclass(frozen=True)
class Job:
    id: str
    type: str
    item_id: str | None
    options: Mapping[str, Any]
    parent_id: str | None
    state: State
    attempt: int
    created_at: float
    """Unix time, like the two below."""
    started_at: float | None
    ended_at: float | None
    done: float
    total: float | None
    note: str
    """The newest progress; ``done / total`` is the job's own, ``note`` names stage and step."""
    result: Mapping[str, Any] | None
    problem: Problem | None


@dataclass(frozen=True)
class JobEvent:
    """One row of ``job_event``; ids grow, so that a follower asks for those after the last it saw."""

    id: int
    job_id: str
    at: float
    kind: Literal["state", "progress", "note"]
    stage: str
    done: float
    total: float | None
    note: str
    detail: Mapping[str, Any] | None = None
    """What else the job says about itself at this moment (JSON); what is in it depends on its type."""


class JobContext(Protocol):
    """What a running leaf job may use. Passed to ``JobType.run`` on a worker thread."""

    job: Job
    log_path: Path
    """The job's log file, open for appending by guests too."""
    folder: Path
    """<home>/jobs/<job_id>"""
    log: logging.Logger

    def report(
        self,
        done: float,
        total: float | None = None,
        note: str = "",
        *,
        detail: Mapping[str, Any] | None = None,
        at_once: bool = False,
    ) -> None:
        """Progress of the current stage; raises ``Cancelled`` when asked to stop.

        Throttled to 4 Hz unless ``at_once``. ``detail`` (JSON) goes with the event. A job that
        reports nothing for a while is heard all the same: its last progress is repeated."""

    def stage(self, name: str, start: float = 0.0, end: float = 1.0) -> None:
        """From now on reports are of stage ``name`` and fill ``start..end`` of the job's progress."""

    def cancelled(self) -> bool:
        """True once somebody asked the job to stop; cheap (no query)."""

    def check(self) -> None:
        """Raise ``Cancelled`` if :meth:`cancelled`."""


@dataclass(frozen=True)
class JobType:
    """How jobs of one type run: a leaf has ``run``, a parent has ``children`` run one after another."""

    name: str
    queue: Queue
    run: Callable[[JobContext], Mapping[str, Any]] | None = None
    """Returns the result (JSON). Must be idempotent: it may run again after a crash."""
    children: Callable[[Job], Sequence[tuple[JobRequest, float]]] | None = None
    """The children in order, each with its weight in the parent's progress. The parent's result is
    the last child's, with ``{"children": [ids]}``; a failed child fails the parent with its Problem."""
    sum_up: Callable[[Job, Sequence[Job]], Problem] | None = None
    """For a parent whose children do not build on each other: every one of them is run, and what
    this makes of the failed ones (the parent, they) is the parent's Problem. The result is then
    ``{"children": [ids]}`` alone."""


class JobEngine(Protocol):
    """Durable jobs. Faces use it to enqueue and to look; only :meth:`work` runs anything."""

    def submit(self, request: JobRequest) -> Job:
        """Enqueue, or return the open job that asks for the same."""

    def job(self, job_id: str) -> Job:
        """Raises Problem ``job-not-found``; a unique prefix of an id is enough."""

    def jobs(
        self, state: State | None = None, item_id: str | None = None, parent_id: str | None = None
    ) -> list[Job]:
        """Newest first."""

    def events(self, after_id: int = 0, job_ids: Sequence[str] = ()) -> list[JobEvent]:
        """Events in order, of the named jobs or of all."""

    def follow(self, job_id: str) -> Iterator[JobEvent]:
        """Events of the job and its children until it is closed."""

    def cancel(self, job_id: str) -> Job:
        """Ask to stop (children too); the process tree is gone within 2 s. No-op when closed."""

    def retry(self, job_id: str) -> Job:
        """A new attempt of a failed or cancelled job; finished children are not run again.
        Raises Problem ``job-not-retryable`` for a running or done one."""

    def log_path(self, job_id: str) -> Path: ...

    def worker_running(self) -> bool:
        """True while some process holds the worker lock of this home."""
