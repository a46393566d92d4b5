"""Crowds: more than a dozen generated voices at once in a room, so that no one is understood."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from training.generating.ambience import settled
from training.generating.shaping import (
    F64,
    Rng,
    convolved,
    filtered,
    frames_of,
    panned,
    placed,
    unit,
)
from training.generating.takes import OWN_LICENCE, Recipe, Take
from training.store import Clip, Source, Split, sources


def babble(voices: Sequence[Source], rooms: Sequence[Source], rng: Rng, frames: int) -> F64:
    """Sound [frames, 2] of 13 to 40 voices at their places, all in one room, mostly without the direct sound."""
    pool = [(source, clip) for source in voices for clip in source.clips]
    dry = np.zeros((frames, 2))
    for _ in range(int(rng.integers(13, 41))):
        placed(dry, panned(_course(pool, rng, frames), float(rng.uniform(-1, 1))), 0)
    halls = [(source, clip) for source in rooms for clip in source.clips]
    sides = []
    for side in dry.T:
        source, clip = halls[int(rng.integers(0, len(halls)))]
        echo = source.read(clip)[:, 0].astype(np.float64)
        echo[0] *= float(rng.uniform(0.1, 0.6))
        sides.append(convolved(side, echo)[:frames])
    return np.stack([filtered(side, 120, float(rng.uniform(3e3, 9e3))) for side in sides], 1)


def _course(pool: Sequence[tuple[Source, Clip]], rng: Rng, frames: int) -> F64:
    """One guest: clips one after the other, with pauses while others talk."""
    out = np.zeros(frames)
    at = -int(rng.integers(0, frames_of(8)))
    gain = float(10 ** (rng.uniform(-8, 0) / 20))
    while at < frames:
        source, clip = pool[int(rng.integers(0, len(pool)))]
        said = unit(source.read(clip)[:, 0].astype(np.float64))
        placed(out, said * gain, at)
        at += len(said) + frames_of(float(rng.exponential(1.5)))
    return out


def source(name: str, minutes: float, split: Split = "train") -> Recipe:
    def make(data: Path, rng: Rng) -> Iterator[Take]:
        # Of espeak alone: so the crowd is ours to give away.
        voices = [one for one in sources(data, "speech", split) if one.name.startswith("espeak")]
        rooms = sources(data, "rooms", split)
        if not voices or not rooms:
            raise RuntimeError(
                "A crowd is made of generated speech and rooms; generate those first."
            )
        for index in range(round(minutes * 2)):
            yield Take(
                settled(babble(voices, rooms, rng, frames_of(30)), rng),
                f"crowd-{index:02d}",
                OWN_LICENCE,
            )

    return Recipe("ambience", name, 2, make, split)


def recipes() -> list[Recipe]:
    return [source("crowds", 5.0), source("crowds-held-out", 1.0, "held-out")]
