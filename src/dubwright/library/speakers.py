"""Who speaks when: giving lines their speakers by time, splitting those that cross a turn. Pure."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from dubwright_kit.contracts import Turn, Word

from .model import Segment
from .wrapping import columns, join

SLIVER_S = 0.4
"""A run of another speaker shorter than this is a diarizer's border error, not a reply."""


class Timed(Protocol):
    """Anything with a start and an end: a segment, a turn, a word."""

    @property
    def start_s(self) -> float: ...

    @property
    def end_s(self) -> float: ...


class Spoken(Timed, Protocol):
    """Something with a time that somebody may be known to speak."""

    @property
    def speaker(self) -> str | None: ...


def overlap_s(one: Timed, other: Timed) -> float:
    """Return how long both last together, 0 when they do not meet."""
    return max(0.0, min(one.end_s, other.end_s) - max(one.start_s, other.start_s))


def distance_s(one: Timed, other: Timed) -> float:
    """Return the silence between them, 0 when they meet."""
    return max(0.0, one.start_s - other.end_s, other.start_s - one.end_s)


def speaker_at(moment: Timed, turns: Sequence[Spoken]) -> str | None:
    """Return who speaks most during ``moment``, else who speaks nearest to it; None without turns."""
    shares: dict[str, float] = {}
    for turn in turns:
        shared = overlap_s(moment, turn)
        if shared > 0 and turn.speaker:
            shares[turn.speaker] = shares.get(turn.speaker, 0.0) + shared
    if shares:
        return max(shares, key=lambda speaker: shares[speaker])
    named = [turn for turn in turns if turn.speaker]
    return min(named, key=lambda turn: distance_s(moment, turn)).speaker if named else None


def turns_in(diarization: str) -> tuple[Turn, ...]:
    """Return the turns of the text of a ``diarization.json``."""
    return tuple(
        Turn(float(turn["start_s"]), float(turn["end_s"]), str(turn["speaker"]))
        for turn in json.loads(diarization)["turns"]
    )


def speakers_by_time(lines: Sequence[Timed], turns: Sequence[Spoken]) -> tuple[str | None, ...]:
    """Return one speaker for each line (see :func:`speaker_at`)."""
    return tuple(speaker_at(line, near) for line, near in _with_near(lines, turns))


def _with_near(
    lines: Sequence[Timed], turns: Sequence[Spoken]
) -> Iterable[tuple[Timed, Sequence[Spoken]]]:
    """Pair each line with the turns that matter for it, without looking at all for every line."""
    ordered = sorted(turns, key=lambda turn: turn.start_s)
    longest_s = max((turn.end_s - turn.start_s for turn in ordered), default=0.0)
    starts = [turn.start_s for turn in ordered]
    for line in lines:
        first = bisect_left(starts, line.start_s - longest_s)
        last = bisect_right(starts, line.end_s)
        # One more on either side: the nearest, when nobody speaks during the line.
        yield line, ordered[max(0, first - 1) : last + 1]


@dataclass(frozen=True)
class _Run:
    """Consecutive words of one speaker."""

    words: tuple[Word, ...]
    speaker: str | None

    @property
    def start_s(self) -> float:
        return self.words[0].start_s

    @property
    def end_s(self) -> float:
        return self.words[-1].end_s

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


def split_at_turns(
    segments: Sequence[Segment], turns: Sequence[Turn], sliver_s: float = SLIVER_S
) -> tuple[Segment, ...]:
    """Give each segment its speaker; one that crosses a turn is split at the nearest word end.

    Without word times the words are spread over the segment by their length. Pieces shorter than
    ``sliver_s`` join their neighbour. Segments are renumbered; without turns they stay as they are.
    """
    if not turns:
        return tuple(segments)
    pieces: list[Segment] = []
    for segment, near in zip(
        segments, (near for _, near in _with_near(segments, turns)), strict=True
    ):
        speakers = {turn.speaker for turn in near if overlap_s(segment, turn) > 0}
        if len(speakers) < 2:
            pieces.append(replace(segment, speaker=speaker_at(segment, near)))
            continue
        words = words_of(segment)
        runs = _absorbed(_runs(words, near), sliver_s)
        pieces += _cut(segment, runs)
    return tuple(replace(piece, index=index) for index, piece in enumerate(pieces))


def words_of(segment: Segment) -> tuple[Word, ...]:
    """Return the segment's words with times: its own, or its text spread over its time."""
    tokens = segment.text.split()
    if segment.words and len(segment.words) == len(tokens):
        return segment.words
    widths = [columns(token) + 1 for token in tokens]
    scale_s = (segment.end_s - segment.start_s) / max(1, sum(widths))
    words = []
    at = 0
    for token, width in zip(tokens, widths, strict=True):
        start_s = segment.start_s + at * scale_s
        at += width
        words.append(Word(token, start_s, segment.start_s + at * scale_s, 0.0))
    return tuple(words)


def _runs(words: Sequence[Word], turns: Sequence[Spoken]) -> list[_Run]:
    runs: list[_Run] = []
    for word in words:
        speaker = speaker_at(word, turns)
        if runs and runs[-1].speaker == speaker:
            runs[-1] = _Run((*runs[-1].words, word), speaker)
        else:
            runs.append(_Run((word,), speaker))
    return runs


def _absorbed(runs: list[_Run], sliver_s: float) -> list[_Run]:
    """Join slivers to the longer neighbour, the shortest first."""
    runs = list(runs)
    while len(runs) > 1:
        at = min(range(len(runs)), key=lambda index: runs[index].length_s)
        if runs[at].length_s >= sliver_s:
            break
        before = runs[at - 1] if at > 0 else None
        after = runs[at + 1] if at + 1 < len(runs) else None
        if after is None or (before is not None and before.length_s >= after.length_s):
            runs[at - 1 : at + 1] = [_joined(runs[at - 1], runs[at], runs[at - 1].speaker)]
        else:
            runs[at : at + 2] = [_joined(runs[at], runs[at + 1], runs[at + 1].speaker)]
        # The sliver stood between two runs of one speaker: they are one now.
        for left in range(len(runs) - 1, 0, -1):
            if runs[left].speaker == runs[left - 1].speaker:
                runs[left - 1 : left + 1] = [
                    _joined(runs[left - 1], runs[left], runs[left].speaker)
                ]
    return runs


def _joined(one: _Run, other: _Run, speaker: str | None) -> _Run:
    return _Run(one.words + other.words, speaker)


def _cut(segment: Segment, runs: Sequence[_Run]) -> list[Segment]:
    pieces = []
    for number, run in enumerate(runs):
        text = ""
        for word in run.words:
            text = join(text, word.text)
        start_s = segment.start_s if number == 0 else run.start_s
        end_s = segment.end_s if number == len(runs) - 1 else run.end_s
        words = run.words if segment.words else ()
        pieces.append(
            Segment(segment.index, start_s, max(start_s, end_s), text, run.speaker, words)
        )
    return pieces
