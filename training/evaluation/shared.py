"""Items from the clips of ../shared/data, which are for checking only, and sounds made on the spot."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from training.evaluation.item import F32, Item, folded, panned
from training.evaluation.reading import read

SHARED_DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
MIXES = ("d1", "d2", "d3")
PLACES = (-0.5, 0.4, -0.8)
"""Where the speech of each mix goes in "mixes panned": -1 is left only."""


def main_items(data: Path = SHARED_DATA) -> Iterator[Item]:
    """The three mixes as they are, in mono and with speech panned; two of speech only and two of
    music only. Raises ``FileNotFoundError`` when the shared material is not there."""
    stems = [(name, *stems_of(data, name)) for name in MIXES]
    for (name, speech, background), place in zip(stems, PLACES, strict=True):
        yield Item(name, "mixes", "shared", speech, background)
        yield Item(name, "mixes mono", "shared", folded(speech), folded(background))
        yield Item(name, "mixes panned", "shared", panned(speech, place), background)
    for name, speech, background in stems[1:]:
        silence = np.zeros_like(speech)
        yield Item(f"{name} speech", "speech only", "shared", speech, silence)
        yield Item(f"{name} music", "music only", "shared", silence, background)


def stems_of(data: Path, name: str) -> tuple[F32, F32]:
    """Speech and background of one shared mix, each [n, 2]."""
    folder = data / "mixes"
    if not folder.is_dir():
        raise FileNotFoundError(f"the shared clips are not at {folder}")
    speech, background = (read(folder / f"{name}.{stem}.flac") for stem in ("vocals", "background"))
    return speech, background
