"""The files that a folder or zip has, as one list; nothing is read or written until it is asked for."""

from __future__ import annotations

import hashlib
import os
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dubwright.packs.installing.archive import Tick, UnsafeError, check_zip_members, unsafe
from dubwright.packs.installing.member_names import plain
from dubwright_kit import NextAction, Problem

_FILES = 100_000
_DEPTH = 12
_PIECE_BYTES = 1 << 20
_RATIO = 200
_RATIO_FROM_BYTES = 64 << 20
ARCHIVES = (".tar.gz", ".tgz")
_ALONE = (".whl", *ARCHIVES)


@dataclass(frozen=True)
class SupplyFile:
    """One file; ``path`` is where it lies in the supply, with slashes."""

    path: str
    size_bytes: int
    here: Path | None
    """Where it can be read as it is; None for a file inside a zip."""
    open: Callable[[], IO[bytes]]

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def sha256(self, tick: Tick) -> str:
        """The hash. Raises Problem ``pack-archive-damaged`` and what ``tick`` raises."""
        digest = hashlib.sha256()
        for piece in self._pieces(tick):
            digest.update(piece)
        return digest.hexdigest()

    def write(self, target: Path, tick: Tick) -> None:
        """Copy it to ``target``. Raises as :meth:`sha256`; a part is not left."""
        try:
            with target.open("xb") as out:
                for piece in self._pieces(tick):
                    out.write(piece)
        except BaseException:
            target.unlink(missing_ok=True)
            raise

    def _pieces(self, tick: Tick) -> Iterator[bytes]:
        try:
            with self.open() as file:
                while piece := file.read(_PIECE_BYTES):
                    tick()
                    yield piece
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
            raise Problem(
                "pack-archive-damaged",
                f"{self.name} cannot be read: the zip that it is in is damaged or cut off.",
                NextAction("get the zip again, then see the packs", "packs"),
                f"{self.path}: {error}",
            ) from error


def files_at(path: Path) -> tuple[list[SupplyFile], zipfile.ZipFile | None]:
    """Every file of a folder and its folders, or of a zip and the zip itself; for a wheel or an
    archive of weights that one. The zip is open and has to be closed after the last use.

    Links to folders are not followed. Raises Problem ``pack-supply-unusable`` and
    ``pack-archive-unsafe``.
    """
    if path.is_dir():
        found = list(_of_folder(path))
        if not found:
            raise _unusable(f"The folder {path} has no files that can be read.")
        return found, None
    if not path.is_file():
        raise _unusable(f"There is no folder and no file {path}.")
    alone = SupplyFile(path.name, path.stat().st_size, path, lambda: path.open("rb"))
    if path.name.lower().endswith(_ALONE):
        return [alone], None
    archive, members = _of_zip(path)
    return [alone, *members], archive


def _of_folder(path: Path) -> Iterator[SupplyFile]:
    count = 0
    for root, folders, names in os.walk(path):
        folder = Path(root)
        if len(folder.relative_to(path).parts) >= _DEPTH:
            folders.clear()
        folders.sort()
        for name in sorted(names):
            file = folder / name
            if not file.is_file():
                continue
            count += 1
            if count > _FILES:
                raise _unusable(
                    f"The folder {path} has more than {_FILES:,} files: put those of the pack into "
                    "a folder of their own."
                )
            yield SupplyFile(
                file.relative_to(path).as_posix(), file.stat().st_size, file, _opener(file)
            )


def _opener(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: path.open("rb")


def _of_zip(path: Path) -> tuple[zipfile.ZipFile, list[SupplyFile]]:
    try:
        archive = zipfile.ZipFile(path)
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError) as error:
        raise _unusable(f"{path} is neither a folder nor a zip that can be read.") from error
    try:
        members = check_zip_members(archive)
        for one in members:
            if one.file_size > max(_RATIO_FROM_BYTES, _RATIO * one.compress_size):
                raise UnsafeError(one.filename, f"it unpacks to over {_RATIO} times its size")
        if not members:
            raise _unusable(f"The zip {path} has no files.")
    except UnsafeError as error:
        archive.close()
        raise unsafe(path, error) from error
    except Problem:
        archive.close()
        raise
    return archive, [
        SupplyFile(plain(one.filename), one.file_size, None, _member(archive, one))
        for one in members
    ]


def _member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[], IO[bytes]]:
    return lambda: archive.open(info)


def _unusable(message: str) -> Problem:
    return Problem(
        "pack-supply-unusable",
        message,
        NextAction("see which files the packs need", "packs plan"),
    )
