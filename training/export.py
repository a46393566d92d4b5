"""A trained network as one ONNX file that onnxruntime takes: ``power`` [2, T, 2049] to ``mask``."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from training.model import BINS, FRAME, HOP, RATE_HZ, TIME_STEP, Speechnet

FORMAT = "1"
OPSET = 17


class Single(nn.Module):
    """The network without a batch: one chunk at a time."""

    def __init__(self, net: Speechnet) -> None:
        super().__init__()
        self.net = net

    def forward(self, power: Tensor) -> Tensor:
        masks: Tensor = self.net(power.unsqueeze(0))
        return masks.squeeze(0)


def export(net: Speechnet, path: Path, name: str) -> float:
    """Write ``net`` to ``path``; return the largest difference of a mask to torch's own.

    Raises ValueError when that is above 1e-3: then the file is not written.
    """
    import onnxruntime

    single = Single(net).eval().float()
    example = torch.rand(2, 8 * TIME_STEP, BINS) ** 4
    buffer = io.BytesIO()
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the dynamic axis, which is tried out below
        torch.onnx.export(
            single,
            (example,),
            buffer,
            input_names=["power"],
            output_names=["mask"],
            dynamic_axes={"power": {1: "frames"}, "mask": {1: "frames"}},
            opset_version=OPSET,
            dynamo=False,
        )
    model = onnx.load_model_from_string(buffer.getvalue())
    facts = {
        "format": FORMAT,
        "rate_hz": str(RATE_HZ),
        "frame": str(FRAME),
        "hop": str(HOP),
        "model": name,
    }
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=value)
    data = model.SerializeToString()
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    worst = 0.0
    for frames in (TIME_STEP, 24 * TIME_STEP):
        power = torch.rand(2, frames, BINS) ** 8
        with torch.no_grad():
            wanted = single(power).numpy()
        (made,) = session.run(["mask"], {"power": power.numpy()})
        worst = max(worst, float(np.abs(made - wanted).max()))
    if not worst < 1e-3:
        raise ValueError(f"onnxruntime gives other masks than torch: off by {worst:.2g}")
    path.write_bytes(data)
    return worst
