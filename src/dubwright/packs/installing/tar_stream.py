"""A tar's unpacked stream, read once from front to end, for an archive that nobody vouches for."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Protocol

_BLOCK_BYTES = 512
READ_BYTES = 1 << 18
"""The most that is read at once; a header that asks for more is no honest one."""


class BombError(Exception):
    """There is more in it than there may be."""


class Readable(Protocol):
    """What can be read from front to end."""

    def read(self, size: int, /) -> bytes: ...


class ForwardStream(io.RawIOBase):
    """Hides from the tar library that ``source`` cannot go back, and bounds what it may read.

    The library steps one byte back before each header; going back further would unpack everything
    again, once for each member, which is how a small file keeps a machine busy for hours.
    """

    def __init__(self, source: Readable, limit_bytes: int, tick: Callable[[], None]) -> None:
        self._source = source
        self._limit = limit_bytes
        self._tick = tick
        self._at = 0
        self._ahead = b""
        """Bytes that were read and then stepped back over."""
        self._last = b""
        """The newest bytes, up to one block."""

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= READ_BYTES:
            raise ValueError(f"a header asks for {size} B")
        taken, self._ahead = self._ahead[:size], self._ahead[size:]
        # At most a block is ever ahead, and reads are whole blocks or less.
        piece = taken + self._source.read(size - len(taken))
        self._at += len(piece)
        if self._at > self._limit:
            raise BombError(f"it unpacks to more than {self._limit:,} B")
        self._last = (self._last + piece)[-_BLOCK_BYTES:]
        return piece

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise ValueError("only absolute positions")
        if offset < self._at:
            back = self._at - offset
            if back > len(self._last):
                raise ValueError("the archive points back into itself")
            self._ahead = self._last[-back:] + self._ahead
            self._last = self._last[:-back]
            self._at = offset
        while self._at < offset:
            self._tick()
            if not self.read(min(READ_BYTES, offset - self._at)):
                raise EOFError("it ends inside a file")
        return self._at

    def finish(self) -> None:
        """Read to the end, so that the checksum of the packing is checked.

        Raises EOFError when the last block read is not one of zeros, as the end of a tar is: the tar
        library takes a damaged header for the end.
        """
        ended = len(self._last) == _BLOCK_BYTES and not any(self._last)
        if not ended:
            raise EOFError("the end of the archive is missing")
        while self.read(READ_BYTES):
            self._tick()
