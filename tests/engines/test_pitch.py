"""F0 of sounds whose F0 is known."""

import numpy as np
import pytest

from dubwright.engines.pitch import median_f0_hz, track_f0
from tests.engines.synthetic import vowels

RATE = 16_000


@pytest.mark.parametrize("f0_hz", [80.0, 123.4, 220.0, 400.0])
def test_a_buzz_has_its_own_pitch(f0_hz: float) -> None:
    time = np.arange(RATE) / RATE
    buzz = sum(np.sin(2 * np.pi * f0_hz * k * time) / k for k in range(1, 12))
    track = track_f0((0.1 * np.asarray(buzz)).astype(np.float32), RATE)
    assert np.isfinite(track).mean() > 0.95
    np.testing.assert_allclose(track[np.isfinite(track)], f0_hz, rtol=0.01)


@pytest.mark.parametrize("f0_hz", [100.0, 200.0])
def test_a_voice_has_about_the_pitch_it_was_made_with(f0_hz: float) -> None:
    median = median_f0_hz([track_f0(vowels(3.0, f0_hz, RATE, seed=4), RATE)])
    assert median == pytest.approx(f0_hz, rel=0.15)


def test_noise_and_silence_have_none() -> None:
    noise = np.random.default_rng(0).normal(size=RATE).astype(np.float32)
    assert median_f0_hz([track_f0(noise, RATE)]) is None
    assert median_f0_hz([track_f0(np.zeros(RATE, np.float32), RATE)]) is None
    assert median_f0_hz([track_f0(np.zeros(10, np.float32), RATE)]) is None
    assert median_f0_hz([]) is None
