"""The limiter holds the ceiling, touches nothing else, and does not depend on blocks."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
import soxr

from dubwright.engines.limiter import Limiter, LimiterSettings

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
RATE_HZ = 44100


def limited(samples: F32, size: int, settings: LimiterSettings | None = None) -> tuple[F32, F64]:
    limiter = Limiter(RATE_HZ, samples.shape[1], settings)
    blocks, reductions = [], []
    made = [limiter.process(samples[at : at + size]) for at in range(0, len(samples), size)]
    for block, reduction in [*made, limiter.flush()]:
        blocks.append(block)
        reductions.append(np.zeros(len(block)) if reduction is None else reduction)
    return np.concatenate(blocks)[limiter.delay :], np.concatenate(reductions)[limiter.delay :]


def true_peak_dbtp(samples: F32) -> float:
    oversampled = soxr.resample(samples, RATE_HZ, 4 * RATE_HZ, quality="VHQ")
    return 20 * math.log10(float(np.abs(oversampled).max()))


def loud_noise(seconds: float) -> F32:
    rng = np.random.default_rng(2)
    noise = rng.standard_normal((round(seconds * RATE_HZ), 2))
    low = np.apply_along_axis(lambda x: np.convolve(x, np.hanning(12), "same"), 0, noise)
    made: F32 = (low / np.abs(low).max() * 2.5).astype(np.float32)
    return made


def test_the_ceiling_holds_for_loud_noise_and_for_a_shifted_tone() -> None:
    t = np.arange(RATE_HZ)
    shifted = 1.2 * np.sin(2 * np.pi * t / 4 + math.pi / 4) * np.minimum(1, t / 2000)
    for samples in (loud_noise(2.0), np.stack([shifted, 0 * shifted], axis=1).astype(np.float32)):
        out, _ = limited(samples, 44100)
        assert out.shape == samples.shape
        assert -1.6 <= true_peak_dbtp(out) <= -1.0


def test_nothing_but_the_surroundings_of_a_peak_changes() -> None:
    samples = loud_noise(3.0) * np.float32(0.1)
    samples[60000] = (1.5, -0.2)
    out, reduction = limited(samples, 10000)
    changed = np.flatnonzero((out != samples).any(axis=1))
    assert changed.size
    assert changed[0] >= 60000 - 0.012 * RATE_HZ
    assert changed[-1] <= 60000 + 0.25 * RATE_HZ
    assert np.flatnonzero(reduction > 1e-6)[0] >= changed[0] - 1
    # Both channels move together, so that the picture of the room does not.
    ratio = out[changed] / samples[changed]
    np.testing.assert_allclose(ratio[:, 0], ratio[:, 1], rtol=1e-4)


def test_quiet_sound_passes_bit_for_bit() -> None:
    samples = loud_noise(1.0) * np.float32(0.3)
    out, reduction = limited(samples, 4096)
    assert np.array_equal(out, samples)
    assert not reduction.any()


@pytest.mark.parametrize("size", [1000, 4096, 65536])
def test_the_block_size_changes_nothing(size: int) -> None:
    samples = loud_noise(1.5)
    expected, _ = limited(samples, len(samples))
    got, _ = limited(samples, size)
    assert np.abs(got - expected).max() < 1 / 65536


@pytest.mark.parametrize("size", [441, 1000, 4096, 9000])
def test_after_a_peak_the_gain_comes_back_to_exactly_one(size: int) -> None:
    samples = loud_noise(2.0) * np.float32(0.1)
    for at in (20000, 20300, 41000):
        samples[at] = 1.2
    expected, reduction = limited(samples, len(samples))
    got, in_blocks = limited(samples, size)
    np.testing.assert_allclose(in_blocks, reduction, atol=1e-9)
    assert np.abs(got - expected).max() < 1e-6
    assert not in_blocks[60000:].any()


def test_one_sample() -> None:
    out, _ = limited(np.full((1, 2), 1.5, np.float32), 10)
    assert out.shape == (1, 2)
    assert np.abs(out).max() <= 10 ** (-1 / 20)
