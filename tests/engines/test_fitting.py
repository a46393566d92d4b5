"""Where a line may go and what is done to make it fit."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from dubwright.engines.fitting import (
    GAP_S,
    MAX_RATE,
    MAX_STRETCH,
    TOLERANCE_S,
    TimedLine,
    faster,
    plan_line,
    settle,
    slots,
)

seconds = st.floats(0, 600, allow_nan=False)
lengths = st.floats(0, 30, allow_nan=False)
timed_lines = st.lists(
    st.builds(lambda s, d, n: TimedLine(s, s + d, n), seconds, lengths, lengths), max_size=25
)


def test_a_line_borrows_the_silence_after_it_but_not_the_gap() -> None:
    lines = [TimedLine(0.0, 2.0, 1.0), TimedLine(5.0, 6.0, 1.0)]
    assert slots(lines, 10.0) == (5.0 - GAP_S, 5.0)


def test_back_to_back_lines_keep_their_own_time() -> None:
    lines = [TimedLine(0.0, 2.0, 1.0), TimedLine(2.05, 4.0, 1.0), TimedLine(4.0, 5.0, 1.0)]
    found = slots(lines, 5.0)
    assert found[0] == 2.0
    assert math.isclose(found[1], 1.95)


def test_overlapping_originals_may_overlap_and_borrow_nothing_while_the_other_speaks() -> None:
    lines = [TimedLine(0.0, 3.0, 1.0), TimedLine(2.0, 5.0, 1.0), TimedLine(8.0, 9.0, 1.0)]
    assert slots(lines, 20.0) == (3.0, 8.0 - GAP_S - 2.0, 12.0)


def test_a_line_inside_a_longer_one_keeps_its_own_time() -> None:
    lines = [TimedLine(0.0, 10.0, 1.0), TimedLine(2.0, 3.0, 1.0)]
    assert slots(lines, 20.0) == (20.0, 1.0)


def test_the_films_end_bounds_the_last_slot() -> None:
    assert slots([TimedLine(8.0, 12.0, 9.0), TimedLine(11.0, 12.0, 1.0)], 10.0) == (2.0, 0.0)


def test_the_order_given_does_not_matter() -> None:
    lines = [TimedLine(5.0, 6.0, 1.0), TimedLine(0.0, 2.0, 1.0)]
    assert slots(lines, 10.0) == (5.0, 5.0 - GAP_S)


def test_the_ladder() -> None:
    assert plan_line(3.0, 2.0).strategy == "natural"
    assert plan_line(3.0, 3.6).strategy == "rate"
    assert plan_line(3.0, 3.0 * 1.5).strategy == "stretch"
    over = plan_line(3.0, 6.0)
    assert over.strategy == "overflow"
    assert math.isclose(over.fitted_s, 6.0 / (MAX_RATE * MAX_STRETCH))
    assert math.isclose(over.overflow_s, over.fitted_s - 3.0)


def test_a_measured_utterance_still_over_is_asked_faster_then_stretched() -> None:
    first = plan_line(2.0, 2.4)
    measured = 2.1
    again = faster(2.0, first.rate, measured)
    assert again is not None and first.rate < again <= MAX_RATE
    assert faster(2.0, again, 1.99) is None
    assert settle(2.0, 2.4, MAX_RATE, 2.1).stretch == 2.1 / 2.0


@given(timed_lines, st.floats(0, 700, allow_nan=False))
def test_slots_never_reach_into_another_line_or_beyond_the_film(
    lines: list[TimedLine], film_s: float
) -> None:
    for i, (line, slot) in enumerate(zip(lines, slots(lines, film_s), strict=True)):
        end = line.start_s + slot
        assert slot >= 0
        assert slot == 0 or end <= film_s + 1e-9
        own_end = min(line.end_s, film_s)
        assert slot == 0 or end >= own_end - 1e-9, "a line always has its own time"
        if slot == 0 or end <= own_end + 1e-9:
            continue
        for j, other in enumerate(lines):
            if j == i or other.start_s == line.start_s == line.end_s:
                continue  # of two empty lines at one instant either may count as the next
            if other.start_s >= line.end_s:
                assert end <= other.start_s - GAP_S + 1e-6
            elif other.start_s < line.end_s < other.end_s:
                raise AssertionError("borrowed while another line was speaking")


@given(st.floats(0, 60, allow_nan=False), st.floats(0.001, 120, allow_nan=False))
def test_plans_stay_within_their_limits_and_lose_nothing(slot_s: float, natural_s: float) -> None:
    plan = plan_line(slot_s, natural_s)
    assert 1.0 <= plan.rate <= MAX_RATE
    assert 1.0 <= plan.stretch <= MAX_STRETCH + 1e-9
    assert plan.fitted_s <= natural_s + 1e-9
    assert plan.fitted_s >= natural_s / (MAX_RATE * MAX_STRETCH) * (1 - 1e-9)
    assert plan.fitted_s <= plan.slot_s + plan.overflow_s + TOLERANCE_S + 1e-9
    assert (plan.overflow_s > 0) == (plan.strategy == "overflow")
    if natural_s <= slot_s:
        assert (plan.rate, plan.stretch, plan.fitted_s) == (1.0, 1.0, natural_s)
