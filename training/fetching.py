"""Debian packages, downloaded and unpacked without being installed: only their sound and their texts.

A package ends in ``<data>/packages/<package>/`` with the paths that it would install. What lies in
an archive inside (a game's zip file, its lumps of sound) is unpacked beside it, as
``<archive>!/<member>``. A package that is there is not fetched again.
"""

from __future__ import annotations

import shutil
import subprocess
import tarfile
import tempfile
import wave
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

SOUND = frozenset(
    {".ogg", ".oga", ".opus", ".wav", ".flac", ".mp3", ".g722", ".raw", ".au", ".aiff", ".wv"}
)
ZIPPED = frozenset({".zip", ".pk3", ".ocg", ".ocd"})
TEXTS = ("copyright", "license", "licence", "credits", "readme", "attribution", "authors")
_VERSION = "VERSION"


class FetchingError(Exception):
    """A package could not be had; its text says why and what helps."""


def fetch(package: str, data: Path) -> Path:
    """The folder of an unpacked package, downloaded when it is not there.

    Raises :class:`FetchingError` when the archive does not give it (the index may be old: run
    ``apt-get update``), and ``ValueError`` for a member that would lie outside.
    """
    folder = data / "packages" / package
    if (folder / _VERSION).exists():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{package}-") as name:
        work = Path(name)
        archive = _download(package, work)
        unpacked = work / "unpacked"
        unpack(archive, unpacked)
        # The name ends in version and architecture; a colon in it is written as %3a.
        version = archive.stem.split("_")[1].replace("%3a", ":")
        (unpacked / _VERSION).write_text(version + "\n", "utf-8")
        shutil.rmtree(folder, ignore_errors=True)
        unpacked.rename(folder)
    return folder


def version_of(folder: Path) -> str:
    """Which version of a package was unpacked there."""
    return (folder / _VERSION).read_text("utf-8").strip()


def _download(package: str, work: Path) -> Path:
    done = subprocess.run(
        ["apt-get", "download", "-q", "-o", "APT::Sandbox::User=root", package],
        cwd=work,
        capture_output=True,
        text=True,
        check=False,
    )
    found = sorted(work.glob("*.deb"))
    if done.returncode or not found:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise FetchingError(
            f"The package {package} could not be downloaded: {last}. "
            "Run apt-get update and try again."
        )
    return found[0]


def unpack(archive: Path, into: Path) -> None:
    """Unpack sound, texts on licences and archives of sound of a Debian package.

    Raises as :func:`take_from` does, and :class:`FetchingError` for a broken package.
    """
    with subprocess.Popen(
        ["dpkg-deb", "--fsys-tarfile", str(archive)],
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        take_from(process.stdout, into)
    if process.returncode:
        raise FetchingError(f"{archive.name} could not be unpacked. Remove it and try again.")


def take_from(stream: IO[bytes], into: Path) -> None:
    """Take what is wanted from a tar archive.

    Raises ``ValueError`` for a member that would lie outside ``into``.
    """
    into.mkdir(parents=True, exist_ok=True)
    with tarfile.open(fileobj=stream, mode="r|") as tar:
        for member in tar:
            content = tar.extractfile(member) if member.isfile() else None
            if content is not None and _is_wanted(member.name):
                _take(content, _inside(into, member.name))


def _is_wanted(name: str) -> bool:
    path = PurePosixPath(name.lower())
    return path.suffix in SOUND | ZIPPED | {".wad", ".cat"} or path.stem.startswith(TEXTS)


def _inside(folder: Path, name: str) -> Path:
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise ValueError(f"{name} would lie outside its package")
    return path


def _take(content: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        shutil.copyfileobj(content, file)
    suffix = path.suffix.lower()
    if suffix not in ZIPPED | {".wad", ".cat"}:
        return
    members = _zipped(path) if suffix in ZIPPED else _wad(path) if suffix == ".wad" else _cat(path)
    beside = path.with_name(path.name + "!")
    for name, piece in members:
        target = _inside(beside, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(piece)
    path.unlink()


def _zipped(path: Path) -> Iterator[tuple[str, bytes]]:
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if not name.endswith("/") and _is_wanted(name):
                yield name, archive.read(name)


def _wad(path: Path) -> Iterator[tuple[str, bytes]]:
    """The sounds of a Doom WAD: lumps DS..., a head of 8 bytes, 8-bit samples."""
    data = path.read_bytes()
    count, directory = (int.from_bytes(data[at : at + 4], "little") for at in (4, 8))
    for at in range(directory, directory + 16 * count, 16):
        start, size = (int.from_bytes(data[at + i : at + i + 4], "little") for i in (0, 4))
        name = data[at + 8 : at + 16].rstrip(b"\0").decode("ascii", "replace")
        if not name.startswith("DS") or data[start : start + 2] != b"\3\0":
            continue
        rate = int.from_bytes(data[start + 2 : start + 4], "little")
        # Sixteen samples of padding at both ends.
        yield f"{name}.wav", _as_wav(data[start + 24 : start + size - 16], rate)


def _as_wav(samples: bytes, rate_hz: int) -> bytes:
    with tempfile.TemporaryFile() as file:
        with wave.open(file, "wb") as out:
            out.setnchannels(1)
            out.setsampwidth(1)
            out.setframerate(rate_hz)
            out.writeframes(samples)
        file.seek(0)
        return file.read()


def _cat(path: Path) -> Iterator[tuple[str, bytes]]:
    """The sounds of a Transport Tycoon catalogue: offsets and sizes, then a name and a WAV each."""
    data = path.read_bytes()
    first = int.from_bytes(data[:4], "little") & 0x7FFFFFFF
    for at in range(0, first, 8):
        start = int.from_bytes(data[at : at + 4], "little") & 0x7FFFFFFF
        size = int.from_bytes(data[at + 4 : at + 8], "little")
        body = start + 1 + data[start]
        if data[body : body + 4] == b"RIFF":
            yield f"{at // 8:03}.wav", data[body : body + size]
