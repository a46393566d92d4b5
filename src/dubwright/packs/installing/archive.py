"""Unpacking an archive that came from outside: everything it could do but hold plain files is refused."""

from __future__ import annotations

import contextlib
import errno
import gzip
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import IO, Literal

from dubwright.packs.installing.member_names import Taken, plain, refusal
from dubwright.packs.installing.tar_stream import READ_BYTES, BombError, ForwardStream
from dubwright_kit import NextAction, Problem

Kind = Literal["tar.gz", "zip"]
Tick = Callable[[], None]
"""Called at least every quarter of a MiB; what it raises stops the work."""

_MEMBERS = 20_000
_RATIO = 200
"""More bytes out than this for each byte in are no weights: deflate reaches 1,032 on zeros."""
_RATIO_FROM_BYTES = 64 << 20
_PACKINGS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_ENCRYPTED = 0x1
_DAMAGE = (
    EOFError,
    ValueError,
    OverflowError,
    NotImplementedError,
    struct.error,
    RecursionError,
    zlib.error,
    gzip.BadGzipFile,
    tarfile.TarError,
    zipfile.BadZipFile,
)
"""What the standard library raises for archives that are not what they say."""


class UnsafeError(Exception):
    """A member that is refused, and why."""

    def __init__(self, member: str, why: str) -> None:
        super().__init__(f"{member!r}: {why}")
        self.member = member
        self.why = why


class _DamagedError(Exception):
    """Reading failed; the member it happened in, "" for the archive as a whole."""

    def __init__(self, member: str, cause: Exception | str) -> None:
        super().__init__(f"{member}: {cause}" if member else str(cause))
        self.member = member


def unpack(
    archive: Path, folder: Path, kind: Kind, *, limit_bytes: int, tick: Tick
) -> tuple[str, ...]:
    """Write the files of ``archive`` into ``folder`` (made, or empty); return their names, sorted.

    Names have slashes and are relative to ``folder``. Only plain files and folders are taken, no
    mode bits, no owners, no times. ``limit_bytes`` bounds what is written in all.

    When it fails, what it wrote is gone. Raises Problem ``pack-archive-unsafe`` (absolute or ".."
    paths, drives, links, devices, names that are one on another system, bombs) and
    ``pack-archive-damaged``, both naming the archive and the member; ValueError for a folder that
    holds something; OSError of the disk; and what ``tick`` raises.
    """
    made = not folder.exists()
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise ValueError(f"{folder} is not empty")
    try:
        return _unpack(archive, folder, kind, limit_bytes, tick)
    except BaseException as error:
        _clear(folder, made)
        if isinstance(error, UnsafeError):
            raise unsafe(archive, error) from error
        if isinstance(error, _DamagedError):
            raise _damaged(archive, error) from error
        raise


def unsafe(archive: Path, error: UnsafeError) -> Problem:
    """The Problem for a member that must not be unpacked."""
    return Problem(
        "pack-archive-unsafe",
        f"{archive.name} was not unpacked: {error.member!r} in it is not safe to write "
        f"({error.why}).",
        NextAction("get the file from its publisher again, then see the packs", "packs"),
        str(archive),
    )


def _damaged(archive: Path, error: _DamagedError) -> Problem:
    where = f" in {error.member!r}" if error.member else ""
    return Problem(
        "pack-archive-damaged",
        f"{archive.name} cannot be unpacked: it is damaged or cut off{where}.",
        NextAction("get the file again, then see the packs", "packs"),
        f"{archive}: {error}",
    )


def check_zip_members(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the files of an open zip, in its order. Raises UnsafeError when one must not be unpacked."""
    taken, found = Taken(), []
    for number, info in enumerate(archive.infolist()):
        is_folder = info.filename.endswith("/")
        # Two names: as the archive says it, and as the library reads it (a field of its own may
        # give another).
        why = refusal(info.orig_filename)
        if why:
            raise UnsafeError(info.orig_filename, why)
        _check_name(info.filename, is_folder, taken, number)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UnsafeError(info.orig_filename, "it is a link or a device")
        if info.flag_bits & _ENCRYPTED:
            raise UnsafeError(info.orig_filename, "it is encrypted")
        if info.compress_type not in _PACKINGS:
            raise UnsafeError(info.orig_filename, f"it is packed by method {info.compress_type}")
        if not is_folder:
            found.append(info)
    return found


def _unpack(
    archive: Path, folder: Path, kind: Kind, limit_bytes: int, tick: Tick
) -> tuple[str, ...]:
    budget = _Budget(limit_bytes, archive.stat().st_size)
    members = _tar_members(archive, budget, tick) if kind == "tar.gz" else _zip_members(archive)
    names = []
    with contextlib.closing(members):
        for name, size_bytes, stream in members:
            tick()
            target = folder.joinpath(*name.split("/"))
            target.parent.mkdir(parents=True, exist_ok=True)
            budget.declare(name, size_bytes)
            _copy(name, stream, target, size_bytes, budget, tick)
            names.append(name)
    if not names:
        raise _DamagedError("", "there is no file in it")
    return tuple(sorted(names))


class _Budget:
    """What may still be written."""

    def __init__(self, limit_bytes: int, archive_bytes: int) -> None:
        self._limit = limit_bytes
        self._expansion = max(_RATIO_FROM_BYTES, _RATIO * archive_bytes)
        self._written = 0

    @property
    def stream_bytes(self) -> int:
        """How long the unpacked stream of a tar may be: its files, and a header for each."""
        return min(self._limit, self._expansion) + _MEMBERS * 4 * 512

    def declare(self, member: str, size_bytes: int) -> None:
        self._check(member, self._written + size_bytes)

    def spend(self, member: str, size_bytes: int) -> None:
        self._written += size_bytes
        self._check(member, self._written)

    def _check(self, member: str, total: int) -> None:
        if total > self._limit:
            raise UnsafeError(member, f"the files would take more than {self._limit:,} B")
        if total > self._expansion:
            raise UnsafeError(member, f"it unpacks to more than {_RATIO} times its size")


_Member = tuple[str, int, IO[bytes]]


def _zip_members(archive: Path) -> Generator[_Member, None, None]:
    with _reading(""):
        opened = zipfile.ZipFile(archive)
    with opened:
        for info in check_zip_members(opened):
            with _reading(info.filename):
                stream = opened.open(info)
            with stream:
                yield plain(info.filename), info.file_size, stream


def _tar_members(archive: Path, budget: _Budget, tick: Tick) -> Generator[_Member, None, None]:
    taken = Taken()
    with archive.open("rb") as raw, gzip.GzipFile(fileobj=raw) as unzipped:
        stream = ForwardStream(unzipped, budget.stream_bytes, tick)
        with _reading(""):
            opened = tarfile.TarFile(fileobj=stream, mode="r")
        number, name = 0, ""
        while True:
            with _reading(name):
                member = opened.next()
            if member is None:
                break
            name, number = member.name, number + 1
            _check_name(name, member.isdir(), taken, number)
            if not member.isdir():
                if not member.isreg() or member.issparse():
                    raise UnsafeError(name, "it is a link, a device or a sparse file")
                if member.size < 0:
                    raise _DamagedError(name, "its size is negative")
                with _reading(name):
                    content = opened.extractfile(member)
                if content is None:
                    raise _DamagedError(name, "it has no content")
                yield plain(name), member.size, content
        with _reading(""):
            stream.finish()


def _check_name(name: str, is_folder: bool, taken: Taken, number: int) -> None:
    if number > _MEMBERS:
        raise UnsafeError(name, f"there are more than {_MEMBERS:,} members")
    why = refusal(name)
    path = plain(name)
    if not why and not path and not is_folder:
        why = "it has no name"
    if not why and path:
        why = taken.refusal(path, is_folder)
    if why:
        raise UnsafeError(name, why)


def _copy(
    name: str, stream: IO[bytes], target: Path, size_bytes: int, budget: _Budget, tick: Tick
) -> None:
    """Write one member, never over something that is there."""
    written = 0
    with target.open("xb") as out:
        while True:
            with _reading(name):
                piece = stream.read(READ_BYTES)
            if not piece:
                break
            budget.spend(name, len(piece))
            out.write(piece)
            written += len(piece)
            tick()
    if written != size_bytes:
        raise _DamagedError(name, f"{written:,} B instead of {size_bytes:,}")


@contextlib.contextmanager
def _reading(member: str) -> Iterator[None]:
    """What goes wrong inside is the archive's fault; a plain OSError is the disk's."""
    try:
        yield
    except BombError as error:
        raise UnsafeError(member, str(error)) from error
    except _DAMAGE as error:
        raise _DamagedError(member, error) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # a position before the start of the file
            raise
        raise _DamagedError(member, error) from error


def _clear(folder: Path, made: bool) -> None:
    if made:
        shutil.rmtree(folder, ignore_errors=True)
        return
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
