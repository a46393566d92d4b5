"""Small networks with the ends of the shipped one, for what goes on around it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dubwright.engines.onnxfile import Node, Port, encode_model
from dubwright.engines.speechnet.chunks import BINS
from dubwright.engines.speechnet.net import EXPECTED, INPUT, OUTPUT

F32 = npt.NDArray[np.float32]


def share(power: F32) -> F32:
    """What the network of :func:`write_network` computes: in each bin the power over itself and its
    mean over the chunk, so that it is another one for every chunk."""
    mean = power.mean(axis=1, keepdims=True, dtype=np.float64)
    found: F32 = (power / (power + mean + 1e-9)).astype(np.float32)
    return found


class Standin:
    """:func:`share` without onnxruntime; counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.lengths: list[int] = []

    def mask(self, power: F32) -> F32:
        self.calls += 1
        self.lengths.append(power.shape[1])
        return share(power)


def write_network(
    path: Path, metadata: Mapping[str, str] | None = None, *, output: str = OUTPUT
) -> Path:
    """Write :func:`share` as a file."""
    nodes = [
        Node("ReduceMean", (INPUT,), ("mean",), {"axes": (1,), "keepdims": 1}),
        Node("Add", (INPUT, "mean"), ("both",)),
        Node("Add", ("both", "least"), ("all",)),
        Node("Div", (INPUT, "all"), (output,)),
    ]
    ends = (2, "frames", BINS)
    model = encode_model(
        "standin",
        nodes,
        {"least": np.array([1e-9], np.float32)},
        [Port(INPUT, ends)],
        [Port(output, ends)],
        opset=17,
        metadata={**EXPECTED, "model": "a stand-in"} if metadata is None else metadata,
    )
    path.write_bytes(b"".join(model))
    return path
