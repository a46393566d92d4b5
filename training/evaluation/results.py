"""Items measured, and what they come to by kind."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from training.evaluation.item import Item, Layer
from training.evaluation.keeping import Kept
from training.evaluation.measures import Measures
from training.evaluation.methods import Contender

LEAKS = ("background_left_db", "speech_left_db", "speech_left_worst_db")


@dataclass(frozen=True)
class Result:
    """One item by every contender."""

    name: str
    kind: str
    layer: Layer
    seconds: float
    by: dict[str, Measures]

    def gain_db(self, contender: str) -> float | None:
        """SI-SDR of both stems over that of the mix, averaged; None unless there are two stems."""
        mix, found = self.by["mix"], self.by.get(contender)
        pairs = [(mix.speech_db, mix.background_db)]
        pairs += [(found.speech_db, found.background_db)] if found else []
        if len(pairs) < 2 or None in pairs[0] or None in pairs[1]:
            return None
        return float(np.mean(np.array(pairs[1]) - np.array(pairs[0])))


def measure(
    items: Iterable[Item], contenders: Sequence[Contender], kept: Kept, only: Sequence[str] = ()
) -> Iterator[Result]:
    """Each item by each contender, in order; of the kinds in ``only``, all without."""
    for item in items:
        if only and item.kind not in only:
            continue
        digest = item.digest()
        by = {one.name: kept.measures(item, digest, one) for one in contenders}
        yield Result(item.name, item.kind, item.layer, item.seconds, by)


def kinds(results: Iterable[Result]) -> dict[str, list[Result]]:
    """By kind, in the order in which kinds come."""
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.kind, []).append(result)
    return found


def figures(results: Sequence[Result], contender: str, figure: str) -> list[float]:
    """One figure of every result that has it; "gain_db" too."""
    if figure == "gain_db":
        found = [result.gain_db(contender) for result in results]
    else:
        found = [getattr(r.by[contender], figure) for r in results if contender in r.by]
    return [value for value in found if value is not None]


def mean(results: Sequence[Result], contender: str, figure: str) -> float | None:
    """Of decibels; what is left in a stem is averaged as energy. None when no result has it."""
    values = figures(results, contender, figure)
    if not values:
        return None
    if figure in LEAKS or figure.endswith("level_db"):
        return float(10 * np.log10(np.mean(10 ** (np.array(values) / 10))))
    return float(np.mean(values))


def as_json(results: Sequence[Result]) -> list[dict[str, Any]]:
    """Every figure of every item, rounded to a hundredth of a decibel."""
    rows = []
    for result in results:
        row = asdict(result)
        row["by"] = {name: _rounded(asdict(one)) for name, one in result.by.items()}
        for name in result.by:
            gain = result.gain_db(name)
            row["by"][name]["gain_db"] = None if gain is None else round(gain, 2)
        rows.append(row)
    return rows


def _rounded(values: dict[str, float | None]) -> dict[str, float | None]:
    return {name: None if one is None else round(one, 2) for name, one in values.items()}
