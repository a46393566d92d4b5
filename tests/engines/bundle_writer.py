"""Writes tensor bundles, whole or wrong on purpose; shares no code with the reader.

From the same public descriptions that the reader names. A table is built from its parts, so that a test
can change one and have the handles and checksums around it made to fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy.typing as npt

Tensors = Mapping[str, npt.NDArray[Any]]
Fields = Iterable[tuple[int, "int | bytes | Fixed32"]]

KINDS = {
    "float32": 1, "float64": 2, "int32": 3, "uint8": 4, "int16": 5, "int8": 6, "complex64": 8,
    "int64": 9, "bool": 10, "uint16": 17, "complex128": 18, "float16": 19, "uint32": 22,
    "uint64": 23,
}  # fmt: skip


@dataclass(frozen=True)
class Fixed32:
    """A field stored as four bytes."""

    value: int


def _byte_table() -> list[int]:
    table = list(range(256))
    for _ in range(8):
        table = [value // 2 ^ 0x82F63B78 * (value % 2) for value in table]
    return table


_BYTES = _byte_table()


def crc(data: bytes) -> int:
    """CRC-32C, byte by byte."""
    state = 2**32 - 1
    for byte in data:
        state = state // 256 ^ _BYTES[(state ^ byte) % 256]
    return 2**32 - 1 - state


def masked_crc(data: bytes) -> int:
    """CRC-32C as it is stored: turned right by 15 bits, plus a constant."""
    value = crc(data)
    return (value // 2**15 + value % 2**15 * 2**17 + 0xA282EAD8) % 2**32


def number(value: int) -> bytes:
    """``value`` as a varint; negative ones as protobuf writes them."""
    value %= 2**64
    out = []
    while value > 127:
        out.append(value % 128 + 128)
        value //= 128
    return bytes([*out, value])


def message(fields: Fields) -> bytes:
    """A protobuf message."""
    out = b""
    for place, value in fields:
        if isinstance(value, Fixed32):
            out += number(place * 8 + 5) + value.value.to_bytes(4, "little")
        elif isinstance(value, int):
            out += number(place * 8) + number(value)
        else:
            out += number(place * 8 + 2) + number(len(value)) + value
    return out


def header(shards: int = 1, *more: tuple[int, int | bytes]) -> bytes:
    """``BundleHeaderProto``."""
    return message([(1, shards), (3, message([(1, 1)])), *more])


def shape(sizes: Sequence[int]) -> bytes:
    """``TensorShapeProto``."""
    return message((2, message([(1, size)])) for size in sizes)


def entry(
    kind: int, sizes: Sequence[int], place: tuple[int, int, int], stored_crc: int, *more: Any
) -> bytes:
    """``BundleEntryProto``; ``place`` is (shard, offset, size). Zeros are left out, as protobuf does."""
    shard, offset, size = place
    numbers = [(number, value) for number, value in ((3, shard), (4, offset), (5, size)) if value]
    return message(
        [(1, kind), (2, shape(sizes)), *numbers, (6, Fixed32(stored_crc)), *more],
    )


def block(pairs: Iterable[tuple[bytes, bytes]], restart_every: int = 16) -> bytes:
    """A block of a table, without type and checksum."""
    out, restarts, before = b"", [], b""
    for place, (key, value) in enumerate(pairs):
        shared = 0
        if place % restart_every == 0:
            restarts.append(len(out))
        else:
            while shared < min(len(key), len(before)) and key[shared] == before[shared]:
                shared += 1
        out += number(shared) + number(len(key) - shared) + number(len(value))
        out += key[shared:] + value
        before = key
    restarts = restarts or [0]
    return out + b"".join(at.to_bytes(4, "little") for at in [*restarts, len(restarts)])


def sealed(contents: bytes, kind: int = 0) -> bytes:
    """A block with what follows it in the file."""
    typed = contents + bytes([kind])
    return typed + masked_crc(typed).to_bytes(4, "little")


@dataclass(frozen=True)
class Table:
    """Blocks of data with their last keys; the rest of the file follows from them."""

    blocks: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def of(cls, pairs: Mapping[bytes, bytes], block_bytes: int, restart_every: int = 16) -> Table:
        """Cut ``pairs`` into blocks of about ``block_bytes``."""
        blocks: list[tuple[bytes, bytes]] = []
        waiting: dict[bytes, bytes] = {}
        for key in sorted(pairs):
            waiting[key] = pairs[key]
            if len(block(waiting.items(), restart_every)) >= block_bytes:
                blocks.append((key, block(waiting.items(), restart_every)))
                waiting = {}
        if waiting:
            blocks.append((max(waiting), block(waiting.items(), restart_every)))
        return cls(tuple(blocks))

    def index_block(self) -> tuple[bytes, bytes]:
        """All blocks as they lie in the file, and the block that points to them."""
        out, handles = b"", []
        for last, contents in self.blocks:
            handles.append((last, number(len(out)) + number(len(contents))))
            out += sealed(contents)
        return out, block(handles, restart_every=1)

    def file(self, index: bytes | None = None) -> bytes:
        """The file; ``index`` takes the place of the block that points to the others."""
        out, own = self.index_block()
        index = own if index is None else index
        meta = block([])
        footer = number(len(out)) + number(len(meta))
        out += sealed(meta)
        footer += number(len(out)) + number(len(index))
        return out + sealed(index) + footer.ljust(40, b"\0") + bytes.fromhex("57fb808b247547db")


def pairs_of(tensors: Tensors, shards: int) -> tuple[dict[bytes, bytes], list[bytes]]:
    """What the index says about ``tensors``, and the data files; tensors go to shards in turn."""
    data = [b""] * shards
    pairs = {b"": header(shards)}
    for place, name in enumerate(sorted(tensors)):
        shard = place % shards
        tensor = tensors[name]
        raw = tensor.astype(tensor.dtype.newbyteorder("<")).tobytes()
        where = (shard, len(data[shard]), len(raw))
        kind = KINDS[tensor.dtype.name]
        pairs[name.encode()] = entry(kind, tensor.shape, where, masked_crc(raw))
        data[shard] += raw
    return pairs, data


def write(prefix: Path, tensors: Tensors, shards: int = 1, block_bytes: int = 300) -> Path:
    """Write ``tensors`` as a checkpoint of several blocks; returns ``prefix``."""
    pairs, data = pairs_of(tensors, shards)
    return write_files(prefix, Table.of(pairs, block_bytes).file(), data)


def write_files(prefix: Path, index: bytes, data: Sequence[bytes]) -> Path:
    """Write the files of a checkpoint; returns ``prefix``."""
    prefix.parent.mkdir(parents=True, exist_ok=True)
    prefix.with_name(f"{prefix.name}.index").write_bytes(index)
    for shard, contents in enumerate(data):
        name = f"{prefix.name}.data-{shard:05d}-of-{len(data):05d}"
        prefix.with_name(name).write_bytes(contents)
    return prefix
