"""Which part of a log counts: that of the last attempt that came to an end.

One log may hold several runs of uv, pip and Python. What an earlier run failed of says nothing
about the later one, so the lines are cut where a run begins or has said its last word.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from dubwright.packs.diagnosis.lines import Line
from dubwright.packs.diagnosis.rulebook import Rulebook

_TRACEBACK = "Traceback (most recent call last):"
_RAISED = re.compile(r"^[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning)\b")


@dataclass
class Attempt:
    """``apart`` is True when it surely began anew, not only probably."""

    apart: bool
    lines: list[Line] = field(default_factory=list)
    succeeded: bool = False

    def fails(self, book: Rulebook) -> bool:
        """True when a line says plainly that something failed."""
        return any(book.fails.search(line.text) for line in self.lines) or self._raised()

    def fails_vaguely(self, book: Rulebook) -> bool:
        """True when a line tells of a failure elsewhere, such as an exit code."""
        return any(book.fails_vaguely.search(line.text) for line in self.lines)

    def _raised(self) -> bool:
        last = next((one for one in reversed(self.lines) if one.text.strip()), None)
        return last is not None and _RAISED.match(last.text) is not None


def attempts(lines: Sequence[Line], book: Rulebook) -> list[Attempt]:
    """Cut a log into runs, in order."""
    found = [Attempt(apart=True)]
    closing = False
    for index, line in enumerate(lines):
        if book.noise.search(line.text):
            continue
        now = found[-1]
        apart = book.begins.match(line.text) is not None
        done = closing and bool(line.text.strip()) and not book.goes_on.match(line.text)
        if now.lines and (apart or done or _raised_before(lines, index)):
            now = Attempt(apart)
            found.append(now)
            closing = False
        now.lines.append(line)
        if book.succeeds.match(line.text):
            now.succeeded = True
            found.append(Attempt(apart=True))
            closing = False
        elif book.ends.match(line.text):
            closing = True
    return [one for one in found if one.lines]


def _raised_before(lines: Sequence[Line], index: int) -> bool:
    """True at a traceback that follows the end of another one without being its continuation."""
    if lines[index].text != _TRACEBACK:
        return False
    before = [one.text for one in lines[max(0, index - 6) : index] if one.text.strip()]
    return len(before) > 1 and _RAISED.match(before[-1]) is not None and before[-2][:1] == " "


def newest_first(found: Sequence[Attempt], book: Rulebook) -> Iterator[Attempt]:
    """The attempts that may explain the outcome: the last, and those before it that it may belong to."""
    for attempt in reversed(found):
        yield attempt
        if attempt.apart and (attempt.fails(book) or attempt.fails_vaguely(book)):
            return
