"""One piece of generated sound, and the recipe of a source made of such pieces."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.store import F32, RATE_HZ, Kind, SourceWriter, Split

OWN_LICENCE = "CC0-1.0"
"""What the recipe itself makes is given away."""


@dataclass(frozen=True)
class Take:
    """One clip to be, [n, channels] or [n] at 44.1 kHz, about full scale 1 at most."""

    sound: F32
    file: str
    licence: str = OWN_LICENCE
    speaker: str = ""
    language: str = ""
    bandwidth_hz: float = RATE_HZ / 2


@dataclass(frozen=True)
class Recipe:
    """How one source is made; ``make`` gets the data folder (some sound is made of other sound)."""

    kind: Kind
    name: str
    channels: int
    make: Callable[[Path, np.random.Generator], Iterator[Take]]
    split: Split = "train"
    needs: tuple[str, ...] = ()
    """Programs (found on PATH) and files (with a slash) that it takes."""

    def done(self, data: Path) -> bool:
        return (data / self.kind / f"{self.name}.json").exists()

    def cook(self, data: Path, seed: int) -> float:
        """Make the source; the same seed makes the same sound. Returns its length in seconds."""
        rng = np.random.default_rng([seed, zlib.crc32(f"{self.kind}/{self.name}".encode())])
        frames = 0
        with SourceWriter(data, self.kind, self.name, self.channels, self.split) as writer:
            for take in self.make(data, rng):
                frames += len(take.sound)
                writer.add(
                    take.sound,
                    take.file,
                    take.licence,
                    speaker=take.speaker,
                    language=take.language,
                    bandwidth_hz=take.bandwidth_hz,
                )
        return frames / RATE_HZ
