"""CRC-32C against published values and against the checksum byte by byte."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubwright.engines.tensorbundle.crc32c import crc32c, masked
from tests.engines import bundle_writer

# RFC 3720, appendix B.4 (the values there are in the order of bytes on the wire)
RFC_3720 = [
    (bytes(32), 0x8A9136AA),
    (b"\xff" * 32, 0x62A8AB43),
    (bytes(range(32)), 0x46DD794E),
    (bytes(reversed(range(32))), 0x113FDB5C),
    (
        bytes.fromhex(
            "01c00000000000000000000000000000140000000000040000000014000000182800000000000000"
            "0200000000000000"
        ),
        0xD9963A56,
    ),
]


@pytest.mark.parametrize(("data", "value"), [*RFC_3720, (b"123456789", 0xE3069283), (b"", 0)])
def test_published_values(data: bytes, value: int) -> None:
    assert crc32c(data) == value


def test_masking_is_turned_and_shifted() -> None:
    # The checksum of an empty message is 0, which leaves the constant of the format.
    assert masked(0) == 0xA282EAD8
    assert masked(crc32c(b"foo")) == bundle_writer.masked_crc(b"foo") != crc32c(b"foo")


@given(st.binary(max_size=700), st.integers(0, 70))
def test_any_bytes_at_any_place(data: bytes, start: int) -> None:
    assert crc32c(memoryview(data)[start:]) == bundle_writer.crc(data[start:])


# Around a byte, a word, a grain, a power of two of words, a row, two rows.
EDGES = [1, 3, 4, 5, 63, 64, 65, 128, 4095, 4160, 16383, 16384, 16385, 16448, 32768, 40001, 81923]


@pytest.mark.parametrize("size", EDGES)
def test_sizes_around_the_edges(size: int) -> None:
    data = np.random.default_rng(size).bytes(size)
    assert crc32c(data) == bundle_writer.crc(data)


def test_a_message_of_many_rows_changes_with_any_bit() -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(0, 256, 1_000_003, dtype=np.uint8)
    whole = crc32c(data.data)
    assert whole == bundle_writer.crc(data.tobytes())
    for at in rng.integers(0, data.size, 40):
        data[at] ^= 1 << int(rng.integers(8))
        changed = crc32c(data.data)
        assert changed != whole
        whole = changed
