"""Scores against a known truth: SI-SDR of stems, word error rate, diarization error rate."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dubwright_kit.contracts import Span, Turn, Word

Audio = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]


# --- separation -----------------------------------------------------------------------------------


def si_sdr_db(reference: Audio, estimate: Audio) -> float:
    """Scale-invariant signal-to-distortion ratio in dB, all channels together.

    Both [n] or [n, channels]. +inf for a scaled copy, -inf when nothing of the reference is in the
    estimate. Raises ``ValueError`` for different shapes or a silent reference.
    Le Roux, Wisdom, Erdogan, Hershey: "SDR - half-baked or well done?", ICASSP 2019, eq. 5.
    """
    if reference.shape != estimate.shape:
        raise ValueError(f"shapes differ: {reference.shape} and {estimate.shape}")
    truth = reference.astype(np.float64).ravel()
    heard = estimate.astype(np.float64).ravel()
    energy = float(truth @ truth)
    if energy == 0.0:
        raise ValueError("the reference is silent")
    target = (float(heard @ truth) / energy) * truth
    rest = heard - target
    wanted, unwanted = float(target @ target), float(rest @ rest)
    if wanted == 0.0:
        return -math.inf
    # Below the arithmetic's own rounding the estimate is a scaled copy.
    if unwanted <= 1e-24 * wanted:
        return math.inf
    return 10 * math.log10(wanted / unwanted)


# --- words ----------------------------------------------------------------------------------------


def normalise(text: str) -> list[str]:
    """Words as they are compared: lower case, no punctuation, apostrophes inside words kept."""
    plain = unicodedata.normalize("NFKC", text).lower().replace("’", "'")
    return re.findall(r"\w+(?:'\w+)*", plain.replace("_", " "))


def wer(reference: str, hypothesis: str) -> float:
    """Word error rate: (substitutions + deletions + insertions) / reference words (above 1 possible).

    Both texts are normalised first. An empty reference gives 0 for an empty hypothesis, else 1 a word.
    Levenshtein distance over words, as in NIST sclite.
    """
    truth, heard = normalise(reference), normalise(hypothesis)
    numbers: dict[str, int] = {}
    rows = [numbers.setdefault(word, len(numbers)) for word in truth]
    columns = np.array([numbers.setdefault(word, len(numbers)) for word in heard], dtype=np.int64)
    steps = np.arange(len(columns) + 1)
    costs = steps.copy()
    for row, word in enumerate(rows, start=1):
        best = np.minimum(costs[1:] + 1, costs[:-1] + (columns != word))
        entered = np.concatenate([[row], best])
        # An insertion costs one a column: the running minimum with that slope taken out.
        costs = np.minimum.accumulate(entered - steps) + steps
    return float(costs[-1]) / max(1, len(truth))


@dataclass(frozen=True)
class WordTimeErrors:
    """How far word starts are from the truth, absolute, in seconds."""

    words: int
    median_s: float
    p90_s: float
    max_s: float


def word_time_errors(reference: Sequence[Word], aligned: Sequence[Word]) -> WordTimeErrors:
    """Compare start times word by word. Raises ``ValueError`` when counts differ or are zero."""
    if len(reference) != len(aligned) or not reference:
        raise ValueError(f"{len(reference)} words against {len(aligned)}")
    pairs = zip(reference, aligned, strict=True)
    errors = np.abs([found.start_s - truth.start_s for truth, found in pairs])
    median, p90 = np.quantile(errors, [0.5, 0.9]).tolist()
    return WordTimeErrors(len(reference), median, p90, float(errors.max()))


# --- turns ----------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DiarizationErrors:
    """Seconds of each kind of error and of scored reference speech."""

    missed_s: float
    false_alarm_s: float
    confusion_s: float
    speech_s: float

    @property
    def rate(self) -> float:
        """The diarization error rate; 0 for no speech and no error, inf for false alarms only."""
        wrong = self.missed_s + self.false_alarm_s + self.confusion_s
        if self.speech_s > 0:
            return wrong / self.speech_s
        return math.inf if wrong else 0.0


def der(reference: Sequence[Turn], hypothesis: Sequence[Turn], collar: float = 0.25) -> float:
    """Diarization error rate, see :func:`diarization_errors`."""
    return diarization_errors(reference, hypothesis, collar).rate


def diarization_errors(
    reference: Sequence[Turn], hypothesis: Sequence[Turn], collar: float = 0.25
) -> DiarizationErrors:
    """Missed, false and confused speech with the best mapping of speakers, overlap included.

    ``collar`` seconds on both sides of each reference boundary are not scored. As NIST's md-eval
    (Rich Transcription evaluation plan, 2009), but exact: the score is integrated between
    boundaries, not over frames. The same speaker overlapping itself counts once.
    """
    spans = _scored(reference, hypothesis, collar)
    truth_names = sorted({turn.speaker for turn in reference})
    found_names = sorted({turn.speaker for turn in hypothesis})
    lengths = spans[:, 1] - spans[:, 0]
    truth = _activity(reference, truth_names, spans)
    found = _activity(hypothesis, found_names, spans)
    together: F64 = (truth * lengths) @ found.T
    mapped = sum(float(together[i, j]) for i, j in best_assignment(together))
    truth_count, found_count = truth.sum(axis=0), found.sum(axis=0)
    missed = float(np.maximum(truth_count - found_count, 0) @ lengths)
    false_alarm = float(np.maximum(found_count - truth_count, 0) @ lengths)
    both = float(np.minimum(truth_count, found_count) @ lengths)
    return DiarizationErrors(
        missed, false_alarm, max(0.0, both - mapped), float(truth_count @ lengths)
    )


def read_rttm(path: Path) -> dict[str, list[Turn]]:
    """Read the SPEAKER lines of an RTTM file: turns by recording, sorted.

    Raises ``ValueError`` naming the line that cannot be read.
    """
    recordings: dict[str, list[Turn]] = {}
    for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
        fields = line.split()
        if not fields or fields[0] != "SPEAKER":
            continue
        try:
            start_s, length_s, speaker = float(fields[3]), float(fields[4]), fields[7]
        except (IndexError, ValueError) as error:
            raise ValueError(f"{path.name}, line {number}: {line!r}") from error
        recordings.setdefault(fields[1], []).append(Turn(start_s, start_s + length_s, speaker))
    return {name: sorted(turns, key=lambda t: t.start_s) for name, turns in recordings.items()}


def best_assignment(score: F64) -> list[tuple[int, int]]:
    """One-to-one pairs (row, column) with the largest sum of ``score`` [rows, columns].

    Shortest augmenting paths with potentials (Kuhn 1955; Jonker and Volgenant 1987), O(n^3).
    """
    rows, columns = score.shape
    if rows > columns:
        return sorted((row, column) for column, row in best_assignment(score.T))
    owner = np.full(columns + 1, -1)  # the row of each column; the last column is the entry
    row_potential = np.zeros(rows + 1)
    column_potential = np.zeros(columns + 1)
    for row in range(rows):
        owner[columns] = row
        column = columns
        least = np.full(columns, np.inf)
        before = np.full(columns, columns)
        used = np.zeros(columns + 1, dtype=bool)
        while owner[column] >= 0:
            used[column] = True
            at = owner[column]
            cost = -score[at] - row_potential[at] - column_potential[:columns]
            better = ~used[:columns] & (cost < least)
            least[better], before[better] = cost[better], column
            column = int(np.argmin(np.where(used[:columns], np.inf, least)))
            step = least[column]
            row_potential[owner[used]] += step
            column_potential[used] -= step
            least[~used[:columns]] -= step
        while column != columns:
            owner[column] = owner[before[column]]
            column = int(before[column])
        owner[columns] = -1
    return sorted((int(row), column) for column, row in enumerate(owner[:columns]) if row >= 0)


def _scored(reference: Sequence[Turn], hypothesis: Sequence[Turn], collar: float) -> F64:
    """The stretches between boundaries that are scored, [n, 2] in seconds."""
    edges = [edge for turn in reference for edge in (turn.start_s, turn.end_s)]
    ignored: list[Span] = [(edge - collar, edge + collar) for edge in edges] if collar > 0 else []
    cuts = [edge for turn in hypothesis for edge in (turn.start_s, turn.end_s)]
    every = np.unique(np.array([*edges, *cuts, *(edge for span in ignored for edge in span)]))
    if len(every) < 2:
        return np.zeros((0, 2))
    spans = np.stack([every[:-1], every[1:]], axis=1)
    scored: F64 = spans[_covered(ignored, spans.mean(axis=1)) == 0]
    return scored


def _activity(turns: Sequence[Turn], names: Sequence[str], spans: F64) -> F64:
    """1 where a speaker talks, [speakers, spans]."""
    middles = spans.mean(axis=1)
    rows = [
        _covered([(t.start_s, t.end_s) for t in turns if t.speaker == name], middles) > 0
        for name in names
    ]
    return np.array(rows, dtype=np.float64).reshape(len(names), len(spans))


def _covered(spans: Sequence[Span], times: F64) -> npt.NDArray[np.int64]:
    """How many of ``spans`` hold each time."""
    starts = np.sort([start for start, _ in spans])
    ends = np.sort([end for _, end in spans])
    begun: npt.NDArray[np.int64] = np.searchsorted(starts, times, side="right")
    return begun - np.searchsorted(ends, times, side="right")
