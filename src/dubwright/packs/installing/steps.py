"""Progress of an install: named steps with bytes and time, as events and as one report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from dubwright.packs.toolchain.uv import UvState
from dubwright_kit import Report

Step = Literal[
    "wait", "preflight", "python", "resolve", "download", "install", "prepare", "check", "done"
]

_SPAN: dict[str, tuple[float, float]] = {
    "wait": (0.0, 0.0),
    "preflight": (0.0, 0.005),
    "python": (0.005, 0.01),
    "resolve": (0.01, 0.05),
    "download": (0.05, 0.80),
    "install": (0.80, 0.88),
    "prepare": (0.88, 0.93),
    "check": (0.93, 0.99),
    "done": (1.0, 1.0),
}
"""Where each step lies in a pack's 0..1; downloads take nearly all of the time."""

_WORDS = {
    "wait": "waiting for another installation",
    "preflight": "looking at this machine",
    "python": "looking for Python",
    "resolve": "asking the index",
    "download": "downloading",
    "install": "installing",
    "prepare": "converting the weights",
    "check": "checking",
    "done": "ready",
}


@dataclass(frozen=True)
class InstallEvent:
    """One pack's progress. ``done_bytes`` and ``total_bytes`` are of the download, None when unknown.

    ``fraction`` is of the whole pack (0..1); ``left_s`` the time that the download still needs.
    """

    pack: str
    step: Step
    done_bytes: int | None = None
    total_bytes: int | None = None
    note: str = ""
    fraction: float = 0.0
    rate_bytes_s: float | None = None
    left_s: float | None = None
    file: str = ""


Events = Callable[[InstallEvent], None]


def unheard(event: InstallEvent) -> None:
    """Events that nobody listens to."""


class Steps:
    """Progress of pack ``number`` of ``count``. Every method may raise what ``report`` raises."""

    def __init__(
        self,
        pack: str,
        number: int,
        count: int,
        report: Report,
        events: Events,
    ) -> None:
        self._pack = pack
        self._number = number
        self._count = count
        self._report = report
        self._events = events
        self._download_bytes = 0
        self._unpacked_bytes = 0
        self._step: Step = "resolve"
        self._begun = time.monotonic()
        self._fraction = 0.0

    def expect(self, download_bytes: int, unpacked_bytes: int) -> None:
        """What the plan says will come."""
        self._download_bytes = download_bytes
        self._unpacked_bytes = unpacked_bytes

    def enter(self, step: Step) -> None:
        """The step begins."""
        self._step = step
        self._begun = time.monotonic()
        self.show(0.0)

    def show(
        self,
        fraction: float,
        note: str = "",
        done_bytes: int | None = None,
        heartbeat: bool = False,
    ) -> None:
        """The current step is ``fraction`` done; ``heartbeat`` adds its seconds to the note."""
        start, end = _SPAN[self._step]
        # Steps repeat (one uv run for the environment, one for weights): never go back.
        self._fraction = max(self._fraction, start + (end - start) * min(1.0, max(0.0, fraction)))
        text = f"{self._pack}: {_WORDS[self._step]}" + (f" {note}" if note else "")
        seconds = time.monotonic() - self._begun
        if heartbeat and seconds >= 1.0:
            text += f", {seconds:.0f} s"
        total = self._download_bytes if done_bytes is not None else None
        self._events(InstallEvent(self._pack, self._step, done_bytes, total, text))
        self._report(self._number + self._fraction, self._count, text)

    def follow_uv(self, state: UvState) -> None:
        """A tick of uv."""
        step: Step = "download" if state.step == "download" else "install"
        if state.step == "resolve":
            step = "resolve"
        if step != self._step:
            self.enter(step)
        if step == "download" and state.written_bytes is not None and self._unpacked_bytes:
            fraction = min(0.99, state.written_bytes / self._unpacked_bytes)
            done = int(fraction * self._download_bytes)
            words = f"{state.current} " if state.current else ""
            note = f"{words}(about {done / 1e6:.1f} of {self._download_bytes / 1e6:.1f} MB)"
            self.show(fraction, note, done, heartbeat=True)
        else:
            self.show(0.0, state.current, heartbeat=True)
