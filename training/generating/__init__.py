"""Everything that is generated and not recorded: speech engines, rendered music, procedural sound, rooms.

Each source is made from its own seed, so that one can be made again without the others, and in an
order in which what is made of other sound (a crowd of voices) comes after it.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from training.generating.takes import Recipe


class ToolsMissingError(Exception):
    """Some sources could not be made because a program or file is not on this machine."""


def recipes() -> list[Recipe]:
    """All sources, in the order in which they are made."""
    from training.generating import ambience, crowd, effects, music, rooms, singing, speech

    rooms_of_sound = (rooms, speech, ambience, crowd, music, effects, singing)
    return [recipe for module in rooms_of_sound for recipe in module.recipes()]


def _missing(recipe: Recipe) -> list[str]:
    return [
        need
        for need in recipe.needs
        if not (Path(need).exists() if "/" in need else shutil.which(need))
    ]


def generate(data: Path, seed: int, only: Sequence[str] = ()) -> None:
    """Make every source that is not in the store yet; ``only`` names kinds or sources (kind/name).

    A finished source is left as it is, whatever the seed; delete its .json to have it made again.
    Raises ToolsMissingError after the rest is made when a program or file that a source needs is absent.
    """
    absent: dict[str, list[str]] = {}
    for recipe in recipes():
        whole = f"{recipe.kind}/{recipe.name}"
        if (only and not {recipe.kind, whole} & set(only)) or recipe.done(data):
            continue
        missing = _missing(recipe)
        for need in missing:
            absent.setdefault(need, []).append(whole)
        if missing:
            continue
        began = time.monotonic()
        length_s = recipe.cook(data, seed)
        took_s = time.monotonic() - began
        print(
            f"{whole}: {length_s / 60:.1f} min ({recipe.split}), made in {took_s:.0f} s", flush=True
        )
    if absent:
        lines = [f"{need} is needed for {', '.join(names)}" for need, names in absent.items()]
        raise ToolsMissingError(
            "Not everything was generated. "
            + "; ".join(lines)
            + ". Install what is missing as training/generating/README.md says and run this again."
        )
