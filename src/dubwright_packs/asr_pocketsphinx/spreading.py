"""Words without times laid over the stretches where somebody speaks."""

from __future__ import annotations

from typing import List, Optional, Sequence, Tuple

Span = Tuple[float, float]


def clip(spans: Sequence[Span], start_s: float, end_s: float) -> List[Span]:
    """The parts of ``spans`` inside ``start_s..end_s``, in order, without empty ones."""
    cut = ((max(a, start_s), min(b, end_s)) for a, b in spans)
    return [(a, b) for a, b in cut if b > a]


def spread(weights: Sequence[float], spans: Sequence[Span]) -> List[Span]:
    """Lay items one after another over ``spans`` (sorted, disjoint), each in proportion to its weight.

    Returns (start_s, end_s) per item, in order and never overlapping. An item that would begin in
    the last moment before a pause begins after it. Without spans everything is at 0.
    """
    total = sum(b - a for a, b in spans)
    weight = sum(weights)
    if not spans or weight <= 0:
        at = spans[0][0] if spans else 0.0
        return [(at, at)] * len(weights)
    result: List[Span] = []
    passed = 0.0
    for one in weights:
        start = _at(spans, passed * total / weight, after_pause=True)
        passed += one
        end = _at(spans, min(total, passed * total / weight), after_pause=False)
        result.append((start, max(start, end)))
    return result


def _at(spans: Sequence[Span], offset: float, after_pause: bool) -> float:
    """The real time ``offset`` seconds into the concatenated spans."""
    tiny = 1e-6
    for place, (a, b) in enumerate(spans):
        length = b - a
        inside = offset < length - tiny if after_pause else offset <= length + tiny
        if inside or place == len(spans) - 1:
            return min(b, a + max(0.0, offset))
        offset -= length
    return spans[-1][1]


def fill(
    times: Sequence[Optional[Span]],
    weights: Sequence[float],
    speech: Sequence[Span],
    end_s: float,
) -> List[Span]:
    """Give each item without a time one between its timed neighbours.

    Runs of missing items are spread over the speech between the neighbours (over the whole gap when
    it holds less than 0.1 s of speech), by weight. ``end_s`` bounds the last run. Timed items keep
    their times.
    """
    result: List[Span] = []
    place = 0
    while place < len(times):
        known = times[place]
        if known is not None:
            result.append(known)
            place += 1
            continue
        stop = place
        while stop < len(times) and times[stop] is None:
            stop += 1
        low = result[-1][1] if result else 0.0
        after = times[stop] if stop < len(times) else None
        high = max(low, after[0] if after is not None else end_s)
        spans = clip(speech, low, high)
        if sum(b - a for a, b in spans) < 0.1:
            spans = [(low, high)]
        result += spread(weights[place:stop], spans)
        place = stop
    return result
