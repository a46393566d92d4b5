"""Varints, protobuf fields and LevelDB tables: what was written is read, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.engines.tensorbundle.malformed import Malformed
from dubwright.engines.tensorbundle.protobuf import Field, fields, varint
from dubwright.engines.tensorbundle.table import KEY_BYTES, entries
from tests.engines import bundle_writer as writer
from tests.engines.bundle_writer import Fixed32, Table

FOOTER = 48


def read(data: bytes) -> dict[bytes, bytes]:
    return {key: bytes(value) for key, value in entries(memoryview(data))}


@given(st.integers(0, 2**64 - 1), st.binary(max_size=3))
def test_a_varint_ends_where_it_ends(value: int, after: bytes) -> None:
    raw = writer.number(value)
    assert varint(memoryview(b"x" + raw + after), 1) == (value, 1 + len(raw))
    for cut in range(len(raw)):
        with pytest.raises(Malformed, match="no end"):
            varint(memoryview(raw[:cut]), 0)


@pytest.mark.parametrize("raw", [b"\x80" * 9 + b"\x02", b"\xff" * 9 + b"\x7f"])
def test_a_varint_has_64_bits(raw: bytes) -> None:
    with pytest.raises(Malformed, match="64 bits"):
        varint(memoryview(raw), 0)
    with pytest.raises(Malformed, match="no end"):
        varint(memoryview(b"\x80" * 10 + b"\x01"), 0)


NUMBERS = st.integers(1, 2**29 - 1)
VALUES = st.one_of(
    st.integers(0, 2**64 - 1), st.binary(max_size=40), st.integers(0, 2**32 - 1).map(Fixed32)
)


@given(st.lists(st.tuples(NUMBERS, VALUES), max_size=6))
def test_fields_come_back(written: list[tuple[int, int | bytes | Fixed32]]) -> None:
    got = list(fields(memoryview(writer.message(written))))
    assert [field.number for field in got] == [number for number, _ in written]
    for field, (_, value) in zip(got, written, strict=True):
        assert field.value == (value.value if isinstance(value, Fixed32) else value)


@given(st.binary(max_size=60))
def test_any_bytes_are_fields_or_malformed(data: bytes) -> None:
    try:
        got = list(fields(memoryview(data)))
    except Malformed:
        return
    assert all(0 < field.number < 2**29 for field in got)


@given(st.integers(-(2**63), 2**63 - 1))
def test_signed_numbers(value: int) -> None:
    (field,) = fields(memoryview(writer.message([(1, value)])))
    assert field.signed(64) == value
    if -(2**31) <= value < 2**31:
        assert field.signed(32) == value
    else:
        with pytest.raises(Malformed, match="32 bits"):
            field.signed(32)


def test_fields_of_another_kind_are_refused() -> None:
    text, fixed, whole = Field(1, 2, memoryview(b"a")), Field(2, 5, 7), Field(3, 0, 7)
    for call in (text.fixed32, whole.fixed32, fixed.message, whole.message):
        with pytest.raises(Malformed):
            call()
    for field in (text, fixed):
        with pytest.raises(Malformed):
            field.signed(32)
    assert (fixed.fixed32(), whole.signed(32), bytes(text.message())) == (7, 7, b"a")


@pytest.mark.parametrize(
    ("raw", "what"),
    [
        (writer.number(0), "number 0"),
        (writer.number(2**29 * 8), "number"),
        (writer.number(8 + 3), "wire type 3"),
        (writer.number(8 + 7), "wire type 7"),
        (writer.number(8 + 2) + writer.number(2**63), "longer"),
        (writer.number(8 + 1) + b"1234567", "longer"),
        (writer.number(8 + 5) + b"123", "longer"),
    ],
)
def test_bad_fields(raw: bytes, what: str) -> None:
    with pytest.raises(Malformed, match=what):
        list(fields(memoryview(raw)))


KEYS = st.binary(max_size=6).map(lambda key: b"layer/" * (len(key) % 3) + key)


@settings(max_examples=60)
@given(
    st.dictionaries(KEYS, st.binary(max_size=30), min_size=1, max_size=60),
    st.integers(20, 300),
    st.integers(1, 17),
)
def test_tables_of_any_blocks_come_back(
    pairs: dict[bytes, bytes], block_bytes: int, restart_every: int
) -> None:
    data = Table.of(pairs, block_bytes, restart_every).file()
    assert read(data) == pairs
    assert list(read(data)) == sorted(pairs)


PAIRS = {f"layer/{i:02d}".encode(): bytes([i]) * 9 for i in range(40)}


def test_a_table_is_of_several_blocks_and_shares_keys() -> None:
    table = Table.of(PAIRS, 200)
    assert len(table.blocks) == 3
    assert all(b"layer/" not in contents[10:] for _, contents in table.blocks)
    assert read(table.file()) == PAIRS


def of_one(contents: bytes, kind: int = 0) -> bytes:
    """A table whose one block of data is ``contents``."""
    data = Table(((b"z", contents),)).file()
    return writer.sealed(contents, kind) + data[len(contents) + 5 :]


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b"", "too short"),
        (b"\0" * FOOTER, "last bytes"),
        (Table.of(PAIRS, 200).file()[:-1], "last bytes"),
        (Table.of(PAIRS, 200).file()[200:], "does not lie|checksum"),
        (b"\x80" * 40 + bytes.fromhex("57fb808b247547db"), "no end"),
        (of_one(writer.block([(b"b", b""), (b"a", b"")])), "order"),
        (of_one(writer.block([(b"a", b""), (b"a", b"")])), "order"),
        (of_one(writer.block([(b"a", b"")]), kind=1), "compressed"),
        (of_one(b"\0\0\0"), "too short"),
        (of_one(b"\0" * 4), "no room"),
        (of_one(b"\0" * 4 + b"\xff" * 4), "no room"),
        (of_one(b"\1\1\0a" + bytes(4) + b"\1\0\0\0"), "shares more"),
        (of_one(b"\0\1\0a\2\1\0a" + bytes(4) + b"\1\0\0\0"), "shares more"),
        (of_one(b"\0\x7f\0a" + bytes(4) + b"\1\0\0\0"), "longer than its block"),
        (of_one(b"\0\1\x7fa" + bytes(4) + b"\1\0\0\0"), "longer than its block"),
        (of_one(b"\0\1\0a\0\1" + bytes(4) + b"\1\0\0\0"), "longer than its block"),
        (of_one(b"\0\1\0a\0\1\0b\1\0\0\0" + b"\1\0\0\0"), "restarts"),
        (of_one(writer.block([(b"a" * (KEY_BYTES + 1), b"")])), "bytes"),
    ],
)
def test_bad_tables(data: bytes, what: str) -> None:
    with pytest.raises(Malformed, match=what):
        read(data)


def test_blocks_may_not_be_told_twice() -> None:
    out, _ = Table.of(PAIRS, 200).index_block()
    size = len(Table.of(PAIRS, 200).blocks[0][1])
    handle = writer.number(0) + writer.number(size)
    twice = writer.block([(b"a", handle), (b"b", handle)], restart_every=1)
    with pytest.raises(Malformed, match="overlap"):
        read(Table.of(PAIRS, 200).file(index=twice))
    beyond = writer.block([(b"a", writer.number(2**63) + writer.number(2**63))])
    with pytest.raises(Malformed, match="does not lie"):
        read(Table.of(PAIRS, 200).file(index=beyond))
    assert len(out) > size
