"""Run by the official environment's Python: ``dump.py CHECKPOINT ARRAYS.npz``, every variable of it.

The official reader, so that what sherpa-onnx gets does not depend on ours.
"""

from __future__ import annotations

import sys

import numpy as np


def main(checkpoint: str, arrays: str) -> None:
    import tensorflow as tf

    reader = tf.train.load_checkpoint(checkpoint)
    names = reader.get_variable_to_shape_map()
    np.savez(arrays, **{name: reader.get_tensor(name) for name in names})


if __name__ == "__main__":
    main(*sys.argv[1:])
