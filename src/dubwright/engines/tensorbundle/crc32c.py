"""CRC-32C (Castagnoli), the checksum of LevelDB's blocks and of a bundle's tensors, at some 0.5 GB/s.

The checksum is the remainder of the message, a polynomial over GF(2), so the part that comes ``n``
words before another joins it after a multiplication by ``x ** (32 * n)``: a linear map of 32 bits, which
four tables of 256 words hold (Sarwate, "Computation of cyclic redundancy checks via table look-up",
Communications of the ACM 31 (8), 1988). The message is seen as rows of ``_LANES`` words; each lane
goes down its column with the map for one row, which numpy does for a row at a time. The row that is
left is folded in halves until it is one word. Polynomial, bit order and check values: RFC 3720,
section 12.1 and appendix B.4. Masking: LevelDB's ``table_format.md`` and ``crc32c.h``.
"""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint32]
_POLYNOMIAL = 0x82F63B78  # lowest bit first
_ONES = 0xFFFFFFFF
_LANES_LOG2 = 12  # 16 kB a row: row and tables stay in the first caches
_LANES = 1 << _LANES_LOG2
_GRAIN_BYTES = 64
"""Numpy takes whole grains; what is left over, at the start, goes byte by byte."""
_MASK_DELTA = 0xA282EAD8


def crc32c(data: bytes | memoryview) -> int:
    """Checksum of the bytes ``data``; needs some 100 kB of memory whatever their length."""
    view = memoryview(data)
    head = len(view) % _GRAIN_BYTES
    register = _ONES
    table = _byte_table()
    for byte in view[:head].tolist():
        register = table[(register ^ byte) & 0xFF] ^ (register >> 8)
    if head < len(view):
        register = _folded(np.frombuffer(view, "<u4", offset=head), register)
    return register ^ _ONES


def masked(crc: int) -> int:
    """``crc`` as it is stored: turned and shifted, so that sums over sums stay sums."""
    return ((crc >> 15 | crc << 17) + _MASK_DELTA) & _ONES


def _folded(words: Words, register: int) -> int:
    """Register after ``words`` [n >= 1], in little-endian order, having been ``register`` before."""
    log2 = min((len(words) - 1).bit_length(), _LANES_LOG2)
    first = (len(words) - 1) % (1 << log2) + 1
    lanes = np.zeros(1 << log2, "<u4")  # zeros before a message change nothing
    lanes[-first:] = words[:first]
    lanes[-first] ^= register
    if first < len(words):
        lanes = _down(lanes, words[first:].reshape(-1, 1 << log2))
    for level in reversed(range(log2)):
        lanes = _advanced(lanes[: 1 << level], level) ^ lanes[1 << level :]
    return int(_advanced(lanes, 0)[0])


def _down(lanes: Words, rows: Words) -> Words:
    """Join ``rows`` [n, lanes] to ``lanes``; the loop that the time goes into, so without new arrays."""
    tables = _tables(_LANES_LOG2)
    lanes_bytes = lanes.view(np.uint8).reshape(-1, 4)
    joined, looked_up = np.empty_like(lanes), np.empty_like(lanes)
    for row in rows:
        joined[:] = row
        for place, table in enumerate(tables):
            table.take(lanes_bytes[:, place], out=looked_up, mode="clip")
            np.bitwise_xor(joined, looked_up, out=joined)
        lanes[:] = joined
    return lanes


def _advanced(states: Words, log2: int) -> Words:
    """``states`` [n] after ``2 ** log2`` words of zeros."""
    places = np.ascontiguousarray(states).view(np.uint8).reshape(-1, 4)
    first, second, third, fourth = _tables(log2)
    advanced: Words = (
        first[places[:, 0]] ^ second[places[:, 1]] ^ third[places[:, 2]] ^ fourth[places[:, 3]]
    )
    return advanced


@cache
def _tables(log2: int) -> tuple[Words, ...]:
    """What each byte of a state, lowest first, becomes after ``2 ** log2`` words of zeros: 4 x [256]."""
    if log2:
        return tuple(_advanced(table, log2 - 1) for table in _tables(log2 - 1))
    step = np.array(_byte_table(), "<u4")
    states = [np.arange(256, dtype="<u4") << np.uint32(8 * place) for place in range(4)]
    for _ in range(4):
        states = [step[state & 0xFF] ^ (state >> 8) for state in states]
    return tuple(state.astype("<u4") for state in states)


@cache
def _byte_table() -> tuple[int, ...]:
    """Register after one byte, by the lowest byte of what it was."""
    table = []
    for byte in range(256):
        register = byte
        for _ in range(8):
            register = register >> 1 ^ (_POLYNOMIAL if register & 1 else 0)
        table.append(register)
    return tuple(table)
