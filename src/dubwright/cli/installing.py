"""Showing an installation: a bar for each pack on a terminal, lines in a log or pipe."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from dubwright.cli.text import clock, short, size

if TYPE_CHECKING:
    from dubwright.cli.face import Face
    from dubwright.jobs.model import JobEvent
    from dubwright.studio.installs import PackProgress
    from dubwright.studio.work import Handle

LOOK_S = 0.2
"""How often the rows are looked at while events come."""
LINE_S = 10.0
_FILE_CHARS = 40
_NARROW = 100
"""Columns; on a narrower terminal the bytes and the time left matter more than a long bar."""
_SHOWN = {"preflight": "preparing", "python": "preparing", "resolve": "looking up"}
"""Words for states whose names say little to a person."""

Show = Callable[["JobEvent"], None]


def state(pack: PackProgress) -> str:
    """One word or two for what goes on with a pack."""
    return _SHOWN.get(pack.state, pack.state)


def words(pack: PackProgress) -> str:
    """What there is to say of a pack beside its state: bytes, rate, time left, file, what it waits for."""
    if pack.problem is not None:
        return pack.problem.message
    said = []
    if pack.state == "downloading":
        if pack.done_bytes is not None:
            said.append(_share(pack.done_bytes, pack.total_bytes))
        if pack.rate_bytes_s:
            said.append(f"{size(pack.rate_bytes_s)}/s")
        if pack.left_s is not None:
            said.append(f"{clock(pack.left_s)} left")
        if pack.waiting:
            said.append(short(pack.waiting, 2 * _FILE_CHARS))
        elif pack.file:
            said.append(short(pack.file, _FILE_CHARS))
    return ", ".join(said)


def _share(done_bytes: int, total_bytes: int | None) -> str:
    """ "1.5 of 6.0 MB", "820.0 kB of 6.0 MB"."""
    done = size(done_bytes)
    if not total_bytes:
        return done
    total = size(total_bytes)
    return f"{done.removesuffix(total[-3:])} of {total}"


class Lines:
    """A line whenever a pack's state changes, and one every ten seconds of what goes on."""

    def __init__(self, face: Face, handle: Handle) -> None:
        self._face = face
        self._handle = handle
        self._states: dict[str, str] = {}
        self._note = ""
        self._looked_s = self._said_s = 0.0

    def __call__(self, event: JobEvent) -> None:
        now_s = time.monotonic()
        if event.kind == "note" and event.note != self._note:
            self._note = event.note
            self._face.note(event.note)
        if event.kind == "progress" and now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        for pack in self._handle.packs():
            fresh = state(pack) != self._states.get(pack.pack, "queued")
            self._states[pack.pack] = state(pack)
            if fresh or (pack.note and now_s - self._said_s >= LINE_S):
                self._say(pack)

    def _say(self, pack: PackProgress) -> None:
        self._said_s = time.monotonic()
        share = f" {100 * pack.fraction:3.0f} %" if pack.note else ""
        about = words(pack)
        self._face.note(f"{pack.pack}: {state(pack)}{share}{f'  {about}' if about else ''}")


@contextmanager
def bars(face: Face, handle: Handle) -> Iterator[Show]:
    """A bar for each pack, with its step, bytes, rate, time left and file."""
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from rich.table import Column

    narrow = face.err.width < _NARROW
    # Only the last column gives way, else a long file name would squeeze the others to nothing.
    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
    columns = (
        TextColumn("{task.description}", table_column=Column(no_wrap=True)),
        TextColumn("{task.fields[state]:<11}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=6 if narrow else 24),
        TextColumn("{task.percentage:>3.0f} %"),
        *(() if narrow else (TimeElapsedColumn(),)),
        TextColumn("[dim]{task.fields[words]}", table_column=rest),
    )
    with Progress(*columns, console=face.err, transient=False, expand=True) as progress:
        packs = handle.packs()
        width = max((len(pack.pack) for pack in packs), default=0)
        tasks = {
            pack.pack: progress.add_task(
                f"{pack.pack:<{width}}",
                start=False,
                total=1.0,
                completed=pack.fraction,  # type: ignore[arg-type]  # rich counts any number
                state=state(pack),
                words="",
            )
            for pack in packs
        }
        by_id = {task.id: task for task in progress.tasks}
        looked_s = 0.0

        def look() -> None:
            nonlocal looked_s
            looked_s = time.monotonic()
            for pack in handle.packs():
                task = tasks[pack.pack]
                if pack.state != "queued":
                    progress.start_task(task)
                ended = pack.state in ("done", "failed", "cancelled")
                about = words(pack)
                if narrow and not about and not ended and pack.state != "queued":
                    about = clock(by_id[task].elapsed or 0.0)
                progress.update(
                    task, completed=pack.fraction, state=state(pack), words=escape(about)
                )
                if ended:
                    progress.stop_task(task)

        def show(event: JobEvent) -> None:
            if event.kind != "progress" or time.monotonic() - looked_s >= LOOK_S:
                look()
            if event.kind == "note" and tasks:  # a worker starts, or died and is replaced
                progress.update(next(iter(tasks.values())), words=escape(event.note))

        yield show
        look()
