"""Files by their content: found only while they are what was verified."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from dubwright.packs.fetch.parts import Source
from dubwright.packs.fetch.store import NotTheFileError, Store

DATA = b"some bytes" * 1000
SHA256 = hashlib.sha256(DATA).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "downloads")


@pytest.fixture
def supplied(tmp_path: Path) -> Path:
    path = tmp_path / "from a friend.whl"
    path.write_bytes(DATA)
    return path


def test_a_supplied_file_is_found_by_its_hash(store: Store, supplied: Path) -> None:
    path, sha256 = store.add_file(supplied, name="a.whl")
    assert (path, sha256) == (store.root / "files" / SHA256[:2] / SHA256 / "a.whl", SHA256)
    assert store.find(SHA256, "a.whl") == path
    assert store.find("b" * 64, "a.whl") is None
    assert store.sizes() == {SHA256: len(DATA)}
    assert store.verified_bytes == len(DATA)
    assert store.add_file(supplied, SHA256, "a.whl") == (path, SHA256)
    assert supplied.exists()
    assert list((store.root / "parts").iterdir()) == []


def test_a_supplied_file_that_is_another_is_not_kept(store: Store, supplied: Path) -> None:
    with pytest.raises(NotTheFileError) as caught:
        store.add_file(supplied, "b" * 64)
    assert caught.value.sha256 == SHA256
    assert str(supplied) in str(caught.value)
    assert store.sizes() == {}
    assert list((store.root / "parts").iterdir()) == []


def test_adding_can_be_stopped(store: Store, supplied: Path) -> None:
    def check() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        store.add_file(supplied, check=check)
    assert list((store.root / "parts").iterdir()) == []


def test_a_damaged_file_is_deleted(store: Store, supplied: Path) -> None:
    path, _ = store.add_file(supplied)
    path.write_bytes(b"x" + DATA[1:])
    os.utime(path, (1, 1))
    assert store.find(SHA256, path.name) is None
    assert not path.exists()
    assert store.sizes() == {}


def test_a_touched_file_is_hashed_again_and_good(store: Store, supplied: Path) -> None:
    path, _ = store.add_file(supplied)
    os.utime(path, (1, 1))
    hashed = []
    assert store.find(SHA256, path.name, lambda: hashed.append(1)) == path
    assert store.find(SHA256, path.name, lambda: hashed.append(1)) == path
    assert hashed == [1]


def test_distrust_finds_damage_that_left_size_and_time(store: Store, supplied: Path) -> None:
    path, _ = store.add_file(supplied)
    stat = path.stat()
    path.write_bytes(b"x" + DATA[1:])
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert store.find(SHA256, path.name) == path
    store.distrust(SHA256)
    assert store.find(SHA256, path.name) is None


def test_another_name_of_the_same_content(store: Store, supplied: Path) -> None:
    store.add_file(supplied, name="one.whl")
    path = store.find(SHA256, "two.whl")
    assert path is not None
    assert path.read_bytes() == DATA
    assert store.verified_bytes == len(DATA), "it is one file"


def test_prune_frees_what_nobody_needs_but_nothing_in_use(store: Store, supplied: Path) -> None:
    kept, _ = store.add_file(supplied)
    other = supplied.with_name("other")
    other.write_bytes(b"other bytes")
    gone, _ = store.add_file(other)
    for key, size in (("c" * 64, 5), ("d" * 64, 7)):
        part = store.part(key)
        assert part.take()
        part.open(lambda: None)
        part.write(b"x" * size)
        if size == 5:
            part.close()
    assert store.prune({SHA256}) == len(b"other bytes") + 5
    assert kept.exists()
    assert not gone.parent.exists()
    assert store.part_sizes() == {"d" * 64: 7}, "that one is being written"
    part.close()
    assert store.prune(set()) == len(DATA) + 7
    assert store.sizes() == {}
    assert list((store.root / "parts").iterdir()) == []


def test_pruning_an_empty_store(store: Store) -> None:
    assert store.prune(set()) == 0
    assert not store.root.exists()


def test_only_who_holds_a_part_deletes_it(store: Store) -> None:
    key = "a" * 64
    ours, theirs = store.part(key), store.part(key)
    assert ours.take()
    ours.open(lambda: None)
    ours.begin(Source("somewhere"))
    ours.write(b"half")
    assert not theirs.take()
    theirs.drop()
    assert ours.path.exists()
    ours.drop()
    assert not ours.path.exists()
    ours.close()
