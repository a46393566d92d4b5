"""A bundle that TensorFlow itself wrote (2.15, ``tf.raw_ops.SaveV2`` twice, then ``MergeV2Checkpoints``).

It has what the other tests' writer could have misunderstood as the reader does: two shards, tensors at odd
places, text, bfloat16, and a variable in two slices with the keys that those get.
"""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.engines.tensorbundle.bundle import Checkpoint
from dubwright_kit import Problem
from tests.engines import bundle_writer

INDEX = """
AAAGCAIaAggBAA4XAHBhcnRzAAEBAoCCgH8IARIIEgIIAhICCAIYASAOKBA1IzfLuwoEF4KCgH8IARIIEgIIAhICCAIYASAeKBA1
uW9X2AAFEWZsYWdzCAoSBBICCAMYASgDNXVZkQYACw1nbG9iYWxfc3RlcAgJEgAgZCgINTiRZO4ABxNsZXR0ZXJzCAcSBBICCAIY
ASADKAk11TDYXwAJE25ldC9icmFpbggOEgQSAggBGAEgDCgCNWIh+B8EBhdrZXJuZWwIARIMEgIIAhICCAMSAggEKGA1HzRVEwQF
EXNjYWxlCBMSBBICCAIgYCgENZMvM00ABSBwYXJ0cwgBEggSAggEEgIIAhgBOgYKAhACCgA6CAoECAIQAgoAAAAAAAEAAAAATe8M
aQAAAAABAAAAAMDyobAAAQNxAKgCAAAAAAEAAAAAfmHgrK0CCLoCDwAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAABX
+4CLJHVH2w==
"""
DATA = [
    """
AAAAAAAAAD4AAIA+AADAPgAAAD8AACA/AABAPwAAYD8AAIA/AACQPwAAoD8AALA/AADAPwAA0D8AAOA/AADwPwAAAEAAAAhAAAAQ
QAAAGEAAACBAAAAoQAAAMEAAADhAADgAwAcAAAAAAQAA
""",
    "AQABAgEDcXxnYWJjwD8AAIA/AACAPwAAgD8AAIA/AAAAAAAAAAAAAAAAAAAAAA==",
]
READABLE: dict[str, npt.NDArray[Any]] = {
    "net/kernel": np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 8,
    "net/scale": np.array([0.5, -2], np.float16),
    "global_step": np.array(2**40 + 7, np.int64),
    "flags": np.array([True, False, True]),
}
OTHERS = {"letters": "text", "net/brain": "bfloat16", "parts": "slices"}


def test_what_tensorflow_wrote(tmp_path: Path) -> None:
    data = [b64decode(text) for text in DATA]
    prefix = bundle_writer.write_files(tmp_path / "model", b64decode(INDEX), data)
    with Checkpoint.open(prefix) as checkpoint:
        assert set(checkpoint.entries) == {*READABLE, *OTHERS}
        for name, expected in READABLE.items():
            got = checkpoint.tensor(name)
            assert (got.dtype, got.shape) == (expected.dtype, expected.shape)
            assert np.array_equal(got, expected)
        for name, why in OTHERS.items():
            with pytest.raises(Problem, match=why) as caught:
                checkpoint.tensor(name)
            assert caught.value.code == "weights-wrong"
        assert checkpoint.entries["parts"].shape == (4, 2)
