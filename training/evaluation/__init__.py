"""The evaluation of separators on sound that no training touches. See training/EVALUATION.md."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

if importlib.util.find_spec("dubwright") is None:  # the training environment holds no dubwright
    sys.path.append(str(Path(__file__).resolve().parents[2] / "src"))

from training.evaluation.quick import quick, validation
from training.evaluation.runner import RunMask, onnx_mask, separate

__all__ = ["RunMask", "onnx_mask", "quick", "separate", "validation"]
