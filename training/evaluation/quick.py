"""A few figures while a network trains: seconds on a CPU, nothing written."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from dubwright.engines.scoring import si_sdr_db
from training.evaluation.heldout import music_items
from training.evaluation.item import Item
from training.evaluation.measures import bounded_db, level_db
from training.evaluation.runner import RunMask, separate
from training.evaluation.shared import SHARED_DATA, main_items


def quick(run_mask: RunMask, data: Path = SHARED_DATA) -> dict[str, float]:
    """Means over the shared mixes as they are, in mono and with speech panned; and single stems.

    ``<kind>_gain_db`` is the mean SI-SDR gain of both stems over the mix, with ``_speech`` and
    ``_background`` beside it. ``speech_only_si_sdr_db``, ``speech_only_bed_db`` (bed under the mix) and
    ``music_only_vocals_db`` (vocals under the mix) are means too. For logs: nothing is chosen by it.
    """
    return _means(_items(data), run_mask)


def validation(data: Path, run_mask: RunMask, mixes: int = 12) -> dict[str, float]:
    """The same means over speech and music that the store ``data`` holds out, ``mixes`` of them in
    stereo and in mono: what choices during training go by. Its kinds are "held-out stereo",
    "held-out mono", "held-out speech only" and "held-out music only"; empty without such sources."""
    return _means(music_items(data, mixes), run_mask)


def _means(items: Iterable[Item], run_mask: RunMask) -> dict[str, float]:
    figures: dict[str, list[float]] = {}
    for item in items:
        for name, value in _measured(item, run_mask):
            figures.setdefault(name, []).append(value)
    return {name: float(np.mean(values)) for name, values in figures.items()}


def _measured(item: Item, run_mask: RunMask) -> Iterable[tuple[str, float]]:
    mix = item.mix
    vocals = separate(mix, run_mask)
    bed = mix - vocals
    kind = item.kind.replace(" ", "_").replace("-", "_")
    if not item.background.any():
        yield f"{kind}_si_sdr_db", bounded_db(si_sdr_db(mix, vocals))
        yield f"{kind}_bed_db", level_db(bed, mix)
    elif not item.speech.any():
        yield f"{kind}_vocals_db", level_db(vocals, mix)
    else:
        speech = bounded_db(si_sdr_db(item.speech, vocals)) - si_sdr_db(item.speech, mix)
        background = bounded_db(si_sdr_db(item.background, bed)) - si_sdr_db(item.background, mix)
        yield f"{kind}_gain_db", (speech + background) / 2
        yield f"{kind}_speech_gain_db", speech
        yield f"{kind}_background_gain_db", background


@functools.lru_cache(maxsize=1)
def _items(data: Path) -> tuple[Item, ...]:
    return tuple(main_items(data))
