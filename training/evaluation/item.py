"""What is evaluated: a mix whose speech and background are known."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]

RATE_HZ = 44_100
Layer = Literal["shared", "held-out"]


@dataclass(frozen=True)
class Item:
    """Two stems, float32 [n, 2] at 44.1 kHz, that add up to the mix exactly. Either may be silent."""

    name: str
    kind: str
    layer: Layer
    speech: F32
    background: F32

    def __post_init__(self) -> None:
        if self.speech.shape != self.background.shape or self.speech.shape[1:] != (2,):
            raise ValueError(f"{self.name}: stems {self.speech.shape}, {self.background.shape}")

    @property
    def mix(self) -> F32:
        return self.speech + self.background

    @property
    def seconds(self) -> float:
        return len(self.speech) / RATE_HZ

    def digest(self) -> str:
        """Changes when a sample does."""
        whole = hashlib.sha256(self.speech.tobytes())
        whole.update(self.background.tobytes())
        return whole.hexdigest()


def energy(sound: F32) -> float:
    """Sum of squares."""
    flat = sound.astype(np.float64).ravel()
    return float(flat @ flat)


def at_ratio(speech: F32, background: F32, ratio_db: float, peak: float = 0.9) -> tuple[F32, F32]:
    """Both [n, 2] with the energies ``ratio_db`` apart (speech over background) and the sum's peak
    at ``peak``. Raises ``ValueError`` when one of them is silent."""
    wanted, other = energy(speech), energy(background)
    if wanted == 0.0 or other == 0.0:
        raise ValueError("a ratio needs two sounds")
    louder = background * np.float32(np.sqrt(wanted / other) * 10 ** (-ratio_db / 20))
    scale = np.float32(peak / max(float(np.abs(speech + louder).max()), 1e-9))
    return speech * scale, louder * scale


def folded(sound: F32) -> F32:
    """The mean of both channels in both, [n, 2]."""
    mono: F32 = sound.mean(axis=1, dtype=np.float32)
    return np.stack([mono, mono], axis=1)


def panned(sound: F32, place: float) -> F32:
    """A sound of the middle moved to ``place``, -1 left to 1 right, as loud as before, [n, 2]."""
    angle = (place + 1) * np.pi / 4
    sides = np.sqrt(2) * np.array([np.cos(angle), np.sin(angle)])
    moved: F32 = (sound.mean(axis=1)[:, None] * sides).astype(np.float32)
    return moved
