"""Which files a separation takes from what was given, and where their stems go."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from dubwright.studio.stems.record import StemsRecord, write_record
from dubwright.studio.stems.sources import Source, find, folders
from dubwright_kit import Problem

NAMES = ["vocals.wav", "background.wav"]
RECORD = StemsRecord("", 1, 1, "builtin", "builtin", "1", "wav")


def touch(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")


def found(root: Path, out: Path, *given: Path | str) -> list[str]:
    sources = find(list(given) or [root], out)
    return [str(one.path.relative_to(root)) for one in sources.files]


def places(out: Path, *sources: Source) -> list[str]:
    return [str(place.relative_to(out)) for place in folders(sources, out, NAMES).values()]


def code_of(*given: Path | str, out: Path) -> str:
    with pytest.raises(Problem) as caught:
        find(list(given), out)
    assert caught.value.next_action is not None
    assert caught.value.next_action.verb == "separate"
    return caught.value.code


def test_a_folder_is_searched_for_media(tmp_path: Path) -> None:
    touch(tmp_path, "b.wav", "a.MP4", "notes.txt", ".hidden.wav", "deep/c.flac", ".hid/d.wav")
    assert found(tmp_path, tmp_path / "out") == ["a.MP4", "b.wav", "deep/c.flac"]
    sources = find([tmp_path], tmp_path / "out")
    assert [one.path.name for one in sources.skipped] == ["notes.txt"]
    assert sources.batch
    assert str(sources.files[2].inside) == "deep"


def test_what_lies_in_out_is_no_source(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "out/a/vocals.wav", "out/loose.wav")
    assert found(tmp_path, tmp_path / "out") == ["a.wav"]
    (tmp_path / "link").symlink_to(tmp_path / "out")
    assert found(tmp_path, tmp_path / "link") == ["a.wav"]


def test_out_may_be_the_folder_itself_or_one_above(tmp_path: Path) -> None:
    touch(tmp_path, "in/a.wav", "in/a/vocals.wav", "in/b/mine.wav")
    write_record(tmp_path / "in" / "a", RECORD)
    for out in (tmp_path, tmp_path / "in"):
        assert found(tmp_path, out, tmp_path / "in") == ["in/a.wav", "in/b/mine.wav"]


def test_the_same_file_given_twice_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.wav", "b.wav")
    (tmp_path / "link.wav").symlink_to(tmp_path / "a.wav")
    monkeypatch.chdir(tmp_path)
    twice = find(["a.wav", tmp_path / "a.wav", "link.wav"], tmp_path / "out")
    assert [one.path.name for one in twice.files] == ["a.wav"]
    assert not twice.batch
    both = find([tmp_path, "a.wav"], tmp_path / "out")
    assert [(one.path.name, one.named) for one in both.files] == [("a.wav", True), ("b.wav", False)]


def test_patterns_where_no_shell_resolves_them(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav", "b.wav", "c.mp4", "odd[1].wav")
    assert found(tmp_path, tmp_path / "o", tmp_path / "?.wav") == ["a.wav", "b.wav"]
    assert found(tmp_path, tmp_path / "o", tmp_path / "odd[1].wav") == ["odd[1].wav"]
    assert not find([tmp_path / "*.mp4"], tmp_path / "o").batch
    assert code_of(tmp_path / "*.avi", out=tmp_path / "o") == "nothing-to-separate"


def test_nothing_to_separate(tmp_path: Path) -> None:
    touch(tmp_path, "in/notes.txt")
    assert code_of(out=tmp_path) == "nothing-to-separate"
    assert code_of(tmp_path / "in", out=tmp_path / "o") == "nothing-to-separate"


def test_a_file_that_is_not_there_is_told_when_it_is_its_turn(tmp_path: Path) -> None:
    touch(tmp_path, "a.wav")
    sources = find([tmp_path / "gone.wav", tmp_path / "a.wav"], tmp_path / "o")
    assert [one.path.name for one in sources.files] == ["gone.wav", "a.wav"]


def test_folders_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "in/a.wav", "in/locked/b.wav")
    real = os.scandir

    def refusing(locked: str) -> None:
        def scandir(path: str) -> object:
            if os.fspath(path) == str(tmp_path / locked):
                raise PermissionError(13, "Permission denied", os.fspath(path))
            return real(path)

        monkeypatch.setattr(os, "scandir", scandir)

    refusing("in")
    assert code_of(tmp_path / "in", out=tmp_path / "o") == "folder-unreadable"
    refusing("in/locked")
    sources = find([tmp_path / "in"], tmp_path / "o")
    assert [one.path.name for one in sources.files] == ["a.wav"]
    assert [(one.path.name, one.why) for one in sources.skipped] == [
        ("locked", "a folder that cannot be read")
    ]


def test_every_source_has_a_folder_of_its_own(tmp_path: Path) -> None:
    out, here = tmp_path / "out", tmp_path / "in"
    a, b = Source(here / "a.mp4"), Source(here / "b.wav")
    assert places(out, a, b) == ["a", "b"]
    assert places(out, a, Source(here / "a.mkv")) == ["a.mp4", "a.mkv"]
    assert places(out, a, Source(here / "A.wav")) == ["a.mp4", "A.wav"], "one folder on some disks"
    other = Source(tmp_path / "else" / "a.mp4")
    assert places(out, a, other) == ["a.mp4", "a.mp4 (2)"]
    assert places(out, replace(a, inside=Path("deep")), other) == ["deep/a", "a"]
    assert places(out, Source(here / "song"), Source(here / "song.wav")) == ["song", "song.wav"]
    assert places(out, Source(here / "Mr. .wav")) == ["Mr"]


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """OUT may be where the sources lie: "a.flac" is taken there, by the source itself."""
    touch(tmp_path, "a.flac", "a.wav", "b.flac", "b")
    a, other, b = (Source(tmp_path / name) for name in ("a.flac", "a.wav", "b.flac"))
    assert places(tmp_path, a, other, b) == ["a.flac (2)", "a.wav (2)", "b.flac (2)"]
    assert places(tmp_path / "out", a, other, b) == ["a.flac", "a.wav", "b"]


def test_a_batch_that_grew_keeps_its_folders(tmp_path: Path) -> None:
    out = tmp_path / "out"
    touch(tmp_path, "in/a.mp4", "in/a.mkv")
    first, second = Source(tmp_path / "in/a.mp4"), Source(tmp_path / "in/a.mkv")
    (out / "a").mkdir(parents=True)
    write_record(out / "a", replace(RECORD, source=str(first.path)))
    assert places(out, first, second) == ["a", "a.mkv"]
    assert places(out, second, first) == ["a", "a.mkv"]


def test_nobodys_files_are_written_over(tmp_path: Path) -> None:
    out, other = tmp_path / "out", tmp_path / "in" / "a.wav"
    mine = Source(tmp_path / "new" / "a.wav")
    touch(tmp_path, "in/a.wav", "out/a/vocals.wav")
    assert places(out, mine) == ["a.wav"], "stems without a record may be anything"
    write_record(out / "a", replace(RECORD, source=str(other)))
    assert places(out, mine) == ["a.wav"], "they are of another file"
    other.unlink()
    assert places(out, mine) == ["a"], "that file was moved, or is gone"
