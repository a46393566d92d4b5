"""A look-ahead true-peak limiter that leaves everything but the peaks' surroundings untouched.

Around each true peak above the ceiling the gain is bent down, channels together, in a smooth dip:
a sliding maximum of the reduction that each sample needs, a release of constant slope, and a
triangular smoothing no wider than the maximum's window, so that the smoothed reduction is never
less than what the sample needs (the usual construction of a brick-wall limiter, here as array
operations on a stream). Elsewhere the gain is exactly 1 and samples pass bit for bit.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dubwright.engines.truepeak import AFTER, TAPS, Oversampler

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]


@dataclass(frozen=True)
class LimiterSettings:
    ceiling_dbtp: float = -1.0
    margin_db: float = 0.1
    """A peak that is too high is brought this far under the ceiling: the moving gain itself and
    other meters' interpolation filters then stay under it as well."""
    look_s: float = 0.005
    release_per_s: float = 2.5
    """Gain recovered per second: half of full scale (6 dB) in 0.2 s."""


class Limiter:
    """Streams blocks [n, channels]; output comes :attr:`delay` frames late, :meth:`flush` ends it."""

    def __init__(
        self, rate_hz: int, channels: int, settings: LimiterSettings | None = None
    ) -> None:
        settings = settings or LimiterSettings()
        self._ceiling = 10.0 ** (settings.ceiling_dbtp / 20.0)
        self._target = 10.0 ** ((settings.ceiling_dbtp - settings.margin_db) / 20.0)
        self._slope = settings.release_per_s / rate_hz
        self._look = look = max(1, round(settings.look_s * rate_hz))
        self.delay = AFTER + 2 * look
        self._oversampler = Oversampler()
        self._recent: F32 = np.zeros((channels, TAPS - 1), np.float32)
        self._line: F32 = np.zeros((self.delay, channels), np.float32)
        self._needed: F64 = np.zeros(2 * look)
        self._held: F64 = np.zeros(2 * look)
        self._release = 0.0

    def process(self, block: F32) -> tuple[F32, F64 | None]:
        """Take [n, channels] and return ``n`` frames (the first ones are the delay's silence) with
        their reduction [n] in 0..1 (gain = 1 - reduction), None when it is zero throughout."""
        n = block.shape[0]
        delayed = np.concatenate([self._line, block])
        out, self._line = delayed[:n], delayed[n:].copy()
        x = np.concatenate([self._recent, block.T], axis=1)
        self._recent = x[:, -(TAPS - 1) :].copy()
        peaks = self._oversampler.peaks(x, self._ceiling)
        over = np.flatnonzero(peaks > self._ceiling)
        if not over.size and not self._busy():
            return out, None
        needed = np.zeros(n)
        needed[over] = 1.0 - self._target / peaks[over].astype(np.float64)
        reduction = self._shape(needed)
        return out * (1.0 - reduction[:, np.newaxis]).astype(np.float32), reduction

    def flush(self) -> tuple[F32, F64 | None]:
        """Return the last :attr:`delay` frames."""
        return self.process(np.zeros((self.delay, self._line.shape[1]), np.float32))

    def _busy(self) -> bool:
        """True while an earlier peak still bends the gain."""
        return bool(self._release or self._needed.any() or self._held.any())

    def _shape(self, needed: F64) -> F64:
        """From what each sample needs to the smooth reduction, 2 * look frames later."""
        known = np.concatenate([self._needed, needed])
        self._needed = known[-2 * self._look :].copy()
        held = _sliding_max(known, 2 * self._look + 1)
        fall = self._slope * np.arange(1, held.size + 1)
        held = np.maximum.accumulate(np.maximum(held + fall, self._release)) - fall
        # Released from full scale in well under a second, so rounding cannot pile up here.
        self._release = float(held[-1]) if held.size else self._release
        known = np.concatenate([self._held, held])
        self._held = known[-2 * self._look :].copy()
        return _box(_box(known, self._look + 1), self._look + 1)


def _sliding_max(x: F64, width: int) -> F64:
    """Maximum over every ``width`` neighbours, in log2(width) passes."""
    span = 1
    while 2 * span <= width:
        x = np.maximum(x[:-span], x[span:])
        span *= 2
    rest = width - span
    return np.maximum(x[:-rest], x[rest:]) if rest else x


def _box(x: F64, width: int) -> F64:
    """Mean over every ``width`` neighbours; exactly zero where all of them are."""
    total = np.concatenate([[0.0], np.cumsum(x)])
    mean: F64 = (total[width:] - total[:-width]) / width
    return mean
