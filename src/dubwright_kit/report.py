"""Progress as one callable, and the exception it raises when the caller wants to stop."""

from __future__ import annotations

from typing import Optional, Protocol


class Cancelled(Exception):
    """Raised by a report callable when the work was asked to stop. Not a failure."""


class Report(Protocol):
    """``report(done, total, note)``: units are the caller's own; ``total`` None when unknown."""

    def __call__(self, done: float, total: Optional[float] = None, note: str = "") -> None:
        """Record progress. Raises :class:`Cancelled` when the work should stop."""


def silent(done: float, total: Optional[float] = None, note: str = "") -> None:
    """A report that nobody listens to."""
