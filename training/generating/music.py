"""Music: the songs of Freedoom, and pieces of our own, played with varied instruments, keys and rooms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.generating import doom, midi, styles, synth
from training.generating.shaping import F64, Rng, faded, frames_of, peak_at
from training.generating.takes import Recipe, Take
from training.store import F32, Split

HELD_OUT_SONGS = (
    "D_E1M4", "D_E2M3", "D_E3M5", "D_INTER", "D_RUNNIN", "D_DDTBLU", "D_ROMERO", "D_OPENIN",
)  # fmt: skip


def finished(sound: F64, rng: Rng, longest_s: float) -> F32:
    """Cut, faded, and brought to a level as released music has it: quiet to squeezed loud."""
    sound = sound[: frames_of(longest_s)]
    level = np.sqrt(np.mean(np.square(sound)))
    if level < 1e-4:
        return sound[:0].astype(np.float32)
    wanted = 10 ** (rng.uniform(-26, -12) / 20)
    loud = sound / level * wanted
    top = float(np.abs(loud).max())
    # Above full scale it is held down softly, as a limiter would.
    held = np.tanh(loud / 0.9) * 0.9 if top > 0.9 else loud
    return peak_at(faded(held, 0.05), min(top, 0.95))


def freedoom(part: int, parts: int, longest_s: float) -> Recipe:
    """Every ``parts``-th of the game's songs, in another key and at another speed than written.

    Part 0 of 0 is the held-out songs.
    """

    def make(_data: Path, rng: Rng) -> Iterator[Take]:
        kept = [song for song in doom.songs() if (song[0] in HELD_OUT_SONGS) == (parts == 0)]
        for song, content in kept[part::parts] if parts else kept:
            events = midi.parsed(content)
            start_s = float(rng.uniform(0, max(0.0, midi.length_s(events) - longest_s)))
            key, speed = int(rng.integers(-4, 5)), float(rng.uniform(0.85, 1.18))
            passage = midi.bent(midi.cut(events, start_s, longest_s), key, speed)
            font = str(rng.choice([synth.FLUID, synth.MUSESCORE]))
            sound = synth.rendered(passage, font, synth.draw_hall(rng))
            yield Take(finished(sound, rng, longest_s), f"{song}{key:+d}", doom.LICENCE)

    name = f"freedoom-{part}" if parts else "freedoom-held-out"
    split: Split = "train" if parts else "held-out"
    return Recipe("music", name, 2, make, split, (*synth.NEEDS, *doom.WADS))


def own(name: str, pieces: dict[str, tuple[styles.Style, int]], split: Split = "train") -> Recipe:
    """Pieces that are composed here, of about a minute each."""

    def make(_data: Path, rng: Rng) -> Iterator[Take]:
        for style, (compose, count) in pieces.items():
            for index in range(count):
                length_s = float(rng.uniform(40, 70))
                events = compose(rng, length_s)
                font = str(rng.choice([synth.FLUID, synth.MUSESCORE]))
                sound = synth.rendered(events, font, synth.draw_hall(rng))
                yield Take(finished(sound, rng, length_s + 4), f"{style}-{index:02d}")

    return Recipe("music", name, 2, make, split, synth.NEEDS)


def recipes() -> list[Recipe]:
    parts = 2  # a source is drawn by the root of its length: not too many of one kind
    return [
        *(freedoom(part, parts, 70.0) for part in range(parts)),
        freedoom(0, 0, 40.0),
        own("solos", styles.SOLOS),
        own("ensembles", styles.ENSEMBLES),
        own("own-held-out", styles.HELD_OUT, "held-out"),
    ]
