"""True peak after ITU-R BS.1770 Annex 2: the peak of the signal oversampled four times.

Between two samples the band-limited signal is evaluated at 1/4, 1/2 and 3/4 with a windowed sinc
(24 taps a phase, Kaiser beta 6; twice the length of the standard's example filter, so that less of
a peak near the Nyquist frequency is missed). A group of samples is interpolated only where it could
matter: no interpolated value exceeds the sum of the filter's magnitudes times the largest sample
near it, so what that bound keeps under the threshold needs no filter. The result is the same.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]

OVERSAMPLING = 4
TAPS = 24
"""Samples around each interpolated point."""
BEFORE, AFTER = TAPS // 2 - 1, TAPS // 2
"""Context frames that a peak needs before and after its sample."""
_ROW = 32
"""Frames handled per matrix row; at least TAPS - 1, so that a row needs only its next neighbour."""


def _phases() -> npt.NDArray[np.float64]:
    """[3, TAPS] interpolation filters, each with unit gain at zero frequency."""
    k = np.arange(TAPS) - BEFORE
    rows = []
    for phase in range(1, OVERSAMPLING):
        t = k - phase / OVERSAMPLING
        window = np.i0(6.0 * np.sqrt(np.maximum(0.0, 1.0 - (t / (TAPS / 2)) ** 2)))
        taps = np.sinc(t) * window
        rows.append(taps / taps.sum())
    return np.stack(rows)


class Oversampler:
    """Peaks between samples, for :class:`TruePeakMeter` and the limiter."""

    def __init__(self) -> None:
        phases = _phases()
        self.bound = float(np.abs(phases).sum(axis=1).max())
        """No interpolated value is larger than this times the largest sample under the filter."""
        matrix = np.zeros((2 * _ROW, OVERSAMPLING - 1, _ROW), np.float32)
        for j in range(_ROW):
            matrix[j : j + TAPS, :, j] = phases.T
        flat = matrix.reshape(2 * _ROW, -1)
        self._here, self._next = flat[:_ROW].copy(), flat[_ROW:].copy()

    def peaks(self, x: F32, floor: float) -> F32:
        """Return [n]: the largest magnitude at each frame and on the way to the next, any channel.

        ``x`` [channels, n + TAPS - 1] starts BEFORE frames early and ends AFTER frames late. Values
        up to ``floor`` may be reported as the sample's own magnitude; larger ones are exact.
        """
        channels, total = x.shape
        n = total - (TAPS - 1)
        result: F32 = np.abs(x[:, BEFORE : BEFORE + n]).max(axis=0)
        limit = np.float32(floor / self.bound)
        if n <= 0 or max(float(x.max()), -float(x.min())) <= limit:
            return result
        rows = -(-n // _ROW)
        padded = np.zeros((channels, (rows + 1) * _ROW), np.float32)
        padded[:, :total] = x
        grid = padded.reshape(channels, rows + 1, _ROW)
        loud = np.abs(grid).max(axis=(0, 2)) > limit
        picked = np.flatnonzero(loud[:-1] | loud[1:])
        raised = np.zeros((rows, _ROW), np.float32)
        for channel in range(channels):
            between = grid[channel, picked] @ self._here
            between += grid[channel, picked + 1] @ self._next
            np.abs(between, out=between)
            top = between.reshape(-1, OVERSAMPLING - 1, _ROW).max(axis=1)
            raised[picked] = np.maximum(raised[picked], top)
        np.maximum(result, raised.reshape(-1)[:n], out=result)
        return result


class TruePeakMeter:
    """Running true peak of a stream of blocks [channels, n]."""

    def __init__(self, channels: int) -> None:
        self._oversampler = Oversampler()
        self._tail: F32 = np.zeros((channels, TAPS - 1), np.float32)
        self._peak = 0.0

    def add(self, block: F32) -> None:
        x = np.concatenate([self._tail, block], axis=1)
        self._tail = x[:, -(TAPS - 1) :].copy()
        peaks = self._oversampler.peaks(x, self._peak)
        if peaks.size:
            self._peak = max(self._peak, float(peaks.max()))

    def peak(self) -> float:
        """Linear true peak of everything added, as if silence followed."""
        channels = self._tail.shape[0]
        x = np.concatenate([self._tail, np.zeros((channels, TAPS - 1), np.float32)], axis=1)
        return max(self._peak, float(self._oversampler.peaks(x, self._peak).max()))

    def peak_dbtp(self) -> float | None:
        """The same in dBTP, None for digital silence."""
        peak = self.peak()
        return 20.0 * math.log10(peak) if peak > 0.0 else None
