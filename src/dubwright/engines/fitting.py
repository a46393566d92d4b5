"""How spoken lines are made to fit the picture: slots, native rate, stretch, overflow. Pure.

A line starts exactly when its source line starts. It may use its own time and the silence after it;
what is still too long is spoken faster, then stretched, and what is left over is reported.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

GAP_S = 0.080
"""Silence kept before the next line when time is borrowed."""
MAX_RATE = 1.35
"""The fastest native rate, relative to the voice's natural speed."""
MAX_STRETCH = 1.15
"""The strongest time compression after that."""
AIM = 0.995
"""Share of the slot that a faster utterance aims at: a synthesiser meets a rate within 1 %."""
TOLERANCE_S = 0.001

Strategy = Literal["natural", "rate", "stretch", "overflow"]


@dataclass(frozen=True)
class TimedLine:
    """When the source line is spoken, and how long its translation takes by nature."""

    start_s: float
    end_s: float
    natural_s: float


@dataclass(frozen=True)
class LinePlan:
    """What is done to one line.

    ``rate`` is asked from the voice; ``stretch`` >= 1 is how much the utterance is shortened
    afterwards; ``fitted_s`` is its final length, ``overflow_s`` what of it lies beyond the slot.
    """

    slot_s: float
    natural_s: float
    rate: float
    stretch: float
    fitted_s: float
    overflow_s: float
    strategy: Strategy


def slots(lines: Sequence[TimedLine], film_s: float) -> tuple[float, ...]:
    """Return how many seconds each line may last, in the order given (any order).

    At least the line's own time, bounded by the film's end. After its own end a line borrows the
    silence up to ``GAP_S`` before the next start of any line; it borrows nothing while another line
    that was there before its end is still being spoken.
    """
    order = sorted(range(len(lines)), key=lambda i: lines[i].start_s)
    result = [0.0] * len(lines)
    next_start: list[float] = [film_s + GAP_S] * len(lines)
    starts = [lines[i].start_s for i in order]
    for place, i in enumerate(order):
        line = lines[i]
        end = max(line.start_s, line.end_s)
        # The next line is the first that starts at or after this one's end.
        later = place + 1
        busy = False
        while later < len(order) and starts[later] < end:
            busy = busy or lines[order[later]].end_s > end
            later += 1
        if later < len(order):
            next_start[i] = starts[later]
        limit = end if busy else max(end, next_start[i] - GAP_S)
        result[i] = max(0.0, min(limit, film_s) - line.start_s)
    return _respect_earlier(lines, order, result, film_s)


def _respect_earlier(
    lines: Sequence[TimedLine], order: Sequence[int], result: list[float], film_s: float
) -> tuple[float, ...]:
    """A line inside an earlier, longer one does not borrow time in which that one still speaks."""
    latest_end = float("-inf")
    for i in order:
        line = lines[i]
        if latest_end > line.end_s:
            own = max(0.0, min(line.end_s, film_s) - line.start_s)
            result[i] = min(result[i], own)
        latest_end = max(latest_end, line.end_s)
    return tuple(result)


def plan_line(slot_s: float, natural_s: float) -> LinePlan:
    """Plan one line: natural when it fits, else native rate, else stretch on top, else overflow."""
    if natural_s <= slot_s + TOLERANCE_S:
        return LinePlan(slot_s, natural_s, 1.0, 1.0, natural_s, 0.0, "natural")
    rate = MAX_RATE if slot_s <= 0 else min(MAX_RATE, natural_s / (slot_s * AIM))
    return settle(slot_s, natural_s, rate, natural_s / rate)


def settle(slot_s: float, natural_s: float, rate: float, spoken_s: float) -> LinePlan:
    """Return the final plan of a line that was spoken at ``rate`` and lasts ``spoken_s``."""
    if spoken_s <= slot_s + TOLERANCE_S:
        strategy: Strategy = "natural" if rate == 1.0 else "rate"
        return LinePlan(slot_s, natural_s, rate, 1.0, spoken_s, 0.0, strategy)
    if slot_s > 0 and spoken_s / slot_s <= MAX_STRETCH:
        return LinePlan(slot_s, natural_s, rate, spoken_s / slot_s, slot_s, 0.0, "stretch")
    fitted = spoken_s / MAX_STRETCH
    return LinePlan(slot_s, natural_s, rate, MAX_STRETCH, fitted, fitted - slot_s, "overflow")


def faster(slot_s: float, rate: float, spoken_s: float) -> float | None:
    """The rate to try next when ``spoken_s`` at ``rate`` is still over the slot; None when not.

    None too when the voice is already as fast as allowed: then the stretch takes over.
    """
    if spoken_s <= slot_s + TOLERANCE_S or rate >= MAX_RATE:
        return None
    if slot_s <= 0:
        return MAX_RATE
    return min(MAX_RATE, rate * spoken_s / (slot_s * AIM))
