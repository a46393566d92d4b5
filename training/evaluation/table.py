"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from training.evaluation.goals import Verdict
from training.evaluation.results import Result, mean

Kinds = Mapping[str, Sequence[Result]]


def two_stems(by_kind: Kinds, contenders: Sequence[str]) -> str:
    """Kinds with speech and background: SI-SDR of each stem and the gain over the mix, in dB."""
    columns = [
        *((f"speech: {name}", name, "speech_db") for name in contenders),
        *((f"background: {name}", name, "background_db") for name in contenders),
        *((f"gain: {name}", name, "gain_db") for name in _after(contenders)),
    ]
    return _table(_mixed(by_kind), columns)


def leaks(by_kind: Kinds, contenders: Sequence[str]) -> str:
    """The same kinds: what is left of one stem in the other, in dB."""
    columns = [
        *((f"background left: {name}", name, "background_left_db") for name in _after(contenders)),
        *((f"speech left: {name}", name, "speech_left_db") for name in _after(contenders)),
        *((f"worst tenth: {name}", name, "speech_left_worst_db") for name in _after(contenders)),
    ]
    return _table(_mixed(by_kind), columns)


def one_stem(by_kind: Kinds, contenders: Sequence[str]) -> str:
    """Kinds with one stem or none: SI-SDR of the vocals and both levels over the mix, in dB."""
    after = _after(contenders)
    columns = [
        *((f"speech: {name}", name, "speech_db") for name in after),
        *((f"bed level: {name}", name, "bed_level_db") for name in after),
        *((f"vocals level: {name}", name, "vocals_level_db") for name in after),
    ]
    mixed = _mixed(by_kind)
    return _table({kind: by_kind[kind] for kind in by_kind if kind not in mixed}, columns)


def goals(verdicts: Iterable[Verdict]) -> str:
    """What must be reached, one line each."""
    rows = []
    for one in verdicts:
        goal = one.goal
        bound = f"{'<=' if goal.at_most else '>='} {goal.bound:g} dB"
        word = {None: "not measured", True: "reached", False: "MISSED"}[one.reached]
        rows.append([f"{goal.kind}: {goal.words}", bound, _db(one.found), word])
    head = [["goal", "must be", "is", ""], ["---", "---:", "---:", "---"]]
    return _lines([*head, *rows]) if rows else ""


def _table(by_kind: Kinds, columns: Sequence[tuple[str, str, str]]) -> str:
    if not by_kind:
        return ""
    rows = [["kind", "items", *(title for title, _, _ in columns)]]
    rows.append(["---", "---:", *("---:" for _ in columns)])
    for kind, found in by_kind.items():
        cells = (_db(mean(found, name, figure)) for _, name, figure in columns)
        rows.append([kind, str(len(found)), *cells])
    return _lines(rows)


def _after(contenders: Sequence[str]) -> list[str]:
    return [name for name in contenders if name != "mix"]


def _mixed(by_kind: Kinds) -> Kinds:
    """Those whose items have both stems."""
    return {kind: by_kind[kind] for kind in by_kind if mean(by_kind[kind], "mix", "gain_db") == 0.0}


def _db(value: float | None) -> str:
    return "" if value is None else f"{round(value, 1) + 0.0:.1f}"  # no -0.0


def _lines(rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
