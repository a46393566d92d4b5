"""The sound that everybody separates: made by code, the same for every length, never all in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dubwright.media.wav import WavReader, WavWriter, WriteSubtype
from tests.engines.synthetic import music, vowels

F32 = npt.NDArray[np.float32]
RATE_HZ = 44_100
_UNIT_S = 7.3
_SWELL_FRAMES = 90_001
_BLOCK_FRAMES = 10 * RATE_HZ
_PIECE_FRAMES = 1 << 15


class Generated:
    """An endless sound: vowels over music, repeated, swelling slowly. Peak below 0.9."""

    def __init__(self) -> None:
        voice = vowels(_UNIT_S, 130, RATE_HZ, seed=2)[:, None]
        self._unit = (0.8 * (music(_UNIT_S, RATE_HZ, seed=1) + voice)).astype(np.float32)

    def read(self, start: int, n: int) -> F32:
        """Frames ``start`` to ``start + n`` as float32 [n, 2]."""
        block = np.empty((n, 2), np.float32)
        for at in range(0, n, _PIECE_FRAMES):  # else it takes as much memory as what is measured
            places = np.arange(start + at, start + min(n, at + _PIECE_FRAMES))
            swell = (0.6 + 0.4 * np.sin(places / _SWELL_FRAMES)).astype(np.float32)
            np.multiply(
                self._unit[places % len(self._unit)],
                swell[:, None],
                out=block[at : at + len(places)],
            )
        return block


def write(
    path: Path, frames: int, subtype: WriteSubtype = "int16", lead_in_frames: int = 0
) -> Path:
    """``frames`` of the sound, between ``lead_in_frames`` of silence on both sides."""
    sound, silence = Generated(), np.zeros((lead_in_frames, 2), np.float32)
    with WavWriter(path, RATE_HZ, 2, subtype) as writer:
        writer.write(silence)
        for at in range(0, frames, _BLOCK_FRAMES):
            writer.write(sound.read(at, min(_BLOCK_FRAMES, frames - at)))
        writer.write(silence)
    return path


def largest_difference(one: Path, other: Path, offset: int = 0, frames: int = 0) -> float:
    """Largest absolute difference of ``one`` to ``other``, whose frame ``offset`` is ``one``'s first.

    Compares ``frames`` frames, all of ``one`` when 0; raises ``ValueError`` when either has fewer.
    """
    with WavReader(one) as first, WavReader(other) as second:
        frames = frames or first.frames
        if first.frames < frames or second.frames < offset + frames:
            raise ValueError(f"{one} has {first.frames} frames, {other} has {second.frames}")
        largest = 0.0
        for at in range(0, frames, _BLOCK_FRAMES):
            n = min(_BLOCK_FRAMES, frames - at)
            apart = np.abs(first.read(at, n) - second.read(offset + at, n))
            largest = max(largest, float(apart.max()))
    return largest
