"""Any channel layout to stereo, the same for every codec.

Coefficients after ITU-R BS.775 (centre and surrounds at -3 dB, the low-frequency channel left out),
divided by their sum so that no film can clip: 5.1 at full scale in every channel is 1.0, and
dialogue in the centre comes out 10.7 dB lower than its channel. FFmpeg scales or not depending on
the codec's sample format, so the levels of a film would depend on its codec.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

_MINUS_3_DB = 0.7071067811865476

_LEFT = frozenset({"FL", "FLC", "BL", "SL", "WL", "TFL", "TBL", "TSL", "DL", "BFL", "SDL", "SSL"})
_RIGHT = frozenset({"FR", "FRC", "BR", "SR", "WR", "TFR", "TBR", "TSR", "DR", "BFR", "SDR", "SSR"})
_MIDDLE = frozenset({"FC", "BC", "TC", "TFC", "TBC", "BFC"})
_FULL = frozenset({"FL", "FR", "DL", "DR"})
_LOW = frozenset({"LFE", "LFE2"})

_USUAL_ORDER: dict[int, tuple[str, ...]] = {
    1: ("FC",),
    2: ("FL", "FR"),
    3: ("FL", "FR", "FC"),
    4: ("FL", "FR", "BL", "BR"),
    5: ("FL", "FR", "FC", "BL", "BR"),
    6: ("FL", "FR", "FC", "LFE", "BL", "BR"),
    7: ("FL", "FR", "FC", "LFE", "BC", "SL", "SR"),
    8: ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
}
"""What a file with this many channels and no layout most likely means (WAVE order)."""


def stereo_matrix(names: Sequence[str]) -> npt.NDArray[np.float32]:
    """Return float32 ``[channels, 2]`` so that ``samples @ matrix`` is stereo.

    ``names`` are FFmpeg's channel names in order; names it does not know (an unspecified layout)
    are taken in WAVE order up to eight channels, beyond that alternately left and right.
    """
    known = _LEFT | _RIGHT | _MIDDLE | _LOW
    if not all(name in known for name in names):
        names = _USUAL_ORDER.get(len(names)) or [("FL", "FR")[n % 2] for n in range(len(names))]
    if len(names) == 1:
        return np.ones((1, 2), np.float32)
    matrix = np.zeros((len(names), 2))
    for row, name in enumerate(names):
        weight = 1.0 if name in _FULL else _MINUS_3_DB
        if name in _LEFT or name in _MIDDLE:
            matrix[row, 0] = weight
        if name in _RIGHT or name in _MIDDLE:
            matrix[row, 1] = weight
    total = matrix.sum(axis=0).max()
    if not total:  # nothing but low-frequency channels: better heard than lost
        return np.full((len(names), 2), 1 / len(names), np.float32)
    return np.asarray(matrix / total, np.float32)
