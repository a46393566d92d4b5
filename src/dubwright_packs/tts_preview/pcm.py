"""16-bit samples in plain Python: trimming, median F0, a WAV file. No numpy in this environment."""

from __future__ import annotations

import operator
import sys
import wave
from array import array
from typing import List, Optional, Tuple

KEEP_S = 0.005
"""Silence left at each end by :func:`trim`, so that a consonant's onset is not cut."""
_BLOCK_S = 0.002
_SILENT_DB = -50.0


def trim(samples: array[int], rate_hz: int) -> array[int]:
    """Return ``samples`` without the silence at both ends (all blocks 50 dB below the peak).

    Empty when nothing sounds.
    """
    start, end = sounding(samples, rate_hz)
    return samples[start:end]


def sounding(samples: array[int], rate_hz: int) -> Tuple[int, int]:
    """Where :func:`trim` cuts: first sample kept and the one after the last; (0, 0) when silent."""
    peak = max(map(abs, samples), default=0)
    if peak < 2:
        return 0, 0
    floor = max(1.0, peak * 10 ** (_SILENT_DB / 20))
    block = max(1, int(_BLOCK_S * rate_hz))

    def sounds(start: int) -> bool:
        part = samples[start : start + block]
        return max(part) > floor or -min(part) > floor

    starts = range(0, len(samples), block)
    first = next(start for start in starts if sounds(start))
    last = next(start for start in reversed(starts) if sounds(start)) + block
    keep = int(KEEP_S * rate_hz)
    return max(0, first - keep), min(len(samples), last + keep)


def median_f0_hz(samples: array[int], rate_hz: int) -> Optional[float]:
    """Median fundamental of the voiced 40 ms frames, by autocorrelation from 55 to 500 Hz.

    Normalised autocorrelation (Rabiner 1977, "On the use of autocorrelation analysis for pitch
    detection") on decimated samples, the shortest lag that comes within 10 % of the best one; exact
    to about 1 % up to 250 Hz, which a calibration needs and a melody would not forgive. None when
    nothing is voiced.
    """
    step = max(1, rate_hz // 11000)
    slow = [sum(samples[i : i + step]) / step for i in range(0, len(samples) - step, step)]
    rate = rate_hz / step
    frame, hop = int(0.040 * rate), int(0.040 * rate)
    low, high = int(rate / 500), int(rate / 55)
    found: List[float] = []
    loud = max((abs(x) for x in slow), default=0.0) * 0.1
    for start in range(0, len(slow) - frame - high, hop):
        window = slow[start : start + frame]
        if max(window) < loud:
            continue
        lag = _best_lag(slow, start, frame, low, high)
        if lag is not None:
            found.append(rate / lag)
    found.sort()
    return found[len(found) // 2] if found else None


def _best_lag(x: List[float], start: int, frame: int, low: int, high: int) -> Optional[float]:
    window = x[start : start + frame]
    energy = sum(map(operator.mul, window, window)) or 1.0
    scores = []
    for lag in range(low, high + 1):
        other = x[start + lag : start + lag + frame]
        theirs = sum(map(operator.mul, other, other)) or 1.0
        scores.append(sum(map(operator.mul, window, other)) / (energy * theirs) ** 0.5)
    best = max(scores)
    if best < 0.6:
        return None
    for k in range(1, len(scores) - 1):
        before, here, after = scores[k - 1], scores[k], scores[k + 1]
        if here >= 0.9 * best and here >= before and here >= after:
            bend = before - 2 * here + after
            return low + k + (0.5 * (before - after) / bend if bend < 0 else 0.0)
    return None


def write_wav(path: str, samples: array[int], rate_hz: int) -> None:
    """Write a mono 16-bit WAV."""
    if sys.byteorder == "big":
        samples = array("h", samples)
        samples.byteswap()
    with wave.open(path, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(samples.tobytes())
