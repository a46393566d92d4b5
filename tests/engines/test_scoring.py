"""Scores with values known by hand or by brute force."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.engines.scoring import (
    best_assignment,
    der,
    diarization_errors,
    normalise,
    read_rttm,
    si_sdr_db,
    wer,
    word_time_errors,
)
from dubwright_kit.contracts import Turn, Word


def test_si_sdr_of_known_noise() -> None:
    time = np.arange(48_000) / 48_000
    tone = np.sin(2 * np.pi * 100 * time).astype(np.float32)
    other = np.cos(2 * np.pi * 100 * time).astype(np.float32)  # orthogonal, same energy
    assert si_sdr_db(tone, tone + 0.1 * other) == pytest.approx(20.0, abs=1e-3)
    assert si_sdr_db(tone, 7 * tone + 0.7 * other) == pytest.approx(20.0, abs=1e-3)
    stereo = np.stack([tone, 0.5 * tone], axis=1)
    noise = np.stack([other, 0.5 * other], axis=1)
    assert si_sdr_db(stereo, stereo + noise) == pytest.approx(0.0, abs=1e-3)


def test_si_sdr_at_its_ends() -> None:
    tone = np.array([1.0, -1.0, 0.5], dtype=np.float32)
    assert si_sdr_db(tone, 3 * tone) == math.inf
    assert si_sdr_db(tone, np.zeros(3, dtype=np.float32)) == -math.inf
    with pytest.raises(ValueError, match="silent"):
        si_sdr_db(np.zeros(3, dtype=np.float32), tone)
    with pytest.raises(ValueError, match="shapes"):
        si_sdr_db(tone, tone[:2])


def test_wer_counts_each_kind_of_error() -> None:
    assert wer("Ask not, what your country.", "ask not what your country") == 0.0
    assert wer("a b c d", "a x c d") == 0.25
    assert wer("a b c d", "a b d") == 0.25
    assert wer("a b c d", "a b q c d") == 0.25
    assert wer("a b", "") == 1.0
    assert wer("a", "x y z") == 3.0
    assert wer("", "") == 0.0
    assert wer("", "x y") == 2.0


def test_words_are_normalised() -> None:
    assert normalise("Don’t STOP – it's_me, naïve!") == ["don't", "stop", "it's", "me", "naïve"]


@given(st.lists(st.sampled_from("abc"), max_size=7), st.lists(st.sampled_from("abc"), max_size=7))
@settings(max_examples=60, deadline=None)
def test_wer_is_the_levenshtein_distance(a: list[str], b: list[str]) -> None:
    def distance(i: int, j: int) -> int:
        if not i or not j:
            return i + j
        same = distance(i - 1, j - 1) + (a[i - 1] != b[j - 1])
        return min(same, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    if len(a) * len(b) > 25:
        a, b = a[:5], b[:5]
    expected = distance(len(a), len(b)) / max(1, len(a))
    assert wer(" ".join(a), " ".join(b)) == pytest.approx(expected)


def test_word_times() -> None:
    truth = [Word(str(i), float(i), i + 0.5) for i in range(11)]
    found = [Word(str(i), i + (0.1 if i else -0.3), i + 0.5) for i in range(11)]
    errors = word_time_errors(truth, found)
    assert (errors.words, errors.median_s, errors.max_s) == pytest.approx((11, 0.1, 0.3))
    with pytest.raises(ValueError, match="against"):
        word_time_errors(truth, found[:3])


TRUTH = [Turn(0, 10, "anna"), Turn(10, 20, "ben")]


def test_der_maps_speakers_whatever_their_names() -> None:
    assert der(TRUTH, [Turn(0, 10, "S2"), Turn(10, 20, "S1")], collar=0) == 0.0


def test_der_of_each_kind_of_error() -> None:
    confused = diarization_errors(TRUTH, [Turn(0, 12, "S1"), Turn(12, 20, "S2")], 0)
    assert confused.confusion_s == pytest.approx(2)
    assert confused.rate == pytest.approx(0.1)
    missed = diarization_errors(TRUTH, [Turn(0, 10, "S1")], 0)
    assert (missed.missed_s, missed.confusion_s) == pytest.approx((10, 0))
    false = diarization_errors(TRUTH, [*TRUTH, Turn(20, 25, "S3")], 0)
    assert (false.false_alarm_s, false.rate) == pytest.approx((5, 0.25))


def test_the_collar_forgives_boundaries() -> None:
    late = [Turn(0.2, 10.2, "S1"), Turn(10.2, 20.2, "S2")]
    assert der(TRUTH, late, collar=0.25) == 0.0
    assert der(TRUTH, late, collar=0) == pytest.approx(0.6 / 20)


def test_overlap_counts_for_both() -> None:
    overlap = [Turn(0, 10, "a"), Turn(5, 10, "b")]
    assert diarization_errors(overlap, [Turn(0, 10, "x")], 0).missed_s == pytest.approx(5)
    twice = [Turn(0, 6, "a"), Turn(4, 10, "a")]
    assert diarization_errors(twice, [Turn(0, 10, "x")], 0).speech_s == pytest.approx(10)


def test_der_without_turns() -> None:
    assert der([], []) == 0.0
    assert der(TRUTH, []) == 1.0
    assert der([], TRUTH) == math.inf


@given(st.integers(1, 5), st.integers(1, 5), st.integers(0, 10_000))
@settings(max_examples=80, deadline=None)
def test_the_assignment_is_the_best_of_all(rows: int, columns: int, seed: int) -> None:
    score = np.random.default_rng(seed).integers(0, 9, (rows, columns)).astype(np.float64)
    pairs = best_assignment(score)
    assert len(pairs) == min(rows, columns)
    assert len({i for i, _ in pairs}) == len({j for _, j in pairs}) == len(pairs)
    if rows > columns:
        score = score.T
    best = max(
        sum(score[i, j] for i, j in enumerate(chosen))
        for chosen in itertools.permutations(range(score.shape[1]), score.shape[0])
    )
    if rows > columns:
        pairs = [(j, i) for i, j in pairs]
    assert sum(score[i, j] for i, j in pairs) == pytest.approx(best)


def test_rttm(tmp_path: Path) -> None:
    path = tmp_path / "a.rttm"
    path.write_text(
        "; note\nSPEAKER rec 1 5.0 1.5 <NA> <NA> B <NA> <NA>\n"
        "SPEAKER rec 1 0.5 2 <NA> <NA> A <NA> <NA>\n\n"
    )
    assert read_rttm(path) == {"rec": [Turn(0.5, 2.5, "A"), Turn(5.0, 6.5, "B")]}
    path.write_text("SPEAKER rec 1 x 2 <NA> <NA> A\n")
    with pytest.raises(ValueError, match="line 1"):
        read_rttm(path)
