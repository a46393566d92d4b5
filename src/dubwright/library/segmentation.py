"""Words into lines fit for subtitles and for speaking. Pure.

A line is at most two rows of 42 columns and 7 s. Where it ends is chosen for a whole stretch at
once: each possible end has a cost (cheap at a sentence's end or a long pause, dear inside a phrase),
and the cheapest division is found by dynamic programming, as Knuth and Plass break paragraphs.
"""

from __future__ import annotations

import itertools
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dubwright_kit.contracts import Span, TextSpan, Word

from .model import Segment
from .speakers import split_at_turns, words_of
from .wrapping import ROW_COLUMNS, ROWS, breakable, columns, fits, join

__all__ = [
    "LONGEST_S",
    "SHORTEST_S",
    "segment_words",
    "snap_cues",
    "split_at_turns",
    "spread_text",
    "words_of",
]

LONGEST_S = 7.0
SHORTEST_S = 0.8
"""Shorter lines are kept on screen until this long, where silence follows."""
STRONG_PAUSE_S = 0.5
HARD_PAUSE_S = 1.5
"""No line runs across a silence this long."""
SNAP_S = 0.4

_SENTENCE_ENDS = ".!?…。！？｡؟۔।"
_CLAUSE_ENDS = ",;:—–、，；：،؛"
_CLOSERS = "\"'”’»)]}」』）】"
_ABBREVIATIONS = frozenset(
    [
        "mr.",
        "mrs.",
        "ms.",
        "dr.",
        "st.",
        "vs.",
        "prof.",
        "sr.",
        "jr.",
        "e.g.",
        "i.e.",
        "no.",
        "sra.",
        "dra.",
        "ud.",
        "z.b.",
    ]
)

_INSIDE_PHRASE = 3.0
_AT_CLAUSE = 1.2
_AT_PAUSE = 0.6
_ACROSS_SENTENCE = 1.6
_ACROSS_PAUSE = 3.0
_ORPHAN = 4.0
_PER_LINE = 1.0
_UNEVEN = 1.5


@dataclass(frozen=True)
class _Weights:
    """What counts as a pause: without punctuation pauses are all there is, so shorter ones count."""

    strong_pause_s: float
    weak_pause_s: float


_PUNCTUATED = _Weights(STRONG_PAUSE_S, 0.25)
_BARE = _Weights(0.35, 0.12)


def segment_words(
    words: Sequence[Word], punctuated: bool | None = None, shortest_s: float = SHORTEST_S
) -> tuple[Segment, ...]:
    """Divide timed words into lines.

    ``punctuated`` False is for drafts without sentence marks; None looks at the words. A single word
    may exceed the limits; a line of one word is left only where nothing else is possible or the
    word is a sentence.
    """
    units = [piece for word in words for piece in _divided(word)]
    if not units:
        return ()
    if punctuated is None:
        marks = sum(1 for word in units if _ends_sentence(word.text))
        punctuated = marks * 40 >= len(units)
    weights = _PUNCTUATED if punctuated else _BARE
    lines: list[Segment] = []
    for stretch in _stretches(units):
        for start, stop in _cheapest(stretch, weights):
            lines.append(_line(stretch[start:stop]))
    return _lasting(lines, shortest_s)


def _divided(word: Word) -> list[Word]:
    """Cut a "word" that is a whole passage of an unspaced script where its rows may break."""
    text = word.text.strip()
    if not text:
        return []
    if columns(text) <= ROW_COLUMNS // 2:
        return [replace(word, text=text)]
    pieces = breakable(text)
    if len(pieces) == 1:
        return [replace(word, text=text)]
    total = sum(columns(piece) for piece in pieces)
    found = []
    at = 0
    for piece in pieces:
        width = columns(piece)
        length_s = word.end_s - word.start_s
        start_s = word.start_s + length_s * at / total
        at += width
        found.append(Word(piece.strip(), start_s, word.start_s + length_s * at / total, word.p))
    return found


def _stretches(words: Sequence[Word]) -> list[list[Word]]:
    stretches = [[words[0]]]
    for before, word in itertools.pairwise(words):
        if word.start_s - before.end_s >= HARD_PAUSE_S:
            stretches.append([])
        stretches[-1].append(word)
    return stretches


def _cheapest(words: Sequence[Word], weights: _Weights) -> list[tuple[int, int]]:
    """Return the (start, stop) of each line of the cheapest division of one stretch."""
    best = [0.0] + [math.inf] * len(words)
    came_from = [0] * (len(words) + 1)
    widths = _widths(words)
    for stop in range(1, len(words) + 1):
        ending = _end_cost(words, stop, weights)
        inside = 0.0
        width = 0
        for start in range(stop - 1, -1, -1):
            width += widths[start] if start < stop - 1 else columns(words[start].text)
            if start < stop - 1:
                inside += _crossing_cost(words, start, weights)
                if not _possible(words[start:stop], width):
                    break
            cost = best[start] + ending + inside + _shape_cost(words, start, stop, width)
            if cost < best[stop]:
                best[stop], came_from[stop] = cost, start
    spans = []
    stop = len(words)
    while stop > 0:
        spans.append((came_from[stop], stop))
        stop = came_from[stop]
    return spans[::-1]


def _widths(words: Sequence[Word]) -> list[int]:
    """The columns of each word with the space that follows it, if one does."""
    found = []
    for word, following in itertools.pairwise(words):
        space = len(join(word.text[-1], following.text[0])) - 2
        found.append(columns(word.text) + space)
    return [*found, columns(words[-1].text)]


def _possible(words: Sequence[Word], width: int) -> bool:
    if words[-1].end_s - words[0].start_s > LONGEST_S or width > ROW_COLUMNS * ROWS + ROWS:
        return False
    return width <= ROW_COLUMNS or fits(_text(words))


def _end_cost(words: Sequence[Word], stop: int, weights: _Weights) -> float:
    """The cost of ending a line after ``words[stop - 1]``."""
    word = words[stop - 1]
    if stop == len(words) or _ends_sentence(word.text):
        return 0.0
    pause_s = words[stop].start_s - word.end_s
    if pause_s >= weights.strong_pause_s:
        return _AT_PAUSE
    cost = _AT_CLAUSE if word.text.rstrip(_CLOSERS)[-1:] in _CLAUSE_ENDS else _INSIDE_PHRASE
    return cost * (0.7 if pause_s >= weights.weak_pause_s else 1.0)


def _crossing_cost(words: Sequence[Word], at: int, weights: _Weights) -> float:
    """The cost of a line that holds both ``words[at]`` and the next word."""
    cost = 0.0
    if _ends_sentence(words[at].text):
        cost += _ACROSS_SENTENCE
    if words[at + 1].start_s - words[at].end_s >= weights.strong_pause_s:
        cost += _ACROSS_PAUSE
    return cost


def _shape_cost(words: Sequence[Word], start: int, stop: int, width: int) -> float:
    """The cost of the line's own size: every line costs, single words and stubs cost more."""
    cost = _PER_LINE
    if stop - start == 1:
        sentence = (start == 0 or _ends_sentence(words[start - 1].text)) and (
            stop == len(words) or _ends_sentence(words[start].text)
        )
        cost += 0.3 if sentence or width > ROW_COLUMNS // 2 else _ORPHAN
    filled = width / (ROW_COLUMNS * ROWS)
    # Squared emptiness makes two even lines cheaper than a full one and a stub.
    return cost + _UNEVEN * max(0.0, 0.5 - filled) ** 2


def _ends_sentence(text: str) -> bool:
    bare = text.rstrip(_CLOSERS)
    if bare[-1:] not in _SENTENCE_ENDS or not bare:
        return False
    initial = len(bare) == 2 and bare[0].isalpha() and bare[0].isupper() and bare[1] == "."
    return not initial and bare.lower() not in _ABBREVIATIONS


def _text(words: Sequence[Word]) -> str:
    text = ""
    for word in words:
        text = join(text, word.text)
    return text


def _line(words: Sequence[Word]) -> Segment:
    end_s = max(word.end_s for word in words)
    return Segment(0, words[0].start_s, end_s, _text(words), None, tuple(words))


def _lasting(lines: Sequence[Segment], shortest_s: float) -> tuple[Segment, ...]:
    """Number the lines and let short ones last into the silence after them."""
    found = []
    for index, line in enumerate(lines):
        end_s = max(line.end_s, line.start_s + shortest_s)
        if index + 1 < len(lines):
            end_s = max(line.end_s, min(end_s, lines[index + 1].start_s))
        found.append(replace(line, index=index, end_s=end_s))
    return tuple(found)


def spread_text(text: Sequence[TextSpan], speech: Sequence[Span]) -> tuple[Segment, ...]:
    """Give plain text approximate times: each character the same share of the speech found.

    Each span of ``text`` (a paragraph or a line) begins a new line. Word times have p = 0. Raises
    ``ValueError`` without speech.
    """
    spans = sorted((start_s, end_s) for start_s, end_s in speech if end_s > start_s)
    if not spans:
        raise ValueError("there is no speech to spread the text over")
    paragraphs = [span.text.split() for span in text if span.text.strip()]
    widths = [columns(token) + 1 for paragraph in paragraphs for token in paragraph]
    total_s = sum(end_s - start_s for start_s, end_s in spans)
    scale_s = total_s / max(1, sum(widths))
    lines: list[Segment] = []
    at = 0
    for paragraph in paragraphs:
        words = []
        for token in paragraph:
            width = columns(token) + 1
            start_s, end_s = _placed(at * scale_s, (at + width) * scale_s, spans)
            words.append(Word(token, start_s, end_s, 0.0))
            at += width
        lines += segment_words(words, shortest_s=0.0)
    return _lasting(lines, SHORTEST_S)


def _placed(start_s: float, end_s: float, spans: Sequence[Span]) -> Span:
    """Map a stretch of speaking time to the film's time, into the span that holds most of it."""
    passed = 0.0
    best = (-1.0, spans[-1][1], spans[-1][1])
    for span_start_s, span_end_s in spans:
        length_s = span_end_s - span_start_s
        low, high = max(start_s, passed), min(end_s, passed + length_s)
        if high - low > best[0]:
            offset = span_start_s - passed
            best = (high - low, low + offset, high + offset)
        passed += length_s
        if passed >= end_s:
            break
    return best[1], best[2]


def snap_cues(
    cues: Sequence[Segment], speech: Sequence[Span], reach_s: float = SNAP_S
) -> tuple[Segment, ...]:
    """Move starts and ends to the nearest edge of speech within ``reach_s``.

    Cues that did not overlap do not overlap afterwards, and none gets shorter than half of what it
    was. Word times that no longer fit go.
    """
    starts = sorted(span[0] for span in speech)
    ends = sorted(span[1] for span in speech)
    snapped: list[Segment] = []
    for position, cue in enumerate(cues):
        start_s = _nearest(cue.start_s, starts, reach_s)
        end_s = _nearest(cue.end_s, ends, reach_s)
        if position > 0 and cues[position - 1].end_s <= cue.start_s:
            start_s = max(start_s, snapped[-1].end_s)
        if position + 1 < len(cues) and cue.end_s <= cues[position + 1].start_s:
            end_s = min(end_s, cues[position + 1].start_s)
        if end_s - start_s < 0.5 * (cue.end_s - cue.start_s):
            start_s = (
                max(cue.start_s, snapped[-1].end_s) if _follows(cues, position) else cue.start_s
            )
            end_s = max(cue.end_s, start_s)
        moved = (start_s, end_s) != (cue.start_s, cue.end_s)
        words = () if moved and not _within(cue.words, start_s, end_s) else cue.words
        snapped.append(replace(cue, start_s=start_s, end_s=end_s, words=words))
    return tuple(snapped)


def _follows(cues: Sequence[Segment], position: int) -> bool:
    return position > 0 and cues[position - 1].end_s <= cues[position].start_s


def _within(words: Sequence[Word], start_s: float, end_s: float) -> bool:
    return all(start_s <= word.start_s and word.end_s <= end_s for word in words)


def _nearest(time_s: float, edges: Sequence[float], reach_s: float) -> float:
    at = bisect_left(edges, time_s)
    near = [edge for edge in edges[max(0, at - 1) : at + 1] if abs(edge - time_s) <= reach_s]
    return min(near, key=lambda edge: abs(edge - time_s)) if near else time_s
