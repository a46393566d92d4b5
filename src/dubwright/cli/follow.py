"""Following a job on a terminal: bars for people, JSON lines for programs, Ctrl-C that asks."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from dubwright.cli.face import Face, program
from dubwright.jobs.model import Job, JobEvent
from dubwright.recipe import DUB_JOB, INSTALL_JOB, INSTALL_ONE_JOB
from dubwright_kit import Cancelled

if TYPE_CHECKING:
    from dubwright.studio.work import Handle


def follow(face: Face, handle: Handle) -> Job:
    """Show the job's progress until it is closed and return it; raises its Problem.

    The first Ctrl-C asks, cancels and waits for the tree to be gone; a second one leaves at once.
    """
    from dubwright.studio.work import check

    show: Show = _unseen
    try:
        with _display(face, handle) as show:
            for event in handle.events():
                show(event)
    except KeyboardInterrupt:
        # By now the bars have stopped: they would be drawn over the question.
        if not _confirmed(face):
            face.note(
                f"The job goes on when a worker runs:  {program()} worker   (job {handle.id})"
            )
            raise
        handle.cancel()
        face.note("Stopping ...")
        with _display(face, handle) if _draws(face) else nullcontext(show) as rest:
            for event in handle.events():
                rest(event)
        face.note(
            f"Stopped; what is finished is kept. Go on with:  {program()} job retry {handle.id}"
        )
        raise Cancelled(handle.id) from None
    return check(handle.job)


def _draws(face: Face) -> bool:
    """True for bars; lines of text simply go on."""
    return face.progress == "auto" and not face.json and face.err.is_terminal


def _unseen(event: JobEvent) -> None:
    """For programs that want no progress."""


def _confirmed(face: Face) -> bool:
    """Ask whether to stop; without a terminal, or when Ctrl-C comes again, the answer is yes."""
    if face.json or not sys.stdin.isatty():
        return True
    from rich.prompt import Confirm

    try:
        return Confirm.ask("Stop this job?", console=face.err, default=True)
    except (KeyboardInterrupt, EOFError):
        return True


Show = Callable[[JobEvent], None]


@contextmanager
def _display(face: Face, handle: Handle) -> Iterator[Show]:
    if face.progress == "json":
        yield _json_line
        return
    if face.progress == "none" or (face.json and face.progress == "auto"):
        yield _unseen
        return
    job = handle.job
    if job.type in (INSTALL_JOB, INSTALL_ONE_JOB):
        from dubwright.cli import installing

        if face.err.is_terminal:
            with installing.bars(face, handle) as show:
                yield show
        else:
            yield installing.Lines(face, handle)
        return
    # The id of the job whose events are the sum of its children's ("": none).
    parent = job.id if job.type == DUB_JOB else ""
    if face.err.is_terminal:
        with _bars(face, parent) as show:
            yield show
    else:
        yield _Lines(face, parent)


def _json_line(event: JobEvent) -> None:
    record = {
        "job": event.job_id,
        "at": event.at,
        "kind": event.kind,
        "stage": event.stage,
        "done": event.done,
        "total": event.total,
        "note": event.note,
        "detail": event.detail,
    }
    print(json.dumps(record, ensure_ascii=False), file=sys.stderr, flush=True)


class _Lines:
    """For logs and pipes: a line when a stage begins, and one every ten seconds."""

    def __init__(self, face: Face, parent: str):
        self._face = face
        self._parent = parent
        self._stage = ""
        self._at = 0.0

    def __call__(self, event: JobEvent) -> None:
        if event.kind != "progress" or not event.stage or event.job_id == self._parent:
            return
        now = time.monotonic()
        if event.stage != self._stage or now - self._at >= 10:
            share = f" {100 * event.done / event.total:3.0f} %" if event.total else ""
            self._face.note(f"{event.stage}{share} {event.note}".rstrip())
            self._stage, self._at = event.stage, now


@contextmanager
def _bars(face: Face, parent: str) -> Iterator[Show]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description:<12}"),
        BarColumn(bar_width=32),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[note]}"),
    )
    with Progress(*columns, console=face.err, transient=False) as progress:
        tasks: dict[str, Any] = {}

        def show(event: JobEvent) -> None:
            if event.kind != "progress" or not event.stage:
                return
            name = "whole dub" if event.job_id == parent else event.stage
            if name not in tasks:
                for other, task in tasks.items():
                    if other != "whole dub":
                        progress.update(task, completed=1.0, note="")
                        progress.stop_task(task)
                tasks[name] = progress.add_task(name, total=1.0, note="")
            share = event.done / event.total if event.total else None
            note = "" if event.job_id == parent else event.note[:60]
            progress.update(tasks[name], completed=share, note=note)

        yield show
        for task in tasks.values():
            progress.update(task, completed=1.0, note="")


def interruptible() -> None:
    """Make SIGTERM behave like Ctrl-C, so that a stopped terminal or service cancels cleanly."""
    if sys.platform != "win32":
        signal.signal(signal.SIGTERM, _raise_interrupt)


def _raise_interrupt(*_: object) -> None:
    raise KeyboardInterrupt
