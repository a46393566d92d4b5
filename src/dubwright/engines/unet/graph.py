"""The network as an ONNX graph: all U-Nets and the ratio mask, so that a block costs one call.

Four things differ from the official graph without changing what it computes:

- A transposed convolution with every second place is four plain ones, one for each of even and odd
  times and frequencies, interleaved (Shi et al., "Is the deconvolution layer the same as a
  convolutional layer?", 2016). Each uses only the kernel places that reach it: nothing is multiplied
  by zero, and plain convolutions are what processors are fastest at.
- Instead of joining a skip with what comes from below, both are convolved and added.
- The sigmoid is written out as 1 / (1 + exp(-x)): onnxruntime's own is cut off at -18 and far off
  before, which the ratio of two small numbers shows.
- Batch normalisation is a scale and a shift. It cannot go into the convolution before it, whose
  output the skip needs as it is, nor into the one after it, which sees zeros beyond the border: it is
  a convolution of one place and one channel, which onnxruntime runs with the activation in one go.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Literal

import numpy as np
import numpy.typing as npt

from dubwright.engines.onnxfile import Attribute, Node, Port
from dubwright.engines.unet.branch import CHANNELS, DEPTH, Branch, Convolution, Norm

OPSET = 17
BLOCK_FRAMES, BINS = 512, 1024
"""What the network sees at a time: STFT frames, and how many of their 2049 bins."""
EPSILON = 1e-10
INPUT, MASKS, MEANS = "magnitude", "masks", "means"

Activation = Literal["LeakyRelu", "Relu", "Elu"]
_KEPT_WHOLE = 1024
"""Constants with fewer numbers than this stay float32: biases and scales decide more than they weigh."""
_STEM_AXIS = np.array([0], np.int64)
_TAPS = (((3, 1), (1, 0)), ((4, 2, 0), (1, 1)))
"""Of even and of odd outputs: which kernel places reach them, in the order of the inputs, and how far
beyond the border these begin and end."""


@dataclass(frozen=True)
class Style:
    """How the U-Nets of an official configuration differ beside their weights."""

    down: Activation
    up: Activation
    softmax: bool
    """True: the stems share each place among them; False: each U-Net has a mask of its own."""


STYLES: Mapping[int, Style] = {
    2: Style("LeakyRelu", "Relu", softmax=False),
    4: Style("Elu", "Elu", softmax=False),
    5: Style("Elu", "Elu", softmax=True),
}


@dataclass(frozen=True)
class Graph:
    nodes: tuple[Node, ...]
    constants: Mapping[str, npt.NDArray[np.generic]]
    inputs: tuple[Port, ...]
    outputs: tuple[Port, ...]


def build_graph(branches: Sequence[Branch], *, half: bool = False) -> Graph:
    """Return the graph from ``magnitude`` [1, 2, 512, 1024] to ``masks`` [stems, 2, 512, 1024], each
    stem's share of each place, and ``means`` [stems, 2, 512], their means over frequency.

    ``half`` stores large constants as float16; they are computed with as float32.
    """
    style = STYLES[len(branches)]
    build = _Builder(half)
    logits = _last(build, branches, [_unet(build, one, style) for one in branches])
    _shares(build, logits, len(branches), style)
    build.node("ReduceMean", (MASKS,), out=MEANS, axes=(3,), keepdims=0)
    inputs = (Port(INPUT, (1, CHANNELS, BLOCK_FRAMES, BINS)),)
    outputs = (
        Port(MASKS, (len(branches), CHANNELS, BLOCK_FRAMES, BINS)),
        Port(MEANS, (len(branches), CHANNELS, BLOCK_FRAMES)),
    )
    return Graph(tuple(build.nodes), build.constants, inputs, outputs)


class _Builder:
    """Nodes and constants as they are made, with names that nobody has to think of."""

    def __init__(self, half: bool) -> None:
        self.nodes: list[Node] = []
        self.constants: dict[str, npt.NDArray[np.generic]] = {}
        self._half = half

    def constant(self, value: npt.NDArray[np.generic]) -> str:
        name = f"c{len(self.constants)}"
        if self._half and value.dtype == np.float32 and value.size >= _KEPT_WHOLE:
            self.constants[name] = value.astype(np.float16)
            return self.node("Cast", (name,), to=1)
        self.constants[name] = value
        return name

    def node(
        self, operator: str, inputs: Sequence[str], out: str = "", **attributes: Attribute
    ) -> str:
        name = out or f"n{len(self.nodes)}"
        self.nodes.append(Node(operator, tuple(inputs), (name,), attributes))
        return name

    def reshaped(self, value: str, *sides: int) -> str:
        return self.node("Reshape", (value, self.constant(np.array(sides, np.int64))))


def _unet(build: _Builder, branch: Branch, style: Style) -> str:
    """Return what the last convolution of one U-Net gets, [1, 1, 512, 1024]."""
    skips: list[str] = []
    value = INPUT
    for number, layer in enumerate(branch.down):
        value = build.node(
            "Conv",
            (value, build.constant(layer.kernel), build.constant(layer.bias)),
            kernel_shape=(5, 5),
            strides=(2, 2),
            pads=(1, 1, 2, 2),
        )
        skips.append(value)
        if number < DEPTH - 1:
            value = _activated(build, _normed(build, value, branch.down_norms[number]), style.down)
    parts = [skips.pop()]
    for number, layer in enumerate(branch.up):
        below = 2 ** (DEPTH - number)
        size = (len(layer.bias), BLOCK_FRAMES // below, BINS // below)
        value = (_wide_up if number < DEPTH - 1 else _thin_up)(
            build, parts, layer, branch.up_norms[number], style.up, size
        )
        parts = [skips.pop(), value] if skips else [value]
    return value


def _last(build: _Builder, branches: Sequence[Branch], values: Sequence[str]) -> str:
    """The last convolutions of all U-Nets: logits [stems, 2, 512, 1024].

    In groups, because onnxruntime would rearrange a single one for blocks of 8 or 16 channels: eight
    times the work, and zeros that take more memory than the rest of the network.
    """
    kernel = np.concatenate([one.last.kernel for one in branches])
    bias = np.concatenate([one.last.bias for one in branches])
    logits = build.node(
        "Conv",
        (build.node("Concat", values, axis=1), build.constant(kernel), build.constant(bias)),
        kernel_shape=(4, 4),
        dilations=(2, 2),
        pads=(3, 3, 3, 3),
        group=len(branches),
    )
    return build.reshaped(logits, len(branches), CHANNELS, BLOCK_FRAMES, BINS)


def _wide_up(
    build: _Builder,
    parts: Sequence[str],
    layer: Convolution,
    norm: Norm,
    activation: Activation,
    size: tuple[int, int, int],
) -> str:
    """A transposed convolution of ``parts``, activation and norm, as four plain ones interleaved."""
    phases = []
    for (times, time_pads), (bins, bin_pads) in product(_TAPS, _TAPS):
        kernel = layer.kernel[:, :, times][:, :, :, bins]
        made = ""
        for part, piece in zip(parts, np.split(kernel, len(parts), axis=1), strict=True):
            inputs = [part, build.constant(np.ascontiguousarray(piece))]
            if not made:
                inputs.append(build.constant(layer.bias))
            one = build.node(
                "Conv",
                inputs,
                kernel_shape=(len(times), len(bins)),
                pads=(time_pads[0], bin_pads[0], time_pads[1], bin_pads[1]),
            )
            made = build.node("Add", (made, one)) if made else one
        phases.append(_normed(build, _activated(build, made, activation), norm))
    return _interleaved(build, phases, size)


def _thin_up(
    build: _Builder,
    parts: Sequence[str],
    layer: Convolution,
    norm: Norm,
    activation: Activation,
    size: tuple[int, int, int],
) -> str:
    """The last transposed convolution: one channel out, for which onnxruntime's own is faster."""
    value = build.node("Concat", parts, axis=1)
    kernel = np.ascontiguousarray(layer.kernel.transpose(1, 0, 2, 3))  # ONNX: [in, out, ...]
    value = build.node(
        "ConvTranspose",
        (value, build.constant(kernel), build.constant(layer.bias)),
        kernel_shape=(5, 5),
        strides=(2, 2),
        pads=(1, 1, 2, 2),
    )
    return _normed(build, _activated(build, value, activation), norm)


def _interleaved(build: _Builder, phases: Sequence[str], size: tuple[int, int, int]) -> str:
    """Four [1, c, h, w] (even and odd times, of each even and odd bins) as one [1, c, 2 h, 2 w].

    What DepthToSpace does, in two transpositions that onnxruntime has fast code for.
    """
    channels, height, width = size
    value = build.node("Concat", phases, axis=0)
    value = build.reshaped(value, 2, 2, channels * height * width)
    value = build.node("Transpose", (value,), perm=(0, 2, 1))
    value = build.reshaped(value, 2, channels * height, 2 * width)
    value = build.node("Transpose", (value,), perm=(1, 0, 2))
    return build.reshaped(value, 1, channels, 2 * height, 2 * width)


def _normed(build: _Builder, value: str, norm: Norm) -> str:
    channels = len(norm.scale)
    if channels == 1:  # would be rearranged for blocks of 8 or 16 channels
        scaled = build.node("Mul", (value, build.constant(norm.scale)))
        return build.node("Add", (scaled, build.constant(norm.shift)))
    return build.node(
        "Conv",
        (value, build.constant(norm.scale.reshape(-1, 1, 1, 1)), build.constant(norm.shift)),
        kernel_shape=(1, 1),
        group=channels,
    )


def _activated(build: _Builder, value: str, activation: Activation) -> str:
    if activation == "LeakyRelu":
        return build.node("LeakyRelu", (value,), alpha=0.2)
    return build.node(activation, (value,))


def _shares(build: _Builder, logits: str, stems: int, style: Style) -> None:
    """The ratio mask with exponent 2: each stem's power over that of all."""
    part = _softmax(build, logits) if style.softmax else _sigmoid(build, logits)
    power = build.node("Mul", (part, part))
    total = build.node("ReduceSum", (power, build.constant(_STEM_AXIS)), keepdims=1)
    total = build.node("Add", (total, build.constant(np.array([EPSILON], np.float32))))
    share = build.constant(np.array([EPSILON / stems], np.float32))
    build.node("Div", (build.node("Add", (power, share)), total), out=MASKS)


def _sigmoid(build: _Builder, logits: str) -> str:
    """The magnitude times each U-Net's own mask."""
    raised = build.node("Exp", (build.node("Neg", (logits,)),))
    over = build.node("Add", (raised, build.constant(np.array([1], np.float32))))
    return build.node("Div", (INPUT, over))


def _softmax(build: _Builder, logits: str) -> str:
    """The magnitude times each U-Net's part of a mask that all share."""
    largest = build.node("ReduceMax", (logits,), axes=(0,), keepdims=1)
    raised = build.node("Exp", (build.node("Sub", (logits, largest)),))
    total = build.node("ReduceSum", (raised, build.constant(_STEM_AXIS)), keepdims=1)
    return build.node("Mul", (raised, build.node("Div", (INPUT, total))))
