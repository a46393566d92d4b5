"""Progress of an install: named steps with bytes and time, as events and as one report."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from dubwright.packs.toolchain.uv import UvState
from dubwright_kit import Report

if TYPE_CHECKING:
    from dubwright.packs.fetch.fetcher import FetchState

Step = Literal[
    "wait",
    "preflight",
    "python",
    "resolve",
    "download",
    "install",
    "prepare",
    "check",
    "record",
    "done",
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
    "record": (0.99, 1.0),
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
    "record": "writing down what was built",
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
    waiting: str = ""
    """What the download waits for, such as a server that asked to come back later."""


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
        self._step: Step = "wait"
        self._begun = time.monotonic()
        self._fraction = 0.0

    def enter(self, step: Step) -> None:
        """The step begins (again, when it was there before)."""
        if step != self._step:
            self._begun = time.monotonic()
        self._step = step
        self.show(0.0)

    def show(self, fraction: float, note: str = "", *, heartbeat: bool = False) -> None:
        """The current step is ``fraction`` done; ``heartbeat`` adds its seconds to the note."""
        seconds = time.monotonic() - self._begun
        if heartbeat and seconds >= 1.0:
            note = f"{note}, {seconds:.0f} s".removeprefix(", ")
        self._tell(fraction, note)

    def follow_fetch(self, state: FetchState) -> None:
        """A tick of the fetcher."""
        fraction = state.done_bytes / state.total_bytes if state.total_bytes else 0.0
        words = [state.current] if state.current else []
        if state.total_bytes:
            words.append(f"{state.done_bytes / 1e6:.1f} of {state.total_bytes / 1e6:.1f} MB")
        if state.rate_bytes_s:
            words.append(f"{state.rate_bytes_s / 1e6:.1f} MB/s")
        if state.left_s is not None:
            words.append(f"{state.left_s:.0f} s left")
        words += [state.note] if state.note else []
        self._tell(min(1.0, fraction), ", ".join(words), state)

    def follow_uv(self, state: UvState) -> None:
        """A tick of uv, which works on files that are here."""
        self.show(0.0, state.current, heartbeat=True)

    def _tell(self, fraction: float, note: str, fetch: FetchState | None = None) -> None:
        start, end = _SPAN[self._step]
        # Steps repeat (another rung of the ladder fetches again): never go back.
        self._fraction = max(self._fraction, start + (end - start) * min(1.0, max(0.0, fraction)))
        text = f"{self._pack}: {_WORDS[self._step]}" + (f" {note}" if note else "")
        self._events(
            InstallEvent(
                self._pack,
                self._step,
                fetch.done_bytes if fetch else None,
                fetch.total_bytes if fetch else None,
                text,
                self._fraction,
                fetch.rate_bytes_s if fetch else None,
                fetch.left_s if fetch else None,
                fetch.current if fetch else "",
                fetch.note if fetch else "",
            )
        )
        self._report(self._number + self._fraction, self._count, text)
