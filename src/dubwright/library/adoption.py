"""Moving finished files from scratch to their public places, so that a crash leaves no half."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType

from .disk import disk_problem
from .rows import StoredFile

ASIDE_PREFIX = ".old-"


class Adoption:
    """One set of scratch paths on the way to their final ones.

    Used around the transaction that records it: leaving with an error puts back what was there.
    """

    def __init__(self, files: Mapping[Path, Path], item_folder: Path) -> None:
        """``files``: scratch file or folder to final path. Raises ``ValueError`` without any."""
        if not files:
            raise ValueError("nothing to adopt")
        self._moves = [(Path(scratch), Path(final)) for scratch, final in files.items()]
        self._item_folder = item_folder
        self._aside: list[tuple[Path, Path]] = []
        self._placed: list[tuple[Path, Path]] = []

    def __enter__(self) -> Adoption:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._undo()

    def sync(self) -> None:
        """Force the contents to disk. Raises the Problems of :func:`disk_problem`.

        A scratch path that does not exist is a bug of the stage: ``FileNotFoundError``.
        """
        for scratch, _ in self._moves:
            if not _files_under(scratch) or not scratch.exists():
                raise FileNotFoundError(f"{scratch} was to be adopted and is not there")
        try:
            for scratch, _ in self._moves:
                for path in _files_under(scratch):
                    sync_file(path)
                if scratch.is_dir():
                    for folder in (scratch, *(p for p in scratch.rglob("*") if p.is_dir())):
                        sync_folder(folder)
        except OSError as error:
            raise disk_problem(error, self._item_folder) from error

    def final_paths(self) -> Sequence[Path]:
        """Return the places that will be overwritten."""
        return [final for _, final in self._moves]

    def final_files(self) -> list[StoredFile]:
        """Return every file with its final path; size and time do not change by renaming."""
        found = []
        for scratch, final in self._moves:
            for path in _files_under(scratch):
                stat = path.stat()
                place = final / path.relative_to(scratch) if path != scratch else final
                found.append(StoredFile(place, stat.st_size, stat.st_mtime_ns))
        return found

    def rename(self, after_each: Callable[[], None]) -> None:
        """Put everything in place, under the write lock. Raises :func:`disk_problem`'s Problems."""
        try:
            self._discard_leftovers()
            for scratch, final in self._moves:
                final.parent.mkdir(parents=True, exist_ok=True)
                if final.is_dir() or (scratch.is_dir() and final.exists()):
                    # A folder cannot be replaced in one step anywhere; the old one waits aside.
                    aside = final.with_name(f"{ASIDE_PREFIX}{final.name}-{uuid.uuid4().hex[:8]}")
                    final.replace(aside)
                    self._aside.append((aside, final))
                elif final.exists():
                    self._keep_old(final)
                scratch.replace(final)
                self._placed.append((scratch, final))
                after_each()
            for folder in {final.parent for _, final in self._moves}:
                sync_folder(folder)
        except OSError as error:
            raise disk_problem(error, self._item_folder) from error

    def discard_old(self) -> None:
        """Delete what was replaced. What resists is left for the next adoption of its place."""
        for aside, _ in self._aside:
            _delete(aside)

    def _discard_leftovers(self) -> None:
        """Delete what a killed adoption left beside these places; only under the write lock."""
        for _, final in self._moves:
            for left in final.parent.glob(f"{ASIDE_PREFIX}{_escaped(final.name)}-????????"):
                _delete(left)

    def _keep_old(self, final: Path) -> None:
        aside = final.with_name(f"{ASIDE_PREFIX}{final.name}-{uuid.uuid4().hex[:8]}")
        try:
            os.link(final, aside)
        except OSError:
            return  # no hard links here: replacing stays atomic, only undoing is impossible
        self._aside.append((aside, final))

    def _undo(self) -> None:
        for scratch, final in reversed(self._placed):
            _move_back(final, scratch)
        for aside, final in reversed(self._aside):
            _move_back(aside, final)
            if final.exists() and aside.exists():  # two names of one file: renaming did nothing
                _delete(aside)


def sync_file(path: Path) -> None:
    """Force a file's contents to disk."""
    # Windows flushes only through a writable handle.
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Force a folder's entries to disk, where the system has a notion of that."""
    if sys.platform == "win32":
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def remove_folder(folder: Path, scratch: Path) -> int:
    """Delete a folder by way of ``scratch``; returns the bytes that its files had.

    Raises ``file-in-use``, ``not-writable``.
    """
    if not folder.exists():
        return 0
    size_bytes = sum(path.stat().st_size for path in _files_under(folder))
    # Renamed first: what is deleted halfway is not found at its place any more.
    aside = scratch / f"removed-{folder.name}-{uuid.uuid4().hex[:8]}"
    try:
        folder.replace(aside)
    except OSError as error:
        raise disk_problem(error, folder) from error
    shutil.rmtree(aside, ignore_errors=True)
    return size_bytes


def _files_under(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(child for child in path.rglob("*") if child.is_file())


def _move_back(path: Path, place: Path) -> None:
    with contextlib.suppress(OSError):  # nothing better can be done; the first error is the story
        if path.exists():
            path.replace(place)


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _escaped(name: str) -> str:
    return "".join(f"[{mark}]" if mark in "*?[" else mark for mark in name)
