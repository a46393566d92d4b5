"""The canary: the clip that the official package is tried with too, and the same verdict."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit.contracts import SeparateAsk, SeparateDone
from dubwright_packs.spleeter_tensorflow.canary import RATE_HZ, clip, judge


def compose(ask: SeparateAsk) -> None:
    """Write the clip to ``ask.wav``."""
    with WavWriter(ask.wav, RATE_HZ, 2) as writer:
        writer.write(clip())


def check(ask: SeparateAsk, done: SeparateDone) -> None:
    """Raise ValueError, in words for people, unless ``done`` is a separation of ``ask.wav``."""
    judge(_read(ask.wav), {stem: _read(path) for stem, path in done.stems.items()}, done.frames)


def _read(path: str) -> npt.NDArray[np.float32]:
    with WavReader(path) as reader:
        return reader.read(0, reader.frames)
