"""How far a separation is: bars for people, lines for logs, JSON lines for programs."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubwright.cli.face import Face, command_line
from dubwright.cli.outlook import tell
from dubwright.cli.text import shown, size

if TYPE_CHECKING:
    from rich.progress import Progress

    from dubwright.studio.stems.model import SeparationPlan, StemsProgress

LINE_EVERY_S = 10.0
MOST_SKIPPED = 6
"""So many left-out files are named for each reason, the rest are counted."""


class StemsShow:
    """Says nothing but what comes before the work; the base of the other ways."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self.finished = 0

    def look(self, number: int, of: int, path: Path) -> None:
        """A file is being looked at."""

    def begin(self, plan: SeparationPlan) -> None:
        """Say what will be done."""
        kept = sum(one.settled is not None and one.settled.state == "kept" for one in plan.sources)
        self.finished = kept
        for why in dict.fromkeys(one.why for one in plan.skipped):
            names = [shown(one.path.name) for one in plan.skipped if one.why == why]
            more = f" and {len(names) - MOST_SKIPPED} more" if len(names) > MOST_SKIPPED else ""
            self.face.note(f"Left out, {why}: {', '.join(names[:MOST_SKIPPED])}{more}")
        if kept:
            self.face.note(
                f"{kept} of {len(plan.sources)} files are complete (--force does them again)."
            )
        if plan.todo:
            tell(self.face, plan.forecast)
            if plan.forecast is not None and plan.forecast.out_bytes:
                self.face.note(
                    f"The stems take about {size(plan.forecast.out_bytes)} in {plan.out}."
                )

    def watch(self, progress: StemsProgress) -> None:
        if progress.result is not None and progress.result.state == "done":
            self.finished += 1
        self.show(progress)

    def show(self, progress: StemsProgress) -> None:
        """One step of the work."""

    def stopped(self, plan: SeparationPlan) -> None:
        if not plan.batch:
            self.face.note("Stopped; nothing was written.")
            return
        self.face.note(
            f"Stopped; {self.finished} of {len(plan.sources)} files are complete and kept. "
            f"Go on with:  {command_line(plan.again, self.face.home)}"
        )


class _Json(StemsShow):
    def show(self, progress: StemsProgress) -> None:
        record = {
            "job": None,
            "at": time.time(),
            "kind": "progress" if progress.result is None else "settled",
            "stage": "separate",
            "done": progress.whole,
            "total": 1.0,
            "note": progress.step,
            "detail": {
                "source": shown(progress.source),
                "number": progress.number,
                "of": progress.of,
                "share": progress.share,
            },
        }
        print(json.dumps(record, ensure_ascii=False), file=sys.stderr, flush=True)


class _Lines(StemsShow):
    """For logs and pipes: a line when a file begins, one every ten seconds, and one at its end."""

    _number = 0
    _at = 0.0

    def show(self, progress: StemsProgress) -> None:
        several = f"[{progress.number}/{progress.of}] " if progress.of > 1 else ""
        name = f"{several}{shown(progress.source.name)}"
        now = time.monotonic()
        if progress.result is not None:
            if progress.result.state != "kept":  # those were told together
                self.face.note(f"{name}: {progress.result.state}")
        elif progress.number != self._number or now - self._at >= LINE_EVERY_S:
            self.face.note(f"{name}: {progress.step}, {100 * progress.share:.0f} %")
            self._number, self._at = progress.number, now


class _Bars(StemsShow):
    """A bar for the file at work, and one for all where there are several."""

    def __init__(self, face: Face, bars: Progress) -> None:
        super().__init__(face)
        self._bars = bars
        self._looking: Any = None
        self._all: Any = None
        self._file: Any = None

    def look(self, number: int, of: int, path: Path) -> None:
        if self._looking is None:
            self._looking = self._bars.add_task("looking", total=1.0, note="")
        self._bars.update(self._looking, completed=number / of, note=f"at file {number} of {of}")

    def begin(self, plan: SeparationPlan) -> None:
        if self._looking is not None:
            self._bars.remove_task(self._looking)
        super().begin(plan)
        if not plan.todo:
            return
        if len(plan.sources) > 1:
            self._all = self._bars.add_task("all files", total=1.0, note="")
        self._file = self._bars.add_task("separate", total=1.0, note="")

    def show(self, progress: StemsProgress) -> None:
        from rich.markup import escape

        if self._file is None:
            return
        name = f"file {progress.number}/{progress.of}" if self._all is not None else "separate"
        note = escape(f"{shown(progress.source.name)[:40]}: {progress.step}")
        self._bars.update(self._file, description=name, completed=progress.share, note=note)
        if self._all is not None:
            self._bars.update(self._all, completed=progress.whole)


@contextmanager
def display(face: Face) -> Iterator[StemsShow]:
    """The way that this terminal, log or program wants to hear of a separation."""
    if face.progress == "json":
        yield _Json(face)
    elif face.progress == "none" or face.json:
        yield StemsShow(face)
    elif not face.err.is_terminal:
        yield _Lines(face)
    else:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        columns = (
            TextColumn("{task.description:<10}"),
            BarColumn(bar_width=32),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            TextColumn("[dim]{task.fields[note]}"),
        )
        with Progress(*columns, console=face.err) as bars:
            yield _Bars(face, bars)
