"""Run by sherpa-onnx's Python: ``sherpa_model.py ARRAYS.npz FOLDER`` writes its two ONNX models.

sherpa-onnx takes one model a stem: input x and output y are magnitudes [2, splits, 512, 1024], channels
first, and the metadata name the type and the number of stems (its export script and its reader:
https://github.com/k2-fsa/sherpa-onnx, scripts/spleeter and csrc/offline-source-separation-spleeter-model.cc).
Padding goes into the convolutions and cropping into the transposed ones, which spares it work that its
own export leaves in the graph.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

F32 = npt.NDArray[np.float32]
STEMS = ("vocals", "accompaniment")
DOWN = UP = 6
NORMS = 12
BN_EPSILON = 1e-3
SAME = [1, 1, 2, 2]
"""TensorFlow's "same" for a 5x5 kernel and a stride of 2: one before, two after."""


class Graph:
    """Collects nodes and weights; every method returns the name of its output."""

    def __init__(self, arrays: Any, stem: int) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []
        self._arrays, self._stem = arrays, stem

    def add(self, operator: str, inputs: list[str], **attributes: object) -> str:
        name = f"{operator.lower()}{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def convolution(
        self, given: str, kind: str, each: int, index: int, **attributes: object
    ) -> str:
        """Layer ``index`` of this stem, of ``each`` that every stem has. TensorFlow's kernels are
        [height, width, in, out], of transposed ones [height, width, out, in]; ONNX wants the last two first."""
        layer = _numbered(kind, self._stem * each + index)
        kernel = self._weight(f"{layer}/kernel", (3, 2, 0, 1))
        operator = "ConvTranspose" if "transpose" in kind else "Conv"
        return self.add(operator, [given, kernel, self._weight(f"{layer}/bias")], **attributes)

    def normalised(self, given: str, index: int) -> str:
        layer = _numbered("batch_normalization", self._stem * NORMS + index)
        parts = ("gamma", "beta", "moving_mean", "moving_variance")
        inputs = [given, *(self._weight(f"{layer}/{part}") for part in parts)]
        return self.add("BatchNormalization", inputs, epsilon=BN_EPSILON)

    def _weight(self, name: str, axes: tuple[int, ...] | None = None) -> str:
        array: F32 = self._arrays[name]
        if axes is not None:
            array = np.ascontiguousarray(array.transpose(axes))
        self.weights.append(numpy_helper.from_array(array, name))
        return name


def _numbered(kind: str, number: int) -> str:
    """Keras numbers its layers from the second on."""
    return f"{kind}_{number}" if number else kind


def network(arrays: Any, stem: int) -> Any:
    """One stem's network as an ONNX graph."""
    graph = Graph(arrays, stem)
    splits = graph.add("Transpose", ["x"], perm=[1, 0, 2, 3])
    given, skips = splits, []
    strided: dict[str, Any] = {"strides": [2, 2], "pads": SAME, "kernel_shape": [5, 5]}
    for depth in range(DOWN):
        skips.append(graph.convolution(given, "conv2d", DOWN + 1, depth, **strided))
        if depth < DOWN - 1:  # what the official graph computes after the deepest one, nobody uses
            given = graph.add("LeakyRelu", [graph.normalised(skips[-1], depth)], alpha=0.2)
    given = skips.pop()
    for step in range(UP):
        given = graph.convolution(given, "conv2d_transpose", UP, step, **strided)
        given = graph.normalised(graph.add("Relu", [given]), DOWN + step)
        if skips:
            given = graph.add("Concat", [skips.pop(), given], axis=1)
    dilated: dict[str, Any] = {"dilations": [2, 2], "pads": [3] * 4, "kernel_shape": [4, 4]}
    logits = graph.convolution(given, "conv2d", DOWN + 1, DOWN, **dilated)
    masked = graph.add("Mul", [graph.add("Sigmoid", [logits]), splits])
    graph.nodes.append(helper.make_node("Transpose", [masked], ["y"], perm=[1, 0, 2, 3]))
    ports = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [2, "splits", 512, 1024])
        for name in ("x", "y")
    ]
    return helper.make_graph(graph.nodes, "spleeter", ports[:1], ports[1:], graph.weights)


def main(arrays: str, folder: str) -> None:
    with np.load(arrays) as found:
        for stem, name in enumerate(STEMS):
            operators = [helper.make_opsetid("", 13)]
            model = helper.make_model(network(found, stem), opset_imports=operators, ir_version=8)
            about = {"model_type": "spleeter", "stems": 2, "sample_rate": 44_100, "version": 1}
            helper.set_model_props(model, {key: str(value) for key, value in about.items()})
            onnx.checker.check_model(model)
            onnx.save(model, Path(folder) / f"{name}.onnx")


if __name__ == "__main__":
    main(*sys.argv[1:])
