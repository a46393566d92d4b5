"""The spectral separation: better than doing nothing, silent where nobody speaks."""

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.engines.scoring import si_sdr_db
from dubwright.engines.spectral import (
    SpectralSettings,
    running_median,
    separate_block,
    smooth,
    speech_gate,
)
from tests.engines.synthetic import music, vowels

Array = npt.NDArray[np.float32]
RATE = 44_100
SPEECH = [(1.0, 4.0)]


def scene(left: float = 1.0, right: float = 1.0) -> tuple[Array, Array]:
    """(voice, music), 5 s at equal energy, the voice from second 1 to 4."""
    voice = np.zeros((5 * RATE, 2), dtype=np.float32)
    voice[RATE : 4 * RATE] = np.outer(vowels(3.0, 150, RATE, seed=5), [left, right])
    background = music(5.0, RATE, seed=6)
    return voice, background * np.sqrt(np.mean(voice**2) / np.mean(background**2))


@pytest.mark.parametrize("panning", [(1.0, 1.0), (1.0, 0.0), (0.4, 0.9)])
def test_both_stems_gain_wherever_the_voice_stands(panning: tuple[float, float]) -> None:
    voice, background = scene(*panning)
    mix = voice + background
    vocals = separate_block(mix, RATE, SPEECH)
    assert si_sdr_db(voice, vocals) > si_sdr_db(voice, mix) + 3
    assert si_sdr_db(background, mix - vocals) > si_sdr_db(background, mix) + 3


def test_nothing_is_taken_where_nobody_speaks() -> None:
    voice, background = scene()
    vocals = separate_block(voice + background, RATE, SPEECH)
    assert not vocals[: int(0.8 * RATE)].any()
    assert not vocals[int(4.3 * RATE) :].any()
    assert vocals[2 * RATE : 3 * RATE].any()
    assert not separate_block(background, RATE, []).any()


@pytest.mark.parametrize("length", [1, 100, 5000])
def test_short_sound(length: int) -> None:
    sound = np.full((length, 2), 0.5, dtype=np.float32)
    vocals = separate_block(sound, RATE, [(0.0, 1.0)])
    assert vocals.shape == sound.shape
    assert np.isfinite(vocals).all()


def test_the_gate_pads_and_fades() -> None:
    settings = SpectralSettings(pad_before_s=0.1, pad_after_s=0.2, fade_s=0.1)
    gate = speech_gate(1000, 100, [(2.0, 3.0), (3.3, 4.0)], settings)
    assert gate[179] == 0
    assert gate[185] == pytest.approx(0.5)
    assert (gate[190:420] == 1).all()  # the gap between the spans is within their pads
    assert gate[425] == pytest.approx(0.5)
    assert gate[431] == 0
    assert not speech_gate(10, 100, [], settings).any()
    assert speech_gate(10, 100, [(-5.0, 5.0)], settings).all()


def test_the_running_median_is_the_median() -> None:
    power = np.random.default_rng(0).random((31, 5)).astype(np.float32)
    medians = running_median(power, 4)
    for row in (4, 10, 26):
        np.testing.assert_allclose(medians[row], np.median(power[row - 4 : row + 5], axis=0))
    np.testing.assert_allclose(medians[11], (medians[10] + medians[12]) / 2)


def test_smoothing_averages_neighbours() -> None:
    np.testing.assert_allclose(
        smooth(np.array([[0, 0, 5, 0, 0]], dtype=np.float32), 1), [[0, 5 / 3, 5 / 3, 5 / 3, 0]]
    )
