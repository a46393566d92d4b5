"""What is known of the canary: two people speak in turn, and when."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path
from typing import Any

from dubwright_kit.contracts import DiarizeAsk, DiarizeDone

STEP_S = 0.01
AGREED_SHARE = 0.85


def check(ask: DiarizeAsk, done: DiarizeDone) -> None:
    """Raise ValueError unless two speakers were found who speak when they speak."""
    truth = json.loads(Path(ask.wav).with_suffix(".json").read_text("utf-8"))["turns"]
    names = sorted({turn["speaker"] for turn in truth})
    if len(done.speakers) != len(names):
        raise ValueError(f"It heard {len(done.speakers)} speakers where {len(names)} speak.")
    agreed = max(_agreed(truth, done, dict(zip(way, names))) for way in permutations(done.speakers))
    if agreed < AGREED_SHARE:
        raise ValueError(f"It told the two speakers apart in only {agreed:.0%} of their time.")


def _agreed(truth: "list[dict[str, Any]]", done: DiarizeDone, names: "dict[str, str]") -> float:
    """Share of the spoken time that is given to the right person."""
    right = total = 0
    for turn in truth:
        for step in range(round((turn["end_s"] - turn["start_s"]) / STEP_S)):
            at_s = turn["start_s"] + (step + 0.5) * STEP_S
            said = [t.speaker for t in done.turns if t.start_s <= at_s < t.end_s]
            total += 1
            right += bool(said) and names[said[0]] == turn["speaker"]
    return right / total if total else 0.0
