"""Hashes that were written down on first use."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.installing.pins import pin, pinned
from dubwright.packs.settings import change_settings, read_settings
from dubwright_kit import Problem
from tests.packs.test_models import weights

FREE = weights(b"", {}, sha256="", size_bytes=0)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.find(tmp_path / "home")


def test_the_first_file_is_the_one(home: Home) -> None:
    assert pinned(home, "p", FREE) == FREE
    pin(home, "p", FREE, "ab" * 32, 7)
    known = pinned(home, "p", FREE)
    assert (known.sha256, known.size_bytes) == ("ab" * 32, 7)
    assert pinned(home, "other", FREE) == FREE
    pin(home, "p", FREE, "ab" * 32, 7)
    with pytest.raises(Problem) as caught:
        pin(home, "p", FREE, "cd" * 32, 8)
    assert caught.value.code == "pack-hash-mismatch"
    assert "ab" * 32 in caught.value.detail
    assert caught.value.next_action is not None
    assert pinned(home, "p", FREE) == known
    assert json.loads(home.pack_settings.read_text())["pins"] == {
        "p/2stems.tar.gz": {"sha256": "ab" * 32, "size_bytes": 7}
    }


def test_what_has_a_hash_needs_no_pin(home: Home) -> None:
    own = weights(b"x", {})
    pin(home, "p", own, "ab" * 32, 7)
    assert not home.pack_settings.exists()
    assert pinned(home, "p", own) == own


def test_what_else_is_written_there_stays(home: Home) -> None:
    change_settings(home, lambda settings: settings.update({"python": {"p": "/usr/bin/python3"}}))
    pin(home, "p", FREE, "ab" * 32, 7)
    assert read_settings(home)["python"] == {"p": "/usr/bin/python3"}


def test_many_at_once(home: Home) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: pin(home, f"p{n}", FREE, f"{n:064x}", n), range(24)))
    assert len(read_settings(home)["pins"]) == 24


@pytest.mark.parametrize("text", ["{", "[]", "\xff"])
def test_a_broken_file_is_said(home: Home, text: str) -> None:
    home.pack_settings.parent.mkdir(parents=True)
    home.pack_settings.write_bytes(text.encode("latin-1"))
    for work in (lambda: pinned(home, "p", FREE), lambda: pin(home, "p", FREE, "ab" * 32, 7)):
        with pytest.raises(Problem) as caught:
            work()
        assert caught.value.code == "pack-settings-unreadable"
    assert home.pack_settings.read_bytes() == text.encode("latin-1")


def test_a_pin_that_makes_no_sense_is_none(home: Home) -> None:
    change_settings(home, lambda settings: settings.update({"pins": {"p/2stems.tar.gz": 3}}))
    assert pinned(home, "p", FREE) == FREE
    change_settings(home, lambda settings: settings.update({"pins": []}))
    pin(home, "p", FREE, "ab" * 32, 7)
    assert pinned(home, "p", FREE).size_bytes == 7
