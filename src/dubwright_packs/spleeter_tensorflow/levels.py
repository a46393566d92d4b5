"""Two stems within 16 bits that still add up."""

from __future__ import annotations

from typing import Tuple

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]

STEP = np.float32(1 / 32768)
LOUDEST = np.float32(1) - STEP


def hold(vocals: F32, background: F32) -> Tuple[F32, F32]:
    """Return the stems such that both fit into 16 bits and add up to what they added up to.

    The vocals give way where either would clip, and are rounded first, so that the background takes
    up what rounding left. Only a sum beyond twice full scale cannot be held.
    """
    both = vocals + background
    low = np.maximum(np.float32(-1), both - LOUDEST)
    high = np.minimum(LOUDEST, both + np.float32(1))
    voice = np.clip(np.rint(np.clip(vocals, low, high) / STEP) * STEP, np.float32(-1), LOUDEST)
    return voice, both - voice
