"""Stems that still add up when they are written as 16 bits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]

STEP = np.float32(1 / 32768)
LOUDEST = np.float32(1) - STEP


def hold(total: F32, stems: Sequence[F32]) -> list[F32]:
    """Return ``stems`` and, after them, what they leave of ``total``, all within 16 bits.

    Each stem is rounded to a step of 16 bits, and gives way where what comes after it could not hold
    the rest; so the last one takes up what rounding and clipping left, and all add up to ``total``
    within half a step. Only a total beyond as many times full scale as there are stems cannot be held.
    All are float32 [n, channels].
    """
    held = []
    rest = total
    for index, stem in enumerate(stems):
        after = np.float32(len(stems) - index)
        low = np.maximum(np.float32(-1), rest - after * LOUDEST)
        high = np.minimum(LOUDEST, rest + after)
        steps = np.rint(np.clip(stem, low, high) / STEP)
        held.append(np.clip(steps * STEP, np.float32(-1), LOUDEST))
        rest = rest - held[-1]
    return [*held, rest]
