"""Cues as they stand in a file, and their repair into lines that can be spoken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from dubwright_kit.contracts import Word

from .model import Segment

READING_CHARACTERS_PER_S = 15.0
SHORTEST_S = 0.2
REPAIRED_SHORTEST_S = 0.7


@dataclass(frozen=True)
class Transcript:
    """What a file with times says: lines in order of time, and what had to be repaired."""

    lines: tuple[Segment, ...]
    language: str = ""
    notes: tuple[str, ...] = ()


class Unreadable(Exception):  # noqa: N818 - caught beside; the word says what the text is
    """The text breaks its format at ``line`` (counted from 1); turned into a Problem with the path."""

    def __init__(self, why: str, line: int) -> None:
        super().__init__(f"line {line}: {why}")


@dataclass
class CueList:
    """Collects cues while a file is read; :meth:`transcript` repairs and orders them."""

    language: str = ""
    notes: list[str] = field(default_factory=list)
    _cues: list[Segment] = field(default_factory=list)
    _empty: int = 0

    def add(
        self,
        start_s: float,
        end_s: float,
        text: str,
        speaker: str | None = None,
        words: tuple[Word, ...] = (),
    ) -> None:
        """Add a cue; one without text is only counted."""
        if text:
            self._cues.append(Segment(0, start_s, end_s, text, speaker or None, words))
        else:
            self._empty += 1

    def transcript(self) -> Transcript:
        """Return the lines sorted by time, ends repaired, numbered from 0."""
        notes = list(self.notes)
        ordered = sorted(self._cues, key=lambda cue: (cue.start_s, cue.end_s))
        if self._empty:
            notes.append(f"{self._empty} cues without text were left out")
        if ordered != self._cues and [c.start_s for c in ordered] != [
            c.start_s for c in self._cues
        ]:
            notes.append("the cues were out of order and were sorted by time")
        lines = []
        repaired = overlapping = 0
        for position, cue in enumerate(ordered):
            following = ordered[position + 1].start_s if position + 1 < len(ordered) else None
            end_s, words = cue.end_s, cue.words
            if end_s <= cue.start_s:
                end_s, words = _likely_end(cue, following), ()
                repaired += 1
            elif following is not None and end_s > following + 0.001:
                overlapping += 1
            lines.append(replace(cue, index=position, end_s=end_s, words=words))
        if repaired:
            notes.append(f"{repaired} cues ended before they began; their ends were estimated")
        if overlapping:
            notes.append(f"{overlapping} cues overlap the next one and were kept so")
        return Transcript(tuple(lines), self.language, tuple(notes))


def _likely_end(cue: Segment, following_s: float | None) -> float:
    wanted = cue.start_s + max(REPAIRED_SHORTEST_S, len(cue.text) / READING_CHARACTERS_PER_S)
    if following_s is None or following_s - cue.start_s < SHORTEST_S:
        return wanted
    return min(wanted, following_s)


def clock_s(hours: str | None, minutes: str, seconds: str, fraction: str | None) -> float:
    """Return seconds from the parts of a time; "5" after the point is half a second."""
    whole = int(hours or 0) * 3600 + int(minutes) * 60 + int(seconds)
    return whole + (int(fraction) / 10 ** len(fraction) if fraction else 0.0)


def clock_parts(time_s: float) -> tuple[int, int, int, int]:
    """Return hours, minutes, seconds, milliseconds, rounded to the millisecond."""
    total_ms = max(0, round(time_s * 1000))
    rest, milliseconds = divmod(total_ms, 1000)
    rest, seconds = divmod(rest, 60)
    hours, minutes = divmod(rest, 60)
    return hours, minutes, seconds, milliseconds


def millisecond_span(line: Segment) -> tuple[float, float]:
    """Return the line's times so that in milliseconds it still ends after it starts."""
    return line.start_s, max(line.end_s, line.start_s + 0.001)


def speakers_of(lines: Iterable[Segment]) -> list[str]:
    """Return the speakers in order of first appearance."""
    return list(dict.fromkeys(line.speaker for line in lines if line.speaker))
