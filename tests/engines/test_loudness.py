"""Loudness and true peak against the standards' own figures and against another implementation."""

from __future__ import annotations

import math

import av
import numpy as np
import numpy.typing as npt
import pytest
import soxr

from dubwright.engines.loudness import HopMeter, gated_loudness, k_weighting, loudness
from dubwright.engines.truepeak import TruePeakMeter

F32 = npt.NDArray[np.float32]


def tone(levels: list[tuple[float, float]], rate_hz: int, hz: float = 1000.0) -> F32:
    """Stereo sine of (dBFS, seconds) parts, as in EBU Tech 3341."""
    parts = [np.full(round(s * rate_hz), 10.0 ** (db / 20)) for db, s in levels]
    gain = np.concatenate(parts)
    wave = gain * np.sin(2 * np.pi * hz * np.arange(gain.size) / rate_hz)
    return np.stack([wave, wave], axis=1).astype(np.float32)


def ebur128(samples: F32, rate_hz: int) -> tuple[float, float]:
    """(integrated LUFS, true peak dBTP) by the ffmpeg filter."""
    graph = av.filter.Graph()
    source = graph.add_abuffer(sample_rate=rate_hz, format="flt", layout="stereo")
    filtered = graph.add("ebur128", "metadata=1:peak=true")
    sink = graph.add("abuffersink")
    source.link_to(filtered)
    filtered.link_to(sink)
    graph.configure()
    frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="stereo")
    frame.sample_rate = rate_hz
    source.push(frame)
    source.push(None)
    last, peak = "", 0.0
    while True:
        try:
            got = graph.pull()
        except (av.error.EOFError, av.error.BlockingIOError):
            break
        last = got.metadata["lavfi.r128.I"]
        peak = max(peak, *(float(got.metadata[f"lavfi.r128.true_peaks_ch{c}"]) for c in (0, 1)))
    return float(last), 20 * math.log10(peak)


def test_k_weighting_gives_the_printed_table_at_48_khz() -> None:
    shelf, high_pass = k_weighting(48000)
    printed = (1.53512485958697, -2.69169618940638, 1.19839281085285)
    assert shelf == pytest.approx((*printed, -1.69065929318241, 0.73248077421585), abs=1e-9)
    assert high_pass == pytest.approx((1, -2, 1, -1.99004745483398, 0.99007225036621), abs=1e-9)


@pytest.mark.parametrize("rate_hz", [44100, 48000])
@pytest.mark.parametrize(
    ("levels", "expected"),
    [
        ([(-23, 20)], -23.0),
        ([(-33, 20)], -33.0),
        ([(-36, 10), (-23, 60), (-36, 10)], -23.0),
        ([(-72, 10), (-36, 10), (-23, 60), (-36, 10), (-72, 10)], -23.0),
        ([(-26, 20), (-20, 20.1), (-26, 20)], -23.0),
    ],
)
def test_integrated_loudness_of_the_ebu_signals(
    levels: list[tuple[float, float]], expected: float, rate_hz: int
) -> None:
    measured = loudness(tone(levels, rate_hz), rate_hz)
    assert measured == pytest.approx(expected, abs=0.1)


def test_a_full_scale_tone_in_one_channel_reads_as_the_standard_says() -> None:
    wave = tone([(0, 5)], 48000, 997.0)
    wave[:, 1] = 0
    assert loudness(wave, 48000) == pytest.approx(-3.01, abs=0.01)


def test_it_agrees_with_the_ffmpeg_filter() -> None:
    rng = np.random.default_rng(3)
    swell = 0.02 + 0.4 * np.abs(np.sin(np.arange(44100 * 20) / 44100 / 3)) ** 3
    samples = (rng.standard_normal((swell.size, 2)) * swell[:, np.newaxis] / 4).astype(np.float32)
    samples = np.cumsum(samples, axis=0) * np.float32(0.05) + samples
    integrated, _ = ebur128(samples, 44100)
    assert loudness(samples, 44100) == pytest.approx(integrated, abs=0.02)


def test_the_block_size_changes_nothing() -> None:
    samples = np.random.default_rng(5).standard_normal((2, 44100)).astype(np.float32)
    whole = HopMeter(44100, 2, ((0, 1),))
    whole.add(samples)
    for size in (1, 333, 4410, 7000):
        pieces = HopMeter(44100, 2, ((0, 1),))
        for at in range(0, 9000 if size == 1 else 44100, size):
            pieces.add(samples[:, at : at + size])
        expected = whole.powers()[:, : pieces.powers().shape[1]]
        assert expected.size
        np.testing.assert_allclose(pieces.powers(), expected, rtol=1e-9)


def test_silence_and_short_sound_have_no_loudness() -> None:
    assert loudness(np.zeros((44100, 2), np.float32), 44100) is None
    assert loudness(np.ones((15000, 2), np.float32), 44100) is None
    assert gated_loudness(np.zeros(0)) is None


def test_a_rate_without_whole_hops_is_refused() -> None:
    with pytest.raises(ValueError, match="11025"):
        HopMeter(11025, 1)


@pytest.mark.parametrize(
    ("divisor", "phase_deg", "amplitude", "expected"),
    [
        (4, 0, 0.5, -6.0),
        (4, 45, 0.5, -6.0),
        (6, 60, 0.5, -6.0),
        (8, 67.5, 0.5, -6.0),
        (4, 45, 1.41, 3.0),
    ],
)
def test_true_peak_of_the_ebu_signals(
    divisor: int, phase_deg: float, amplitude: float, expected: float
) -> None:
    """Tech 3341 signals 15 to 19: tolerance +0.2/-0.4 dB."""
    t = np.arange(48000)
    wave = amplitude * np.sin(2 * np.pi * t / divisor + math.radians(phase_deg))
    wave *= np.clip(np.minimum(t, t[::-1]) / 2400, 0, 1)
    meter = TruePeakMeter(1)
    meter.add(wave[np.newaxis].astype(np.float32))
    measured = meter.peak_dbtp()
    assert measured is not None
    assert expected - 0.4 <= measured <= expected + 0.2


def test_true_peak_skips_nothing_and_streams() -> None:
    """The bound that spares quiet passages the filter must not change what is found."""
    rng = np.random.default_rng(11)
    noise = np.convolve(rng.standard_normal(60000), np.hanning(7), "same")
    x = (noise * np.sin(np.arange(60000) / 4000) ** 4).astype(np.float32)
    oversampled = float(np.abs(soxr.resample(x, 44100, 4 * 44100, quality="VHQ")).max())
    whole, pieces = TruePeakMeter(1), TruePeakMeter(1)
    whole.add(x[np.newaxis])
    for at in range(0, x.size, 700):
        pieces.add(x[np.newaxis, at : at + 700])
    assert pieces.peak() == pytest.approx(whole.peak(), rel=1e-5)
    assert 20 * math.log10(whole.peak() / oversampled) == pytest.approx(0.0, abs=0.1)


def test_true_peak_of_silence_is_none() -> None:
    meter = TruePeakMeter(2)
    meter.add(np.zeros((2, 100), np.float32))
    assert meter.peak_dbtp() is None
