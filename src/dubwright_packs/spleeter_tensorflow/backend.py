"""Separate with the official Spleeter, 2 stems: without its pool, its download and its cut at 600 s.

What comes out is what Spleeter computes: above 11 kHz its mask is zero, so there both stems are
silent, and below they add up to the original.
"""

from __future__ import annotations

import contextlib
import functools
import os
import time
from pathlib import Path
from typing import Dict, Optional

import numpy as np

from dubwright_kit import Problem
from dubwright_kit.contracts import SeparateAsk, SeparateDone
from dubwright_kit.report import Report
from dubwright_packs.spleeter_tensorflow.canary import check, compose
from dubwright_packs.spleeter_tensorflow.levels import hold
from dubwright_packs.spleeter_tensorflow.network import SpleeterNetwork
from dubwright_packs.spleeter_tensorflow.slices import Network, separate_in_slices
from dubwright_packs.spleeter_tensorflow.wavefile import StemWriter, StereoReader
from dubwright_packs.spleeter_tensorflow.weights import checkpoint

__all__ = ["check", "compose", "run"]

MODELS_VARIABLE = "DUBWRIGHT_PACK_MODELS"
RATE_HZ = 44_100
BLOCKS = 2
"""In one slice: 24 s of sound."""


def run(ask: SeparateAsk, report: Report) -> SeparateDone:
    """Write ``vocals.wav`` and ``background.wav``, each exactly as long as ``ask.wav``.

    Raises Problem ``not-wav`` for a damaged input or another rate than 44.1 kHz, ``weights-missing``,
    ``weights-wrong``, ``pack-broken`` and ``pack-unavailable``.
    """
    started = time.monotonic()
    report(0, None, "loading Spleeter")
    network = _network(os.environ.get(MODELS_VARIABLE, ""))
    return separate(ask, report, network, started)


def separate(ask: SeparateAsk, report: Report, network: Network, started: float) -> SeparateDone:
    """Do the work of :func:`run` with ``network``; ``started`` is when it began (monotonic)."""
    stems = {stem: str(Path(ask.out_dir) / f"{stem}.wav") for stem in ("vocals", "background")}
    energy = dict.fromkeys(stems, 0.0)
    with StereoReader(ask.wav) as film:
        frames, rate, channels = film.frames, film.rate_hz, film.channels
        if rate != RATE_HZ:
            raise Problem("not-wav", f"{Path(ask.wav).name} has {rate} Hz instead of {RATE_HZ}.")
        with contextlib.ExitStack() as files:
            writers = [files.enter_context(StemWriter(p, rate, channels)) for p in stems.values()]
            for start, made in separate_in_slices(film.read, frames, network, BLOCKS):
                parts = hold(*made)
                for stem, writer, part in zip(stems, writers, parts):
                    writer.write(part)
                    energy[stem] += float(np.vdot(part, part))
                report((start + len(parts[0])) / rate, frames / rate, "separating")
    total = sum(energy.values())
    metrics: Dict[str, Optional[float]] = {
        f"{stem}_energy_share": value / total if total else None for stem, value in energy.items()
    }
    metrics["wall_s"] = time.monotonic() - started
    return SeparateDone(stems, frames, metrics)


@functools.lru_cache(maxsize=1)
def _network(models: str) -> Network:
    """The network, loaded once in the life of the guest: that takes longer than a minute of sound."""
    return SpleeterNetwork(checkpoint(Path(models)))
