"""Protocol buffers' wire format, as far as a checkpoint's messages need it.

Written from the public description (protobuf.dev, "Encoding"). Fields come one by one and the caller
picks those it knows, so nothing nests here and unknown fields cost nothing. Bytes are passed as views:
a message inside a message inside a file is not three copies of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dubwright.engines.tensorbundle.malformed import Malformed

_VARINT, _FIXED64, _LENGTH, _FIXED32 = 0, 1, 2, 5
_FIXED_BYTES = {_FIXED64: 8, _FIXED32: 4}
_VARINT_BYTES = 10  # what 64 bits take in groups of 7


@dataclass(frozen=True)
class Field:
    """One field of a message: an integer, or a view of the bytes of what has a length."""

    number: int
    wire_type: int
    value: int | memoryview

    def signed(self, bits: int) -> int:
        """An ``int32``, ``int64``, ``bool`` or enum. Raises :class:`Malformed` for another kind."""
        value = self._integer(_VARINT)
        value -= (value >> 63) << 64  # negative numbers are stored as two's complement of 64 bits
        if not -(1 << bits - 1) <= value < 1 << bits - 1:
            raise Malformed(f"the number {value} does not fit into {bits} bits")
        return value

    def fixed32(self) -> int:
        """A ``fixed32``. Raises :class:`Malformed` for another kind of field."""
        return self._integer(_FIXED32)

    def message(self) -> memoryview:
        """Bytes of a nested message. Raises :class:`Malformed` for another kind of field."""
        if isinstance(self.value, int):
            raise Malformed(f"field {self.number} is a number where a message belongs")
        return self.value

    def _integer(self, wire_type: int) -> int:
        if self.wire_type != wire_type or not isinstance(self.value, int):
            raise Malformed(f"field {self.number} has the wrong wire type {self.wire_type}")
        return self.value


def fields(data: memoryview) -> Iterator[Field]:
    """The fields of a message in their order. Raises :class:`Malformed`."""
    at = 0
    while at < len(data):
        tag, at = varint(data, at)
        number, wire_type = tag >> 3, tag & 7
        if not 0 < number < 1 << 29:
            raise Malformed(f"a field has the impossible number {number}")
        if wire_type == _VARINT:
            value, at = varint(data, at)
            yield Field(number, wire_type, value)
            continue
        if wire_type == _LENGTH:
            size, at = varint(data, at)
        elif wire_type in _FIXED_BYTES:
            size = _FIXED_BYTES[wire_type]
        else:
            raise Malformed(f"field {number} has the unknown wire type {wire_type}")
        if size > len(data) - at:
            raise Malformed(f"field {number} is longer than its message")
        raw = data[at : at + size]
        at += size
        yield Field(
            number, wire_type, raw if wire_type == _LENGTH else int.from_bytes(raw, "little")
        )


def varint(data: memoryview, at: int) -> tuple[int, int]:
    """The integer of at most 64 bits at ``data[at:]`` and where it ends. Raises :class:`Malformed`."""
    value = 0
    for place, byte in enumerate(data[at : at + _VARINT_BYTES]):
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            if value >> 64:
                raise Malformed("a number is longer than 64 bits")
            return value, at + place + 1
    raise Malformed("a number has no end")
