"""Turns from voiceprints whose speakers are known, and the whole backend on files."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dubwright.engines.scoring import der
from dubwright.media.wav import WavWriter
from dubwright_kit import Problem
from dubwright_kit.contracts import DiarizeAsk, Span, Turn, Word
from dubwright_kit.report import Cancelled, silent
from dubwright_packs.diarization.backend import MODEL, MODELS_VARIABLE, run
from dubwright_packs.diarization.ge2e import build_onnx
from dubwright_packs.diarization.turns import find_turns
from dubwright_packs.diarization.voiceprint import Voiceprints, window_cuts
from tests.engines.synthetic import vowels
from tests.packs.test_diarization_model import random_weights

RATE = 16_000


def voiceprints(truth: Sequence[Turn], speech: Sequence[Span], seed: int = 0) -> Voiceprints:
    """What an encoder hears: each window the mixture of the voices in it, and noise."""
    random = np.random.default_rng(seed)
    names = sorted({turn.speaker for turn in truth})
    voices = random.normal(size=(len(names), 256))
    voices /= np.linalg.norm(voices, axis=1, keepdims=True)
    windows, span, vectors = [], [], []
    for index, (start_s, end_s) in enumerate(speech):
        for a, b in window_cuts(end_s - start_s):
            window = (start_s + a, start_s + b)
            mixture = random.normal(size=256) * 0.5 / 16 * (window[1] - window[0])
            for turn in truth:
                both_s = min(window[1], turn.end_s) - max(window[0], turn.start_s)
                mixture = mixture + max(0.0, both_s) * voices[names.index(turn.speaker)]
            windows.append(window)
            span.append(index)
            vectors.append(mixture / np.linalg.norm(mixture))
    last_s = max(end_s for _, end_s in speech)
    level = np.ones(int(100 * last_s) + 100, dtype=np.float32)
    return Voiceprints(
        np.array(windows), np.array(vectors, dtype=np.float32), np.array(span), level
    )


def talk(names: str, length_s: float, pause_s: float) -> list[Turn]:
    turns, at = [], 0.5
    for name in names:
        turns.append(Turn(at, at + length_s, name))
        at += length_s + pause_s
    return turns


def spans(turns: Sequence[Turn]) -> list[Span]:
    return [(turn.start_s, turn.end_s) for turn in turns]


@pytest.mark.parametrize("names", ["AAAA", "ABABAB", "ABCABCBA", "ABCDEABCDE"])
def test_speakers_with_pauses_between(names: str) -> None:
    truth = talk(names, 3.0, 0.6)
    found = find_turns(voiceprints(truth, spans(truth)), spans(truth), None)
    assert len({turn.speaker for turn in found}) == len(set(names))
    assert der(truth, found, collar=0.25) < 0.05  # short pauses of one speaker belong to the turn
    order = list(dict.fromkeys(turn.speaker for turn in found))
    assert order == [f"S{number + 1}" for number in range(len(order))]


def test_a_change_without_a_pause_is_found() -> None:
    truth = talk("ABAB", 4.0, 0.0)
    speech = [(truth[0].start_s, truth[-1].end_s)]
    found = find_turns(voiceprints(truth, speech), speech, None)
    assert [turn.speaker for turn in found] == ["S1", "S2", "S1", "S2"]
    for turn, line in zip(found[:-1], truth[:-1], strict=True):
        assert turn.end_s == pytest.approx(line.end_s, abs=0.5)


def test_boundaries_go_to_the_gap_between_words_or_the_quietest_moment() -> None:
    truth = talk("AB", 4.0, 0.0)
    speech = [(0.5, 8.5)]
    prints = voiceprints(truth, speech)
    words = [Word("a", 1.0, 4.63), Word("b", 4.65, 5.2), Word("c", 5.2, 8.0)]
    found = find_turns(prints, speech, 2, words)
    assert found[0].end_s == found[1].start_s == pytest.approx(4.64, abs=0.011)
    prints.level[432:442] = 0.0
    found = find_turns(prints, speech, 2)
    assert found[0].end_s == pytest.approx(4.37, abs=0.05)


def test_the_count_is_honoured() -> None:
    truth = talk("ABCABC", 3.0, 0.6)
    prints = voiceprints(truth, spans(truth))
    for count in (1, 2, 3):
        found = find_turns(prints, spans(truth), count)
        assert len({turn.speaker for turn in found}) == count
    few = talk("A", 1.0, 0.0)
    assert len(find_turns(voiceprints(few, spans(few)), spans(few), 4)) == 1


def test_turns_are_in_order_and_apart() -> None:
    truth = talk("ABBACABB", 1.1, 0.15)
    found = find_turns(voiceprints(truth, spans(truth), seed=4), spans(truth), None)
    assert found[0].start_s >= 0
    for before, after in pairwise(found):
        assert before.start_s < before.end_s <= after.start_s + 1e-9


def test_no_speech_and_a_cough() -> None:
    empty = Voiceprints(
        np.zeros((0, 2)),
        np.zeros((0, 256), np.float32),
        np.zeros(0, np.int64),
        np.zeros(10, np.float32),
    )
    assert find_turns(empty, [], None) == []
    (only,) = find_turns(empty, [(0.02, 0.08)], None)
    assert only.speaker == "S1"
    assert 0 <= only.start_s < only.end_s <= 0.1 + 1e-9


def test_windows_cover_a_span() -> None:
    assert window_cuts(0.2) == []
    assert window_cuts(1.0) == [(0.0, 1.0)]
    cuts = window_cuts(3.0)
    assert cuts[0][0] == 0.0
    assert cuts[-1][1] == pytest.approx(3.0)
    assert all(end - start == pytest.approx(1.6) for start, end in cuts)
    assert max(b[0] - a[0] for a, b in pairwise(cuts)) <= 0.4 + 1e-9


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / MODEL).write_bytes(build_onnx(random_weights()))
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    return tmp_path


def two_voices(path: Path) -> tuple[Span, ...]:
    """A low voice, then a high one."""
    quiet = np.zeros(RATE, dtype=np.float32)
    low, high = vowels(3.0, 100, RATE, seed=1), vowels(3.0, 230, RATE, seed=2, tract=1.2)
    with WavWriter(path, RATE, 1) as writer:
        writer.write(np.concatenate([quiet, low, quiet, high, quiet]))
    return ((1.0, 4.0), (5.0, 8.0))


def test_the_backend_tells_voices_and_their_pitch(models: Path) -> None:
    """Even untrained, the network gives the same vector for the same sound: two voices, two speakers."""
    speech = two_voices(models / "talk.wav")
    done = run(DiarizeAsk(str(models / "talk.wav"), speech, n_speakers=2), silent)
    assert done.speakers == ("S1", "S2")
    assert [turn.speaker for turn in done.turns] == ["S1", "S2"]
    assert done.median_f0_hz["S1"] == pytest.approx(100, rel=0.2)
    assert done.median_f0_hz["S2"] == pytest.approx(230, rel=0.2)


def test_spans_may_overlap_or_leave_the_file(models: Path) -> None:
    two_voices(models / "talk.wav")
    speech = ((5.0, 99.0), (-3.0, 2.0), (1.0, 4.0), (6.0, 6.0), (50.0, 60.0))
    done = run(DiarizeAsk(str(models / "talk.wav"), speech, n_speakers=1), silent)
    assert done.speakers == ("S1",)
    assert done.turns[0].start_s >= 0
    assert done.turns[-1].end_s <= 9.02


def test_nobody_speaks(models: Path) -> None:
    two_voices(models / "talk.wav")
    done = run(DiarizeAsk(str(models / "talk.wav"), ()), silent)
    assert (done.speakers, done.turns, done.median_f0_hz) == ((), (), {})


def test_it_can_be_stopped(models: Path) -> None:
    speech = two_voices(models / "talk.wav")

    def stop(done: float, total: float | None = None, note: str = "") -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        run(DiarizeAsk(str(models / "talk.wav"), speech), stop)


def test_without_its_model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MODELS_VARIABLE, str(tmp_path))
    with pytest.raises(Problem) as caught:
        run(DiarizeAsk(str(tmp_path / "talk.wav"), ()), silent)
    assert caught.value.code == "weights-missing"
    assert caught.value.next_action is not None
    assert caught.value.next_action.verb == "packs install"
