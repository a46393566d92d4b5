"""The variables of a checkpoint as layers: one U-Net for each stem.

Keras numbers layers as it makes them, one U-Net after the other, each with seven convolutions, six
transposed ones and twelve batch normalisations.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from dubwright_kit import Problem

F32 = npt.NDArray[np.float32]

DEPTH = 6
CHANNELS = 2
STEMS: Mapping[int, tuple[str, ...]] = {
    2: ("vocals", "background"),
    4: ("vocals", "drums", "bass", "other"),
    5: ("vocals", "piano", "drums", "bass", "other"),
}
"""Stems of the official configurations, in the order of their U-Nets. Spleeter calls the background
accompaniment."""

_NORM_EPSILON = 1e-3  # Keras' default
_LAYER = re.compile(
    r"(conv2d|conv2d_transpose|batch_normalization)(?:_(\d+))?"
    r"/(kernel|bias|gamma|beta|moving_mean|moving_variance)"
)
_EACH = {"conv2d": DEPTH + 1, "conv2d_transpose": DEPTH, "batch_normalization": 2 * DEPTH}


class Tensors(Protocol):
    """What is needed of a checkpoint (:class:`dubwright.engines.tensorbundle.bundle.Checkpoint`)."""

    @property
    def entries(self) -> Mapping[str, object]: ...

    def tensor(self, name: str, /) -> npt.NDArray[np.generic]: ...


@dataclass(frozen=True)
class Convolution:
    """``kernel`` is [out, in, time, frequency], ``bias`` [out]. Of a transposed convolution too: its
    kernel's place k then writes to sample 2 i + k - 1."""

    kernel: F32
    bias: F32


@dataclass(frozen=True)
class Norm:
    """Batch normalisation as it is when it no longer learns: scale * x + shift, [channels] each."""

    scale: F32
    shift: F32


@dataclass(frozen=True)
class Branch:
    """The U-Net of one stem."""

    down: tuple[Convolution, ...]
    """Six, 5 x 5, every second place."""
    down_norms: tuple[Norm, ...]
    """Five: what follows the sixth in the official graph is computed and thrown away."""
    up: tuple[Convolution, ...]
    """Six, 5 x 5, transposed: twice as many places."""
    up_norms: tuple[Norm, ...]
    last: Convolution
    """4 x 4 places, two apart; one channel to two."""


def read_branches(checkpoint: Tensors) -> tuple[Branch, ...]:
    """Return the U-Nets of a checkpoint, in the order of :data:`STEMS`.

    Raises Problem ``weights-wrong`` when the checkpoint is not one of Spleeter's networks, and those
    of reading it.
    """
    numbers = _numbers(checkpoint.entries)
    counts = {kind: len(found) for kind, found in numbers.items()}
    stems = counts["conv2d"] // _EACH["conv2d"]
    if stems not in STEMS or counts != {kind: stems * each for kind, each in _EACH.items()}:
        raise _wrong(
            "It has "
            + ", ".join(f"{count} layers {kind}" for kind, count in counts.items())
            + "; a network for 2, 4 or 5 stems has 7, 6 and 12 of them for each stem"
        )
    return tuple(_branch(checkpoint, numbers, stem) for stem in range(stems))


def _numbers(names: Iterable[str]) -> dict[str, list[str]]:
    """The layers' names by kind, in the order they were made. Slots of an optimizer are no layers."""
    found: dict[str, dict[str, int]] = {kind: {} for kind in _EACH}
    for name in names:
        match = _LAYER.fullmatch(name)
        if match and len(match[2] or "") < 10:
            found[match[1]][name.rpartition("/")[0]] = int(match[2] or 0)
    return {kind: sorted(layers, key=layers.__getitem__) for kind, layers in found.items()}


def _branch(checkpoint: Tensors, numbers: Mapping[str, list[str]], stem: int) -> Branch:
    layers = {kind: numbers[kind][stem * each : (stem + 1) * each] for kind, each in _EACH.items()}
    plain = [_convolution(checkpoint, name, transposed=False) for name in layers["conv2d"]]
    ups = [_convolution(checkpoint, name, transposed=True) for name in layers["conv2d_transpose"]]
    norms = [_norm(checkpoint, name) for name in layers["batch_normalization"]]
    made = Branch(
        tuple(plain[:DEPTH]),
        tuple(norms[: DEPTH - 1]),
        tuple(ups),
        tuple(norms[DEPTH:]),
        plain[DEPTH],
    )
    _check(made, layers)
    return made


def _check(branch: Branch, layers: Mapping[str, list[str]]) -> None:
    """Every shape follows from the number of filters of the six first convolutions."""
    filters = [len(one.bias) for one in branch.down]
    for number, (name, one) in enumerate(zip(layers["conv2d"], branch.down, strict=False)):
        _shaped(name, one, (filters[number], filters[number - 1] if number else CHANNELS, 5, 5))
    for number, (name, one) in enumerate(zip(layers["conv2d_transpose"], branch.up, strict=True)):
        out = filters[DEPTH - 2 - number] if number < DEPTH - 1 else 1
        into = filters[-1] if not number else 2 * filters[DEPTH - 1 - number]
        _shaped(name, one, (out, into, 5, 5))
    _shaped(layers["conv2d"][DEPTH], branch.last, (CHANNELS, 1, 4, 4))
    for name, norm, one in (
        *zip(layers["batch_normalization"], branch.down_norms, branch.down, strict=False),
        *zip(layers["batch_normalization"][DEPTH:], branch.up_norms, branch.up, strict=True),
    ):
        if norm.scale.shape != one.bias.shape:
            raise _wrong(f"{name} is for {norm.scale.size} channels instead of {one.bias.size}")


def _shaped(name: str, found: Convolution, shape: tuple[int, ...]) -> None:
    if found.kernel.shape != shape or found.bias.shape != shape[:1]:
        raise _wrong(
            f"{name} has a kernel of {_sides(found.kernel)} (out, in, time, frequency) and "
            f"{found.bias.size} biases instead of {' x '.join(map(str, shape))} and {shape[0]}"
        )


def _convolution(checkpoint: Tensors, name: str, *, transposed: bool) -> Convolution:
    kernel = _floats(checkpoint, f"{name}/kernel", 4)  # [time, frequency, in, out]
    axes = (2, 3, 0, 1) if transposed else (3, 2, 0, 1)  # a transposed one has [..., out, in]
    return Convolution(
        np.ascontiguousarray(kernel.transpose(axes)), _floats(checkpoint, f"{name}/bias", 1)
    )


def _norm(checkpoint: Tensors, name: str) -> Norm:
    gamma, beta, mean, variance = (
        _floats(checkpoint, f"{name}/{part}", 1).astype(np.float64)
        for part in ("gamma", "beta", "moving_mean", "moving_variance")
    )
    if not gamma.shape == beta.shape == mean.shape == variance.shape:
        raise _wrong(f"the parts of {name} have different sizes")
    if variance.size and variance.min() <= -_NORM_EPSILON:
        raise _wrong(f"{name} has a variance below zero")
    scale = gamma / np.sqrt(variance + _NORM_EPSILON)
    return Norm(scale.astype(np.float32), (beta - mean * scale).astype(np.float32))


def _floats(checkpoint: Tensors, name: str, sides: int) -> F32:
    if name not in checkpoint.entries:
        raise _wrong(f"the variable {name} is missing")
    found = checkpoint.tensor(name)
    if found.dtype != np.float32 or found.ndim != sides:
        raise _wrong(f"the variable {name} has {found.ndim} sides of {found.dtype}")
    if not np.isfinite(found).all():
        raise _wrong(f"the variable {name} holds numbers that are not finite")
    return found.astype(np.float32, copy=False)


def _sides(array: F32) -> str:
    return " x ".join(map(str, array.shape))


def _wrong(why: str) -> Problem:
    return Problem("weights-wrong", f"These are not weights of Spleeter: {why}.")
