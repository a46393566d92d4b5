"""Ways to take speech out of a mix, for the table: this model, an ideal mask, the DSP of before."""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import numpy as np
import soxr

from dubwright.engines.silero import weights_path
from dubwright.engines.vad import StreamingVad, speech_spans
from training.evaluation.item import F32, RATE_HZ, Item
from training.evaluation.measures import Measures, measured, untouched
from training.evaluation.runner import left_right, mid_side, onnx_mask, separate

Method = Callable[[Item], F32]
"""An item to its vocals [n, 2]. Only the oracle looks at the stems."""


@dataclass(frozen=True)
class Contender:
    """A way to separate under the name of its column."""

    name: str
    version: str
    """With the name, everything that decides the result."""
    run: Callable[[Item], Measures]


def from_vocals(name: str, version: str, run: Method) -> Contender:
    """A contender that gives vocals; the bed is what they leave."""
    return Contender(name, version, lambda item: measured(item, run(item)))


def mix_itself() -> Contender:
    """Doing nothing."""
    return Contender("mix", "1", untouched)


def ideal() -> Contender:
    """The oracle."""
    return from_vocals("oracle", "1", oracle)


def before() -> Contender:
    """The DSP that shipped before. Raises ``ImportError`` where it is not there, ``FileNotFoundError`` without
    its VAD."""
    weights_path()  # its VAD is a package of its own
    code = hashlib.sha256(inspect.getsource(spectral()).encode()).hexdigest()
    return from_vocals("DSP", code, dsp)


def network(path: Path) -> Contender:
    """The network of a file."""
    content = hashlib.sha256(path.read_bytes()).hexdigest()
    return from_vocals("model", content, model(path))


def model(path: Path) -> Method:
    """The network of a file."""
    run = onnx_mask(path)
    return lambda item: separate(item.mix, run)


def oracle(item: Item) -> F32:
    """The best share of each bin by power: what a mask of this kind can reach at most, about."""
    speech, background = mid_side(item.speech), mid_side(item.background)
    wanted, other = np.abs(speech) ** 2, np.abs(background) ** 2
    mask = wanted / np.maximum(wanted + other, np.float32(1e-20))
    return left_right((mask * (speech + background)).astype(np.complex64), len(item.speech))


def dsp(item: Item) -> F32:
    """What shipped before there was a model. Raises ``ImportError`` where it is not there."""
    mix = item.mix
    vad = StreamingVad()
    vad.push(soxr.resample(mix.mean(axis=1), RATE_HZ, 16_000))
    frame_s, probability = vad.result()
    vocals: F32 = spectral().separate_block(mix, RATE_HZ, speech_spans(probability, frame_s))
    return vocals


def spectral() -> ModuleType:
    """The one place that knows where it lies."""
    from bench import spectral as code

    return code
