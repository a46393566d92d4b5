"""LevelDB's table: sorted keys and values in one file, in blocks with checksums.

Written from LevelDB's ``doc/table_format.md``: a footer of 48 bytes (two block handles, padding, a magic
number) points to the index block, whose values point to the data blocks; every block is followed by
its type and a masked CRC-32C. Inside a block an entry says how many bytes of its key are those of the
key before; the offsets of entries that spell their key out ("restarts") are listed at the block's end.
"""

from __future__ import annotations

from collections.abc import Iterator

from dubwright.engines.tensorbundle.crc32c import crc32c, masked
from dubwright.engines.tensorbundle.malformed import Malformed
from dubwright.engines.tensorbundle.protobuf import varint

MAGIC = 0xDB4775248B80FB57
FOOTER_BYTES = 48
TRAILER_BYTES = 5
KEY_BYTES = 4096
"""The longest key. Keys share their start with the one before, so a small file could spell many long
ones; names of variables are some hundred bytes at most."""


def entries(data: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of the table ``data``, sorted by key. Raises :class:`Malformed`.

    Values are views onto ``data``; one key is held at a time. Blocks must follow each other, so that the work is bounded by the size
    of the file.
    """
    end = len(data) - FOOTER_BYTES
    if end < 0:
        raise Malformed("it is too short for an index")
    footer = data[end:]
    if int.from_bytes(footer[-8:], "little") != MAGIC:
        raise Malformed("its last bytes are not those of an index: it is cut off or something else")
    meta_at, meta_size, after = _handle(footer[:-8], 0)
    index_at, index_size, _ = _handle(footer[:-8], after)
    _block(data, meta_at, meta_size)  # holds nothing that is needed, yet has a checksum to keep
    last, free_from = b"", 0
    first = True
    for _, value in _pairs(_block(data, index_at, index_size)):
        at, size, _ = _handle(value, 0)
        if at < free_from:
            raise Malformed("two of its blocks overlap")
        free_from = at + size + TRAILER_BYTES
        for key, held in _pairs(_block(data, at, size)):
            if key <= last and not first:
                raise Malformed("its keys are not in order")
            yield key, held
            last, first = key, False


def _handle(data: memoryview, at: int) -> tuple[int, int, int]:
    """Where a block starts, its size without trailer, and where the handle ends."""
    offset, at = varint(data, at)
    size, at = varint(data, at)
    return offset, size, at


def _block(data: memoryview, at: int, size: int) -> memoryview:
    """A block without its trailer, which is checked."""
    if at + size + TRAILER_BYTES > len(data) - FOOTER_BYTES:
        raise Malformed(f"a block of {size} bytes at {at} does not lie inside it")
    trailer = data[at + size : at + size + TRAILER_BYTES]
    if masked(crc32c(data[at : at + size + 1])) != int.from_bytes(trailer[1:], "little"):
        raise Malformed(f"the checksum of the block at {at} is wrong")
    if trailer[0]:
        raise Malformed(f"the block at {at} is compressed, which TensorFlow does not do")
    return data[at : at + size]


def _pairs(block: memoryview) -> Iterator[tuple[bytes, memoryview]]:
    """Keys and values of a block."""
    count = _uint32(block, len(block) - 4)
    end = len(block) - 4 - 4 * count  # where the list of restarts starts
    if end < 0 or not count:
        raise Malformed("a block has no room for its list of restarts")
    if not end:
        return
    key, at, reached = b"", 0, 0
    while at < end:
        restarting = reached < count and _uint32(block, end + 4 * reached) == at
        reached += restarting
        shared, at = varint(block, at)
        own, at = varint(block, at)
        size, at = varint(block, at)
        if shared > (0 if restarting else len(key)):
            raise Malformed("a key shares more with the one before than there is")
        if own + size > end - at:
            raise Malformed("an entry is longer than its block")
        if shared + own > KEY_BYTES:
            raise Malformed(f"a key has {shared + own} bytes")
        key = key[:shared] + bytes(block[at : at + own])
        at += own + size
        yield key, block[at - size : at]
    if reached != count:
        raise Malformed("a block's restarts are not where entries start")


def _uint32(block: memoryview, at: int) -> int:
    if at < 0:
        raise Malformed("a block is too short")
    return int.from_bytes(block[at : at + 4], "little")
