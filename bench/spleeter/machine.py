"""What this machine's matrix products reach, and the network beside them, in a process of its own:
``python -m bench.spleeter.machine [MODEL.onnx]``.

Prints the rates in 10^9 floating point operations a second: numpy's float32 product on all cores,
onnxruntime's, and the network's own on one block after another. They take turns, so that a machine
that others use too slows all of them; the best of each counts, and the median stands beside it.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
import onnxruntime

from bench.spleeter.work import BLOCK, CHANNELS, block_flop
from dubwright.engines.onnxfile import Node, Port, encode_model

SIDE = 2048
ROUNDS, EACH = 6, 4

Product = Callable[[], object]


def sgemm() -> Product:
    one, other = np.random.default_rng(1).standard_normal((2, SIDE, SIDE), np.float32)
    out = np.empty_like(one)
    return lambda: np.matmul(one, other, out=out)


def matmul() -> Product:
    """The right side is a constant, as weights are: onnxruntime packs it once."""
    one, other = np.random.default_rng(1).standard_normal((2, SIDE, SIDE), np.float32)
    square = (SIDE, SIDE)
    nodes = [Node("MatMul", ("x", "w"), ("y",))]
    ports = [Port("x", square)], [Port("y", square)]
    model = b"".join(encode_model("product", nodes, {"w": other}, *ports, opset=13))
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = os.cpu_count() or 1
    # Its threads would wait in a loop for more work while the others have their turn.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return lambda: session.run(None, {"x": one})


def network(path: Path) -> tuple[Product, int]:
    """One block through the whole network, masks included, and its operations."""
    from dubwright.engines.unet.net import StemNet

    net = StemNet.load(path, threads=os.cpu_count() or 1)
    block = np.random.default_rng(2).gamma(0.5, 4.0, (CHANNELS, *BLOCK)).astype(np.float32)
    return lambda: net.masks(block), block_flop(len(net.stems))


def rates(model: Path | None) -> dict[str, float]:
    works: dict[str, tuple[Product, int]] = {
        "sgemm": (sgemm(), 2 * SIDE**3),
        "matmul": (matmul(), 2 * SIDE**3),
    }
    if model is not None:
        works["net"] = network(model)
    taken_s: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(ROUNDS):
        for name, (product, _) in works.items():
            product()  # brings its data and threads back
            for _ in range(EACH):
                started_s = time.perf_counter()
                product()
                taken_s[name].append(time.perf_counter() - started_s)
    found = {}
    for name, (_, flop) in works.items():
        found[f"{name}_gflops"] = flop / min(taken_s[name]) / 1e9
        found[f"{name}_median_gflops"] = flop / median(taken_s[name]) / 1e9
        found[f"{name}_s"] = median(taken_s[name])
    return found


def main() -> None:
    model = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    print(json.dumps({name: round(rate, 4) for name, rate in rates(model).items()}))


if __name__ == "__main__":
    main()
