"""What the engines that separate ask for, and how they take it: stretches of a sound of any length."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
Read = Callable[[int, int], F32]
"""``read(start, n)``: samples [k, 2], k <= n, none only at the end. Called from another thread than
the caller's, in order, never twice at a time."""

CHANNELS = 2
MOST_THREADS = 16
"""The layers of a block are too small for more."""
LOUDEST = np.float32(1e6)
"""120 dB above full scale: the squares of what is beyond would leave the range of a float."""


def take(read: Read, frames: int, start: int, n: int, silent: np.float32) -> F32:
    """Return the samples from ``start`` on, which may be negative, as [2, n]: of a sound of ``frames``
    samples, zeros before and after it.

    What is not a finite number is taken as silence, samples smaller than ``silent`` too; what is
    beyond :data:`LOUDEST` is cut off there.
    """
    out = np.zeros((CHANNELS, n), np.float32)
    at, last = max(0, start), min(frames, start + n)
    while at < last:
        sound = read(at, last - at)
        if not len(sound):
            break
        out[:, at - start : at - start + len(sound)] = sound.T
        at += len(sound)
    if not np.isfinite(out).all():
        np.nan_to_num(out, copy=False, nan=0.0, posinf=0.0, neginf=0.0)
    # Numbers too small for a float's full precision, as fading reverberation leaves them, take a
    # processor a hundred times as long. Its switch for that would be set for the whole program.
    out[np.abs(out) < silent] = 0
    return np.clip(out, -LOUDEST, LOUDEST, out=out)


def processors() -> int:
    """How many processors to work with: those that this process may use, but no more than pay."""
    here = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
    return min(here, MOST_THREADS)
