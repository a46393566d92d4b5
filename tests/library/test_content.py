from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

import pytest

from dubwright.library import Library
from dubwright.library.content import BLOCK_BYTES, check_source, fingerprint, hash_file
from dubwright.library.model import Item
from dubwright_kit import Cancelled, Problem


def test_hashing_reports_bytes(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    data = os.urandom(BLOCK_BYTES + 17)
    path.write_bytes(data)
    seen: list[tuple[float, float | None]] = []
    digest = hash_file(path, lambda done, total=None, note="": seen.append((done, total)))
    assert digest == hashlib.sha256(data).hexdigest()
    assert seen == [(BLOCK_BYTES, len(data)), (len(data), len(data))]
    assert fingerprint(path).size_bytes == len(data)


def test_hashing_can_be_stopped(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"x")

    def stop(done: float, total: float | None = None, note: str = "") -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        hash_file(path, stop)


def test_a_file_that_still_grows(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"x" * 100)

    def grow(done: float, total: float | None = None, note: str = "") -> None:
        if done == 100:
            with path.open("ab") as file:
                file.write(b"more")

    with pytest.raises(Problem) as caught:
        hash_file(path, grow)
    assert caught.value.code == "file-growing"


def test_missing_and_unreadable(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        hash_file(tmp_path / "none.mp4")
    assert caught.value.code == "file-missing"
    with pytest.raises(Problem) as caught:
        hash_file(tmp_path)
    assert caught.value.code == "file-unreadable"


def test_a_source_is_checked(library: Library, film: Item) -> None:
    assert check_source(film) == film
    os.utime(film.source, ns=(5, 5))
    assert check_source(film).mtime_ns == film.source.stat().st_mtime_ns
    film.source.write_bytes(b"mlif")  # the same size, other content
    os.utime(film.source, ns=(7, 7))  # and surely another time: clocks of files are coarse
    with pytest.raises(Problem) as caught:
        check_source(film)
    assert caught.value.code == "source-changed"
    assert "other content" in caught.value.message
    film.source.write_bytes(b"another film")
    with pytest.raises(Problem, match="it had 4 bytes, now it has 12"):
        check_source(film)
    film.source.unlink()
    with pytest.raises(Problem) as caught:
        check_source(film)
    assert caught.value.code == "source-missing"
    assert caught.value.next_action is not None
    assert caught.value.next_action.args == {"_": [str(film.source)]}


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="needs permissions")
def test_without_permission(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    path.write_bytes(b"x")
    path.chmod(0)
    with pytest.raises(Problem) as caught:
        hash_file(path)
    assert caught.value.code == "file-unreadable"
