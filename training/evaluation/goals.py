"""What the separator must reach, and whether it does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from training.evaluation.results import Result, figures, mean


@dataclass(frozen=True)
class Goal:
    """A bound on one figure of one kind: at least, or at most when ``at_most``."""

    kind: str
    figure: str
    bound: float
    words: str
    at_most: bool = False
    each: bool = False
    """Every item must reach it, not their mean."""


GOALS = (
    Goal("mixes", "gain_db", 9.5, "mean gain of both stems"),
    Goal("mixes mono", "gain_db", 7.5, "mean gain of both stems"),
    Goal("mixes panned", "gain_db", 8.0, "mean gain of both stems"),
    Goal("held-out stereo", "gain_db", 8.0, "mean gain of both stems"),
    Goal("held-out mono", "gain_db", 6.5, "mean gain of both stems"),
    Goal("speech only", "speech_db", 25.0, "SI-SDR of the vocals, each", each=True),
    Goal("speech only", "bed_level_db", -35.0, "bed over the mix, each", True, True),
    Goal("music only", "vocals_level_db", -25.0, "vocals over the mix, each", True, True),
)


@dataclass(frozen=True)
class Verdict:
    """A goal and the figure that was found; None when it was not measured."""

    goal: Goal
    found: float | None

    @property
    def reached(self) -> bool | None:
        if self.found is None:
            return None
        if self.goal.at_most:
            return self.found <= self.goal.bound
        return self.found >= self.goal.bound


def verdicts(by_kind: Mapping[str, Sequence[Result]], contender: str) -> list[Verdict]:
    """Every goal against what ``contender`` did."""
    return [Verdict(goal, _found(goal, by_kind.get(goal.kind, ()), contender)) for goal in GOALS]


def _found(goal: Goal, results: Sequence[Result], contender: str) -> float | None:
    if not goal.each:
        return mean(results, contender, goal.figure)
    values = figures(results, contender, goal.figure)
    if not values:
        return None
    return max(values) if goal.at_most else min(values)
