"""What the index says: the bundle's header and one entry for each tensor.

Written from TensorFlow's ``tensor_bundle.proto``, ``tensor_shape.proto``, ``types.proto`` and
``versions.proto``, whose field numbers and values are the constants here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dubwright.engines.tensorbundle.malformed import Malformed
from dubwright.engines.tensorbundle.protobuf import fields

FORMAT_VERSION = 1  # the only one there has been
AXES = 32  # more is no tensor that anything could use
_BIG_ENDIAN = 1
_NUMBER_BITS: Mapping[int, int] = {1: 32, 3: 32, 4: 64, 5: 64}  # dtype, shard, offset, size
_DTYPES: Mapping[int, str] = {
    1: "<f4", 2: "<f8", 3: "<i4", 4: "u1", 5: "<i2", 6: "i1", 8: "<c8", 9: "<i8", 10: "?",
    17: "<u2", 18: "<c16", 19: "<f2", 22: "<u4", 23: "<u8",
}  # fmt: skip
_OTHERS: Mapping[int, str] = {7: "text", 14: "bfloat16", 20: "a handle", 21: "a variant"}
_UNREADABLE = np.dtype(np.void)


@dataclass(frozen=True)
class Header:
    """``BundleHeaderProto``: how many data files there are, and the order of bytes in them."""

    shards: int
    big_endian: bool


@dataclass(frozen=True, slots=True)
class Entry:
    """``BundleEntryProto``: one tensor and where its bytes lie.

    ``crc32c`` is masked. ``unreadable`` says why the tensor cannot be had, and is empty where it can;
    where the kind of its values is the reason, ``dtype`` is ``void``.
    """

    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    size_bytes: int
    shard: int
    offset: int
    crc32c: int
    unreadable: str = ""


def header_of(message: memoryview) -> Header:
    """Read ``BundleHeaderProto``. Raises :class:`Malformed`, for a later format too."""
    shards = endianness = 0
    for field in fields(message):
        if field.number == 1:
            shards = field.signed(32)
        elif field.number == 2:
            endianness = field.signed(32)
        elif field.number == 3:
            _check_version(field.message())
    if shards < 1:
        raise Malformed(f"it speaks of {shards} data files")
    if endianness not in (0, _BIG_ENDIAN):
        raise Malformed(f"it has an unknown order of bytes, {endianness}")
    return Header(shards, endianness == _BIG_ENDIAN)


def entry_of(message: memoryview, header: Header) -> Entry:
    """Read ``BundleEntryProto``. Raises :class:`Malformed`."""
    numbers = dict.fromkeys(_NUMBER_BITS, 0)
    crc32c = 0
    shape: tuple[int, ...] = ()
    partitioned = False
    for field in fields(message):
        if field.number in _NUMBER_BITS:
            numbers[field.number] = field.signed(_NUMBER_BITS[field.number])
        elif field.number == 2:
            shape = _shape_of(field.message(), shape)  # two parts of a message are read as one
        elif field.number == 6:
            crc32c = field.fixed32()
        elif field.number == 7:
            partitioned = True
    kind, shard, offset, size_bytes = numbers.values()
    if kind <= 0:
        raise Malformed(f"it has the impossible type {kind}")
    if math.prod(size or 1 for size in shape) >= 1 << 58:  # so that no kind of value gets over 63
        raise Malformed("its shape is impossible")  # an axis of 0 beside others without end too
    dtype = np.dtype(_DTYPES[kind]) if kind in _DTYPES else _UNREADABLE
    if partitioned:  # its place says nothing then; its parts have entries of their own
        return Entry(dtype, shape, 0, 0, 0, 0, "it is stored in slices")
    if min(offset, size_bytes) < 0 or not 0 <= shard < header.shards:
        raise Malformed(f"its place is impossible: {size_bytes} bytes at {offset} of file {shard}")
    entry = Entry(dtype, shape, size_bytes, shard, offset, crc32c)
    if kind not in _DTYPES:
        return replace(entry, unreadable=f"it holds {_OTHERS.get(kind, f'values of type {kind}')}")
    _check_size(entry)
    if header.big_endian:
        return replace(entry, unreadable="it was written with the highest byte first")
    return entry


def _check_size(entry: Entry) -> None:
    needed = math.prod(entry.shape) * entry.dtype.itemsize
    if entry.size_bytes != needed:
        raise Malformed(f"it has {entry.size_bytes} bytes, its shape takes {needed}")


def _shape_of(message: memoryview, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Read ``TensorShapeProto``: ``shape`` and the axes that follow."""
    for field in fields(message):
        if field.number == 2:
            size = 0
            for part in fields(field.message()):
                if part.number == 1:
                    size = part.signed(64)
            if size < 0:
                raise Malformed("an axis is shorter than nothing")
            shape += (size,)
            if len(shape) > AXES:
                raise Malformed(f"it has more than {AXES} axes")
        elif field.number == 3 and field.signed(64):
            raise Malformed("its shape is unknown")
    return shape


def _check_version(message: memoryview) -> None:
    """Read ``VersionDef``: what wrote the bundle says who may read it."""
    for field in fields(message):
        if field.number == 2 and field.signed(32) > FORMAT_VERSION:
            raise Malformed(f"it needs a reader of version {field.signed(32)}")
