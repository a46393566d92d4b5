"""Make the kept checkpoints and the official Spleeter's output again; README.md says with what Python.

Run from the repository's folder: ``PYTHON tests/engines/golden/make.py``
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[2]))

import numpy as np  # noqa: E402

from tests.engines import clips  # noqa: E402
from tests.packs import spleeter_official  # noqa: E402

FILTERS = {"2stems": "2,3,4,5,6,7", "4stems": "3,2,5,4,7,6", "5stems": "2,4,3,6,5,7"}
"""Different numbers next to each other: a layer in the wrong place does not fit."""
KEPT = ("model.index", "model.data-00000-of-00001")


def activity(config: str, models: Path) -> dict[str, float]:
    """How alive the network is on the clip "music": the least share of places where a channel of an
    activation is positive and negative, and the least deviation of a stem's mask over all places."""
    import tensorflow as tf
    from spleeter.model import EstimatorSpecBuilder, InputProviderFactory

    params = json.loads((models / config / spleeter_official.SMALL).read_text("utf-8"))
    with tf.Graph().as_default() as graph, tf.compat.v1.Session() as session:
        features = InputProviderFactory.get(params).get_input_dict_placeholders()
        builder = EstimatorSpecBuilder(features, params)
        masks = builder.masks
        tf.compat.v1.train.Saver().restore(session, str(models / config / "model"))
        bent = [
            one.outputs[0]
            for one in graph.get_operations()
            if one.type in ("Relu", "LeakyRelu", "Elu") and one.outputs[0].consumers()
        ]
        found = session.run([masks, bent], {features["waveform"]: clips.clip("music")})
    positive = np.concatenate([(one > 0).mean(axis=(0, 1, 2)) for one in found[1]])
    spread = [mask[:, : params["F"]].std() for mask in found[0].values()]
    return {
        "least positive": round(float(positive.min()), 3),
        "least negative": round(float(1 - positive.max()), 3),
        "least mask deviation": round(float(min(spread)), 3),
    }


def make(config: str, models: Path) -> dict[str, Any]:
    folder = models / config
    folder.mkdir()
    spleeter_official.write(config, str(folder), FILTERS[config])
    official = spleeter_official.separator(config, str(models), multiprocess=False)
    kept: dict[str, Any] = {}
    for name in clips.NAMES:
        for stem, samples in official.separate(clips.clip(name), "").items():
            kept[f"{name}/{stem}"] = clips.cut(samples)
            kept[f"{name}/{stem}/sums"] = clips.sums(samples)
    target = HERE / config
    target.mkdir(exist_ok=True)
    for file in KEPT:
        shutil.copy(folder / file, target / file)
    np.savez_compressed(target / "official.npz", **kept)
    return {"filters": FILTERS[config], **activity(config, models)}


def main() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    versions = {name: importlib.metadata.version(name) for name in ("spleeter", "numpy")}
    import tensorflow

    with tempfile.TemporaryDirectory() as folder:
        made = {config: make(config, Path(folder)) for config in FILTERS}
    versions |= {"python": platform.python_version(), "tensorflow": tensorflow.__version__}
    text = json.dumps({"versions": versions, **made}, indent=2)
    (HERE / "made.json").write_text(text + "\n", "utf-8")


if __name__ == "__main__":
    main()
