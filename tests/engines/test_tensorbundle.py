"""Checkpoints that a test wrote: all kinds of tensors come back, all that is wrong is a Problem."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.engines.tensorbundle.bundle import Checkpoint
from dubwright_kit import Problem
from tests.engines import bundle_writer as writer
from tests.engines.bundle_writer import Fixed32, Table

KIB = 1 << 10


def tensors() -> dict[str, npt.NDArray[Any]]:
    """One of each kind, names as Spleeter's, axes of every number, none at all and none long."""
    rng = np.random.default_rng(4)
    made: dict[str, npt.NDArray[Any]] = {
        f"conv2d_{i}/kernel": rng.normal(size=(5, 5, 2, 3 + i)).astype(np.float32) for i in range(6)
    }
    for kind in writer.KINDS:
        made[f"kinds/{kind}"] = rng.integers(0, 2, (3, 5)).astype(kind)
    made["global_step"] = np.array(1234567890123, np.int64)
    made["negative"] = np.array([-1, -(2**31)], np.int32)
    made["nothing"] = np.zeros((3, 0, 2), np.float32)
    made["größe/β"] = rng.normal(size=7)
    return made


def check(prefix: Path, expected: dict[str, npt.NDArray[Any]]) -> None:
    with Checkpoint.open(prefix) as checkpoint:
        assert set(checkpoint.entries) == set(expected)
        for name, tensor in expected.items():
            entry = checkpoint.entries[name]
            got = checkpoint.tensor(name)
            assert (got.dtype, got.shape) == (entry.dtype, entry.shape)
            assert (got.dtype, got.shape, got.nbytes) == (tensor.dtype, tensor.shape, tensor.nbytes)
            assert got.tobytes() == tensor.tobytes()
            assert entry.size_bytes == got.nbytes
            assert not got.flags.writeable
            assert got.flags.aligned


@pytest.mark.parametrize("shards", [1, 2, 100])
@pytest.mark.parametrize("block_bytes", [50, 300, 4096])
def test_what_was_written_is_read(tmp_path: Path, shards: int, block_bytes: int) -> None:
    check(writer.write(tmp_path / "model", tensors(), shards, block_bytes), tensors())


def test_a_prefix_may_have_points_and_other_letters(tmp_path: Path) -> None:
    check(writer.write(tmp_path / "größe.ckpt-1.5", tensors()), tensors())


def test_arrays_outlive_the_checkpoint_and_hold_no_file(tmp_path: Path) -> None:
    prefix = writer.write(tmp_path / "model", tensors())
    with Checkpoint.open(prefix) as checkpoint:
        got = checkpoint.tensor("conv2d_0/kernel")
    for path in list(tmp_path.iterdir()):
        path.unlink()  # Windows refuses this for a file that is open or mapped
    assert np.array_equal(got, tensors()["conv2d_0/kernel"])
    with pytest.raises(ValueError, match="closed"):
        checkpoint.tensor("conv2d_0/kernel")


def problem(prefix: Path, name: str | None = None) -> Problem:
    """What opening says, or reading ``name`` after it was opened."""
    if name is None:
        with pytest.raises(Problem) as caught:
            Checkpoint.open(prefix)
        return caught.value
    with Checkpoint.open(prefix) as checkpoint, pytest.raises(Problem) as caught:
        checkpoint.tensor(name)
    return caught.value


def test_files_that_are_not_there(tmp_path: Path) -> None:
    prefix = tmp_path / "model"
    missing = problem(prefix)
    assert (missing.code, missing.next_action) == ("weights-missing", None)
    assert "model.index" in missing.message
    writer.write(prefix, tensors(), shards=3)
    shard = tmp_path / "model.data-00001-of-00003"
    with Checkpoint.open(prefix) as checkpoint:
        shard.unlink()
        with pytest.raises(Problem, match="data-00001-of-00003") as caught:
            for name in checkpoint.entries:
                checkpoint.tensor(name)
    assert caught.value.code == "weights-missing"
    assert problem(prefix).code == "weights-missing"
    (tmp_path / "model.index").unlink()
    (tmp_path / "model.index").mkdir()
    assert problem(prefix).code == "weights-missing"


def test_a_file_that_becomes_shorter(tmp_path: Path) -> None:
    prefix = writer.write(tmp_path / "model", tensors())
    with Checkpoint.open(prefix) as checkpoint:
        (tmp_path / "model.data-00000-of-00001").write_bytes(b"short")
        with pytest.raises(Problem, match="shorter") as caught:
            checkpoint.tensor("conv2d_5/kernel")
    assert caught.value.code == "weights-wrong"
    assert "do not lie" in problem(prefix).message


def test_a_tensor_that_is_damaged_is_the_only_one(tmp_path: Path) -> None:
    prefix = writer.write(tmp_path / "model", tensors())
    path = tmp_path / "model.data-00000-of-00001"
    with Checkpoint.open(prefix) as checkpoint:
        at = checkpoint.entries["conv2d_3/kernel"].offset
    data = bytearray(path.read_bytes())
    data[at + 9] ^= 4
    path.write_bytes(data)
    found = problem(prefix, "conv2d_3/kernel")
    assert found.code == "weights-wrong"
    assert str(path) in found.message
    assert "conv2d_3/kernel" in found.message
    assert "checksum" in found.message
    with Checkpoint.open(prefix) as checkpoint:
        checkpoint.tensor("conv2d_2/kernel")
        checkpoint.tensor("conv2d_4/kernel")
    assert "there is none" in problem(prefix, "conv3d").message


def changed(prefix: Path, key: bytes, value: bytes) -> Path:
    """The usual checkpoint with another or one more entry in its index; 30 bytes of data are free."""
    pairs, data = writer.pairs_of(tensors(), 1)
    index = Table.of(pairs | {key: value}, 300).file()
    return writer.write_files(prefix, index, [data[0] + bytes(30)])


FREE = len(writer.pairs_of(tensors(), 1)[1][0])
SLICE = writer.message([(1, writer.message([(1, 0), (2, 3)]))])


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (writer.entry(7, [2], (0, FREE, 30), 1), "holds text"),
        (writer.entry(14, [2], (0, FREE, 4), 1), "holds bfloat16"),
        (writer.entry(21, [], (0, FREE, 8), 1), "holds a variant"),
        (writer.entry(99, [], (0, FREE, 8), 1), "values of type 99"),
        (writer.entry(1, [2, 2], (0, 0, 0), 0, (7, SLICE), (7, SLICE)), "in slices"),
    ],
)
def test_what_is_not_read_is_a_problem_for_who_asks(
    tmp_path: Path, value: bytes, what: str
) -> None:
    prefix = changed(tmp_path / "model", b"strange", value)
    found = problem(prefix, "strange")
    assert (found.code, found.next_action) == ("weights-wrong", None)
    assert what in found.message
    with Checkpoint.open(prefix) as checkpoint:
        assert checkpoint.entries["strange"].unreadable
        for name, tensor in tensors().items():
            assert checkpoint.tensor(name).tobytes() == tensor.tobytes()


def test_slices_are_not_names(tmp_path: Path) -> None:
    pairs, data = writer.pairs_of(tensors(), 1)
    place = (0, len(data[0]), 8)
    pairs[b"\0\1part\0\1\xff\x80"] = writer.entry(1, [2], place, writer.masked_crc(bytes(8)))
    pairs[b"whole"] = writer.entry(1, [4], (0, 0, 0), 0, (7, SLICE))
    index = Table.of(pairs, 300).file()
    prefix = writer.write_files(tmp_path / "model", index, [data[0] + bytes(8)])
    with Checkpoint.open(prefix) as checkpoint:
        assert set(checkpoint.entries) == {*tensors(), "whole"}
    assert "does not" in problem(writer.write_files(prefix, index, data)).message.replace(
        "do", "does"
    )


@pytest.mark.parametrize(
    ("header", "what"),
    [
        (b"", "0 data files"),
        (writer.message([(1, -5)]), "-5 data files"),
        (writer.header(1, (2, 7)), "order of bytes"),
        (writer.header(1, (3, writer.message([(2, 2)]))), "version 2"),
        (writer.header(2**31), "32 bits"),
        (writer.message([(1, b"a")]), "wire type"),
    ],
)
def test_bad_headers(tmp_path: Path, header: bytes, what: str) -> None:
    found = problem(changed(tmp_path / "model", b"", header))
    assert found.code == "weights-wrong"
    assert what in found.message
    assert "model.index" in found.message


def test_no_header_and_a_far_number_of_shards(tmp_path: Path) -> None:
    pairs, data = writer.pairs_of(tensors(), 1)
    del pairs[b""]
    no_header = writer.write_files(tmp_path / "model", Table.of(pairs, 300).file(), data)
    assert "no header" in problem(no_header).message
    far = changed(tmp_path / "model", b"", writer.header(2**31 - 1))
    assert problem(far).code == "weights-missing"


def test_the_highest_byte_first(tmp_path: Path) -> None:
    prefix = changed(tmp_path / "model", b"", writer.header(1, (2, 1)))
    assert "highest byte first" in problem(prefix, "global_step").message


def place(offset: int, size: int, shard: int = 0) -> bytes:
    return writer.entry(1, [1], (shard, offset, size), 0)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        (b"", "type 0"),
        (writer.message([(1, -1)]), "type -1"),
        (writer.message([(1, 1)]), "0 bytes, its shape takes 4"),
        (place(0, 4), "share the bytes"),
        (place(0, 8), "8 bytes, its shape takes 4"),
        (place(0, -4), "impossible"),
        (place(-4, 4), "impossible"),
        (place(0, 4, 1), "impossible"),
        (place(0, 4, -1), "impossible"),
        (place(2**62, 4), "do not lie"),
        (writer.entry(1, [2**60], (0, 0, 2**62), 0), "shape is impossible"),
        (writer.entry(1, [2**61], (0, 0, 2**63 - 1), 0), "shape is impossible"),
        (writer.entry(1, [0, 2**62, 2**62], (0, 0, 0), 0), "shape is impossible"),
        (writer.entry(1, [2**40], (0, 0, 2**42), 0), "do not lie"),
        (writer.entry(1, [-1], (0, 0, 4), 0), "shorter than nothing"),
        (writer.entry(1, [1] * 33, (0, 0, 4), 0), "more than 32 axes"),
        (writer.message([(1, 1), (2, writer.message([(3, 1)]))]), "shape is unknown"),
        (writer.message([(1, 1), (2, 7)]), "number where a message belongs"),
        (writer.message([(1, Fixed32(1))]), "wire type"),
        (writer.message([(6, 7)]), "wire type"),
        (b"\x08", "no end"),
    ],
)
def test_bad_entries(tmp_path: Path, value: bytes, what: str) -> None:
    found = problem(changed(tmp_path / "model", b"strange", value))
    assert (found.code, found.next_action) == ("weights-wrong", None)
    assert what in found.message


def test_names_are_text(tmp_path: Path) -> None:
    pairs, data = writer.pairs_of(tensors(), 1)
    pairs[b"\xff"] = pairs[b"nothing"]
    prefix = writer.write_files(tmp_path / "model", Table.of(pairs, 300).file(), data)
    assert "no name" in problem(prefix).message


def test_true_and_false_are_one_and_zero(tmp_path: Path) -> None:
    pairs, _ = writer.pairs_of({}, 1)
    pairs[b"flags"] = writer.entry(10, [3], (0, 0, 3), writer.masked_crc(b"\0\1\2"))
    prefix = writer.write_files(tmp_path / "model", Table.of(pairs, 300).file(), [b"\0\1\2"])
    assert "true and false" in problem(prefix, "flags").message


def hostile(count: int, name_bytes: int) -> dict[bytes, bytes]:
    """Entries without data under names that share all but their end: some 15 bytes of index each."""
    nothing = writer.entry(1, [0], (0, 0, 0), 0)
    start = b"n" * name_bytes
    return {b"": writer.header()} | {start + b"%06d" % i: nothing for i in range(count)}


def peak_bytes(prefix: Path) -> tuple[int, Problem | None]:
    gc.collect()
    tracemalloc.start()
    try:
        Checkpoint.open(prefix).close()
        found = None
    except Problem as error:
        found = error
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak, found


@pytest.mark.parametrize("name_bytes", [1, 1000])
def test_an_index_does_not_swell(tmp_path: Path, name_bytes: int) -> None:
    """3,000 variables in 50 kB would be 3 MB of objects, and 3 MB of names more."""
    blocks = Table(((b"z", writer.block(hostile(3000, name_bytes).items(), 1 << 30)),))
    prefix = writer.write_files(tmp_path / "model", blocks.file(), [b""])
    size = prefix.with_name("model.index").stat().st_size
    assert size < 60 * KIB
    peak, found = peak_bytes(prefix)
    assert found is not None
    assert "more variables" in found.message
    assert peak < 2 * size + 1100 * KIB


def test_what_an_entry_is_reckoned_at_covers_it(tmp_path: Path) -> None:
    """So the reckoning bounds memory: entries with all the axes and the longest numbers."""
    sizes = [2**8] * 7 + [1] * 25
    long = writer.entry(99, sizes, (0, 0, 0), 2**32 - 1)
    pairs = {b"": writer.header()} | {b"%06d" % i: long for i in range(900)}
    prefix = writer.write_files(tmp_path / "model", Table.of(pairs, 4096).file(), [b""])
    index_bytes = prefix.with_name("model.index").stat().st_size
    peak, found = peak_bytes(prefix)
    assert found is None
    assert peak - index_bytes < 900 * KIB


def test_a_value_inside_a_value_is_not_copied(tmp_path: Path) -> None:
    name = writer.message([(2, b"x" * 1_000_000)])
    deep = writer.message([(1, 1), (2, writer.message([(2, name)])), (5, 0)])
    pairs = {b"": writer.header(), b"a": deep}
    prefix = writer.write_files(tmp_path / "model", Table.of(pairs, 4096).file(), [b""])
    assert peak_bytes(prefix)[0] < 1_300_000
