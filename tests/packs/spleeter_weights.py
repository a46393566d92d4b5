"""Checkpoints with the variables of Spleeter's networks, of any size, written without TensorFlow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dubwright.engines.tensorbundle.crc32c import crc32c, masked
from tests.engines.bundle_writer import KINDS, Table, entry, header, write_files

SMALL = (2, 3, 4, 5, 6, 7)
OFFICIAL = (16, 32, 64, 128, 256, 512)
_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def variables(
    stems: int, filters: Sequence[int] = SMALL, seed: int = 0
) -> dict[str, npt.NDArray[Any]]:
    """Random weights that keep every layer alive, under the names that Keras gives them."""
    random = np.random.default_rng(seed)
    found: dict[str, npt.NDArray[Any]] = {"global_step": np.array(7, np.int64)}
    numbers = {"conv2d": 0, "conv2d_transpose": 0, "batch_normalization": 0}

    def layer(kind: str) -> str:
        number = numbers[kind]
        numbers[kind] += 1
        return f"{kind}_{number}" if number else kind

    def convolution(kind: str, shape: tuple[int, ...], fan_in: float) -> None:
        name = layer(kind)
        kernel = random.normal(0, (2 / fan_in) ** 0.5, shape)
        biases = shape[2] if kind == "conv2d_transpose" else shape[3]
        found[f"{name}/kernel"] = kernel.astype(np.float32)
        found[f"{name}/bias"] = random.normal(0, 0.1, biases).astype(np.float32)

    def norm(channels: int) -> None:
        name = layer("batch_normalization")
        for part in _NORM:
            value = (
                random.uniform(0.5, 1.5, channels)
                if part in ("gamma", "moving_variance")
                else random.normal(0, 0.3, channels)
            )
            found[f"{name}/{part}"] = value.astype(np.float32)

    for _ in range(stems):
        into = 2
        for count in filters:
            convolution("conv2d", (5, 5, into, count), 25 * into)
            norm(count)
            into = count
        ups = [*reversed(filters[:-1]), 1]
        for number, out in enumerate(ups):
            width = into if not number else 2 * into
            convolution("conv2d_transpose", (5, 5, out, width), 25 * width / 4)
            norm(out)
            into = out
        convolution("conv2d", (4, 4, 1, 2), 16)
    return found


def write(prefix: Path, tensors: dict[str, npt.NDArray[Any]], shards: int = 1) -> Path:
    """Write a checkpoint of any size; returns ``prefix``."""
    data = [bytearray() for _ in range(shards)]
    pairs = {b"": header(shards)}
    for number, name in enumerate(sorted(tensors)):
        tensor, shard = tensors[name], number % shards
        raw = tensor.tobytes()
        place = (shard, len(data[shard]), len(raw))
        pairs[name.encode()] = entry(
            KINDS[tensor.dtype.name], tensor.shape, place, masked(crc32c(raw))
        )
        data[shard] += raw
    return write_files(prefix, Table.of(pairs, 4_000).file(), [bytes(one) for one in data])
