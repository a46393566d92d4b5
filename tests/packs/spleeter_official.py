"""Run by the Python of Spleeter's environment, not by the tests' own: what only TensorFlow can do.

``write FOLDER`` makes a checkpoint with random weights, with the files and variables of the official
one; ``separate MODELS SOUND.npy STEMS.npz`` lets the official Separator separate a whole sound.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np

SEED = 3


def write(folder: str) -> None:
    """Masks must differ from place to place, so batch normalisation is random too."""
    import tensorflow as tf
    from spleeter.model import EstimatorSpecBuilder, InputProviderFactory
    from spleeter.utils.configuration import load_configuration

    random = np.random.RandomState(SEED)
    params = load_configuration("spleeter:2stems")
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.compat.v1.set_random_seed(SEED)
        tf.compat.v1.train.get_or_create_global_step()
        features = InputProviderFactory.get(params).get_input_dict_placeholders()
        assert set(EstimatorSpecBuilder(features, params).outputs) >= {"vocals", "accompaniment"}
        session.run(tf.compat.v1.global_variables_initializer())
        for variable in tf.compat.v1.global_variables():
            shape, name = variable.shape.as_list(), variable.name.rpartition("/")[2]
            if name.startswith(("gamma", "moving_variance")):
                variable.load(random.uniform(0.5, 1.5, shape).astype(np.float32), session)
            elif name.startswith(("beta", "moving_mean", "bias")):
                variable.load((0.3 * random.standard_normal(shape)).astype(np.float32), session)
        tf.compat.v1.train.Saver().save(session, str(Path(folder) / "model"))


def separate(models: str, sound: str, stems: str) -> None:
    """``models`` holds the folder 2stems; the probe keeps Spleeter from fetching anything."""
    os.environ["MODEL_PATH"] = models
    from spleeter.separator import Separator

    separator = Separator("spleeter:2stems", multiprocess=False)
    np.savez(stems, **separator.separate(np.load(sound), ""))


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    if sys.argv[1] == "write":
        write(sys.argv[2])
    else:
        separate(*sys.argv[2:])
