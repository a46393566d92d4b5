"""The GE2E speaker encoder as an ONNX file, and the same network in numpy to check it by.

Wan, Wang, Papir, Moreno, "Generalized end-to-end loss for speaker verification", ICASSP 2018; the
weights are Resemblyzer's (Apache-2.0): three LSTM layers of 256, a linear layer, ReLU, unit length.
"""

from __future__ import annotations

from typing import Dict, List, Mapping

import numpy as np
import numpy.typing as npt

from dubwright.engines.onnxfile import Node, Port, encode_model
from dubwright_kit import NextAction, Problem

F32 = npt.NDArray[np.float32]
Weights = Mapping[str, F32]

MELS, HIDDEN, LAYERS, EMBEDDING = 40, 256, 3, 256
OPSET = 13


def expected_shapes() -> Dict[str, "tuple[int, ...]"]:
    """Shape of every weight by torch's name."""
    shapes: Dict[str, tuple[int, ...]] = {
        "linear.weight": (EMBEDDING, HIDDEN),
        "linear.bias": (EMBEDDING,),
    }
    for layer in range(LAYERS):
        shapes[f"lstm.weight_ih_l{layer}"] = (4 * HIDDEN, HIDDEN if layer else MELS)
        shapes[f"lstm.weight_hh_l{layer}"] = (4 * HIDDEN, HIDDEN)
        shapes[f"lstm.bias_ih_l{layer}"] = (4 * HIDDEN,)
        shapes[f"lstm.bias_hh_l{layer}"] = (4 * HIDDEN,)
    return shapes


def check_weights(weights: Weights) -> None:
    """Raises Problem ``weights-unreadable`` when a weight is missing or has another shape."""
    for name, shape in expected_shapes().items():
        found = weights[name].shape if name in weights else None
        if found != shape:
            raise Problem(
                "weights-unreadable",
                f"These are not the weights of the GE2E speaker encoder: {name} should be "
                f"{shape}, found {found}.",
                NextAction("download them again", "packs install", {"_": ["diarization"]}),
            )


def build_onnx(weights: Weights) -> bytes:
    """Return the model: input ``mels`` [batch, frames, 40], output ``embedding`` [batch, 256]."""
    constants: Dict[str, npt.NDArray[np.generic]] = {
        "axis_one": np.array([1], np.int64),
        "axis_zero": np.array([0], np.int64),
        "tiny": np.array([1e-12], np.float32),
        "linear_weight": weights["linear.weight"],
        "linear_bias": weights["linear.bias"],
    }
    nodes: List[Node] = [Node("Transpose", ("mels",), ("x0",), {"perm": (1, 0, 2)})]
    for layer in range(LAYERS):
        constants[f"w{layer}"] = _gates(weights[f"lstm.weight_ih_l{layer}"])[None]
        constants[f"r{layer}"] = _gates(weights[f"lstm.weight_hh_l{layer}"])[None]
        both = [_gates(weights[f"lstm.bias_{part}_l{layer}"]) for part in ("ih", "hh")]
        constants[f"b{layer}"] = np.concatenate(both)[None]
        inputs = (f"x{layer}", f"w{layer}", f"r{layer}", f"b{layer}")
        outputs = (f"y{layer}", f"h{layer}")
        nodes.append(Node("LSTM", inputs, outputs, {"hidden_size": HIDDEN}))
        if layer + 1 < LAYERS:
            nodes.append(Node("Squeeze", (f"y{layer}", "axis_one"), (f"x{layer + 1}",)))
    nodes += [
        Node("Squeeze", (f"h{LAYERS - 1}", "axis_zero"), ("last",)),
        Node("Gemm", ("last", "linear_weight", "linear_bias"), ("linear",), {"transB": 1}),
        Node("Relu", ("linear",), ("positive",)),
        Node("ReduceL2", ("positive",), ("length",), {"axes": (1,), "keepdims": 1}),
        Node("Max", ("length", "tiny"), ("safe",)),
        Node("Div", ("positive", "safe"), ("embedding",)),
    ]
    pieces = encode_model(
        "ge2e",
        nodes,
        constants,
        (Port("mels", ("batch", "frames", MELS)),),
        (Port("embedding", ("batch", EMBEDDING)),),
        OPSET,
    )
    return b"".join(pieces)


def embed_reference(weights: Weights, mels: F32) -> F32:
    """The network written out in numpy: [batch, frames, 40] to [batch, 256]. Slow."""
    sequence = mels.astype(np.float64)
    for layer in range(LAYERS):
        w, r = weights[f"lstm.weight_ih_l{layer}"], weights[f"lstm.weight_hh_l{layer}"]
        bias = weights[f"lstm.bias_ih_l{layer}"] + weights[f"lstm.bias_hh_l{layer}"]
        h = c = np.zeros((len(sequence), HIDDEN))
        states = []
        for frame in range(sequence.shape[1]):
            gates = sequence[:, frame] @ w.T + h @ r.T + bias
            enter, forget, cell, leave = np.split(gates, 4, axis=1)
            c = _sigmoid(forget) * c + _sigmoid(enter) * np.tanh(cell)
            h = _sigmoid(leave) * np.tanh(c)
            states.append(h)
        sequence = np.stack(states, axis=1)
    raw = np.maximum(sequence[:, -1] @ weights["linear.weight"].T + weights["linear.bias"], 0)
    lengths = np.maximum(np.linalg.norm(raw, axis=1, keepdims=True), 1e-12)
    embedding: F32 = (raw / lengths).astype(np.float32)
    return embedding


def _gates(weight: F32) -> F32:
    """torch orders gates input, forget, cell, output; ONNX input, output, forget, cell."""
    enter, forget, cell, leave = np.split(weight, 4)
    return np.concatenate([enter, leave, forget, cell])


def _sigmoid(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    squashed: npt.NDArray[np.float64] = 0.5 * np.tanh(0.5 * x) + 0.5
    return squashed
