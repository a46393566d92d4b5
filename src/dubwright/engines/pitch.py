"""Fundamental frequency of a voice, to tell a high voice from a low one."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

LOWEST_HZ, HIGHEST_HZ = 60.0, 420.0
APERIODIC = 0.2
"""A frame counts as voiced below this. The paper's 0.1 is for clean speech and favours high voices,
which change less within a frame."""


def track_f0(sound: Array, rate_hz: int, hop_s: float = 0.02) -> npt.NDArray[np.float64]:
    """F0 in Hz of each ``hop_s`` of mono ``sound`` [n]; NaN where there is no voice.

    De Cheveigné and Kawahara, "YIN, a fundamental frequency estimator for speech and music", JASA
    111 (2002): steps 2 to 5 (difference function, its cumulative mean, threshold, parabola).
    """
    longest = int(np.ceil(rate_hz / LOWEST_HZ))
    shortest = int(rate_hz / HIGHEST_HZ)
    size, hop = 2 * longest, max(1, round(hop_s * rate_hz))
    if len(sound) < size + longest:
        return np.zeros(0)
    frames = np.lib.stride_tricks.sliding_window_view(sound, size + longest)[::hop]
    parts = [
        _track(np.asarray(frames[at : at + 2000], dtype=np.float64), size, longest, shortest)
        for at in range(0, len(frames), 2000)
    ]
    return rate_hz / np.concatenate(parts)


def median_f0_hz(tracks: list[npt.NDArray[np.float64]]) -> float | None:
    """Median over the voiced frames of several stretches; None when there are hardly any."""
    voiced = [track[np.isfinite(track)] for track in tracks]
    every = np.concatenate(voiced) if voiced else np.zeros(0)
    return float(np.median(every)) if len(every) >= 5 else None


def _track(
    frames: npt.NDArray[np.float64], size: int, longest: int, shortest: int
) -> npt.NDArray[np.float64]:
    """Period in samples of each frame [n, size + longest], NaN where unvoiced."""
    frames = frames - frames.mean(axis=1, keepdims=True)
    points = 1 << (frames.shape[1] + size - 1).bit_length()
    head = np.fft.rfft(frames[:, :size], points)
    product = np.fft.irfft(np.conj(head) * np.fft.rfft(frames, points), points)[:, : longest + 1]
    sums = np.concatenate([np.zeros((len(frames), 1)), np.cumsum(frames**2, axis=1)], axis=1)
    lags = np.arange(longest + 1)
    energy = sums[:, size + lags] - sums[:, lags]
    difference = np.maximum(energy[:, :1] + energy - 2 * product, 0.0)
    running = np.cumsum(difference[:, 1:], axis=1) / lags[1:]
    normal = np.ones_like(difference)
    np.divide(difference[:, 1:], running, out=normal[:, 1:], where=running > 1e-12)
    dips = np.zeros(normal.shape, dtype=bool)
    inner = normal[:, 1:-1]
    dips[:, 1:-1] = (inner < APERIODIC) & (inner <= normal[:, :-2]) & (inner < normal[:, 2:])
    dips[:, :shortest] = False
    lag = np.argmax(dips, axis=1)
    rows = np.arange(len(frames))
    before, at, after = (
        normal[rows, lag - 1],
        normal[rows, lag],
        normal[rows, (lag + 1) % len(lags)],
    )
    bend = before - 2 * at + after
    shift = np.where(np.abs(bend) > 1e-12, 0.5 * (before - after) / np.where(bend, bend, 1.0), 0.0)
    loud = energy[:, 0] / size > 1e-7  # -70 dBFS
    voiced = dips.any(axis=1) & loud
    return np.where(voiced, lag + np.clip(shift, -0.5, 0.5), np.nan)
