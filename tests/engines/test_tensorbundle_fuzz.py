"""Thousands of damaged checkpoints: a Problem or the right tensors, and never much memory.

Bytes changed on disk are found by the checksums. So half of the damage is done before the checksums are
made, to reach the parsers behind them; a number changed there may be a good one, and what is asked
for is a Problem or arrays of the shapes that the index tells.
"""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.engines.tensorbundle.bundle import Checkpoint
from dubwright_kit import Problem
from tests.engines import bundle_writer as writer
from tests.engines.bundle_writer import Table

FAST = range(1000)
FULL = [range(5000), range(5000, 10_000)]  # in two, so that no test takes a minute
SHARDS = 2
BLOCK_BYTES = 250
CONSTANT_BYTES = 64 << 10
"""Beside twice the files' size: the rows and sums of the checksum (3 x 16 kB, and a few kB a fold), the
buffers and objects of some twenty entries (1 kB each), paths, and a Problem with its traceback."""
NUMBERS = [0, 1, 2, 3, 5, 127, 128, 255, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**40, 2**61]
NUMBERS += [2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64 - 4]
Files = dict[str, bytes]


@cache
def tensors() -> dict[str, npt.NDArray[Any]]:
    """100 kB, most of it one tensor; names that share their starts."""
    rng = np.random.default_rng(0)
    made: dict[str, npt.NDArray[Any]] = {
        f"batch_normalization_{i}/{part}": rng.normal(size=8 + i).astype(np.float32)
        for i in range(3)
        for part in ("beta", "gamma", "moving_mean", "moving_variance")
    }
    made["conv2d/kernel"] = rng.normal(size=(5, 5, 16, 64)).astype(np.float32)
    made["flags"] = rng.integers(0, 2, 9).astype(bool)
    made["global_step"] = np.array(77, np.int64)
    made["nothing"] = np.zeros((0, 4), np.float32)
    return made


@cache
def whole() -> tuple[dict[bytes, bytes], Table, list[bytes]]:
    pairs, data = writer.pairs_of(tensors(), SHARDS)
    return pairs, Table.of(pairs, BLOCK_BYTES), data


def damaged(data: bytes, rng: Random) -> bytes:
    """``data`` with one kind of damage somewhere."""
    out, at = bytearray(data), rng.randrange(len(data) + 1)
    size = rng.choice([1, 1, 2, 4, 8, 40])
    kind = rng.randrange(7)
    if kind == 0:
        for _ in range(size):
            if out:
                out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        out[at : at + size] = rng.randbytes(size)
    elif kind == 2:
        del out[at:]
    elif kind == 3:
        out[at:at] = rng.randbytes(size)
    elif kind == 4:
        del out[at : at + size]
    elif kind == 5:
        other = rng.randrange(len(data) + 1)
        out[at : at + size], out[other : other + size] = (
            out[other : other + size],
            out[at : at + size],
        )
    else:
        value = rng.choice(NUMBERS)
        raw = rng.choice([writer.number(value), value.to_bytes(8, "little")[: rng.choice([4, 8])]])
        out[at : at + len(raw) * rng.randrange(2)] = raw
    return bytes(out)


def after_checksums(rng: Random) -> Files:
    """A whole checkpoint with damage in one of its files."""
    _, table, data = whole()
    files = {"model.index": table.file()} | {
        f"model.data-{i:05d}-of-{SHARDS:05d}": contents for i, contents in enumerate(data)
    }
    name = rng.choice(["model.index", "model.index", *files])
    return files | {name: damaged(files[name], rng)}


def before_checksums(rng: Random) -> Files:
    """Damage in an entry, in a block, or in the index of blocks, under right checksums."""
    pairs, table, data = whole()
    kind = rng.randrange(4)
    if kind == 0:
        key = rng.choice(list(pairs))
        index = Table.of(pairs | {key: damaged(pairs[key], rng)}, BLOCK_BYTES).file()
    elif kind == 1:
        key = rng.choice(list(pairs)[1:])
        field = (rng.randrange(1, 6), rng.choice(NUMBERS))  # the later one counts
        index = Table.of(pairs | {key: pairs[key] + writer.message([field])}, BLOCK_BYTES).file()
    elif kind == 2:
        blocks = list(table.blocks)
        at = rng.randrange(len(blocks))
        blocks[at] = (blocks[at][0], damaged(blocks[at][1], rng))
        index = Table(tuple(blocks)).file()
    else:
        index = table.file(index=damaged(table.index_block()[1], rng))
    files = {f"model.data-{i:05d}-of-{SHARDS:05d}": contents for i, contents in enumerate(data)}
    return files | {"model.index": index}


def is_right(name: str, tensor: npt.NDArray[Any]) -> bool:
    expected = tensors()[name]
    same = (tensor.dtype, tensor.shape) == (expected.dtype, expected.shape)
    return same and np.array_equal(tensor, expected)  # without copies: memory is looked at


def has_its_shape(name: str, tensor: npt.NDArray[Any]) -> bool:
    return tensor.ndim <= 32 and not tensor.flags.writeable


def read(
    prefix: Path, good: Callable[[str, npt.NDArray[Any]], bool], counted: Counter[str]
) -> None:
    """Read all there is, kept at once; anything but a Problem of the two codes comes out of here."""
    kept = []
    try:
        with Checkpoint.open(prefix) as checkpoint:
            for name, entry in checkpoint.entries.items():
                try:
                    tensor = checkpoint.tensor(name)
                except Problem as problem:
                    assert problem.code == "weights-wrong"
                    assert not problem.message.isspace()
                    counted["tensors refused"] += 1
                    continue
                assert (tensor.dtype, tensor.shape) == (entry.dtype, entry.shape)
                assert tensor.nbytes == entry.size_bytes
                assert good(name, tensor), name
                kept.append(tensor)
            counted["opened"] += 1
    except Problem as problem:
        assert problem.code in ("weights-wrong", "weights-missing")
        assert str(prefix) in problem.message
        counted["refused"] += 1
    counted["tensors"] += len(kept)


def replace(path: Path, contents: bytes) -> None:
    """Write in place: some file systems wait for the disk when a file is emptied and written anew."""
    with path.open("r+b") as file:
        file.write(contents)
        file.truncate()


def peak_bytes(call: Callable[[], None]) -> int:
    tracemalloc.start()
    try:
        call()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def fuzz(
    folder: Path,
    seeds: range,
    make: Callable[[Random], Files],
    good: Callable[[str, npt.NDArray[Any]], bool],
) -> Counter[str]:
    counted: Counter[str] = Counter()
    prefix = folder / "model"
    _, table, data = whole()
    read(writer.write_files(prefix, table.file(), data), is_right, counted)  # fills the tables
    assert counted == {"opened": 1, "tensors": len(tensors())}
    on_disk: Files = {}
    for seed in seeds:
        files = make(Random(seed))
        for name, contents in files.items():
            if on_disk.get(name) != contents:
                replace(folder / name, contents)
        on_disk = files
        size = sum(len(contents) for contents in files.values())
        try:
            used = peak_bytes(lambda: read(prefix, good, counted))
            if (
                used > 2 * size + CONSTANT_BYTES
            ):  # or the interpreter made a table of its own larger
                used = peak_bytes(lambda: read(prefix, good, Counter()))
        except Exception as error:
            raise AssertionError(f"seed {seed}") from error
        counted["most beside"] = max(counted["most beside"], used - 2 * size)
        assert used <= 2 * size + CONSTANT_BYTES, f"seed {seed} used {used} bytes"
    print(dict(counted))
    return counted


def check_on_disk(folder: Path, seeds: range) -> None:
    counted = fuzz(folder, seeds, after_checksums, is_right)
    assert min(counted["opened"], counted["refused"], counted["tensors refused"]) > len(seeds) // 50


def check_before_checksums(folder: Path, seeds: range) -> None:
    counted = fuzz(folder, seeds, before_checksums, has_its_shape)
    assert min(counted["opened"], counted["refused"], counted["tensors refused"]) > len(seeds) // 50


def test_damage_on_disk_is_told_or_does_not_matter(tmp_path: Path) -> None:
    check_on_disk(tmp_path, FAST)


def test_damage_under_right_checksums_is_told_or_has_its_shape(tmp_path: Path) -> None:
    check_before_checksums(tmp_path, FAST)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", FULL)
def test_ten_thousand_damages_on_disk(tmp_path: Path, seeds: range) -> None:
    check_on_disk(tmp_path, seeds)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", FULL)
def test_ten_thousand_damages_under_right_checksums(tmp_path: Path, seeds: range) -> None:
    check_before_checksums(tmp_path, seeds)
