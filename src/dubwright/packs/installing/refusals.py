"""What the file system refuses, as Problems that name the place."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from dubwright.home import Home
from dubwright.packs.diagnosis.diagnose import again
from dubwright_kit import Problem

_FULL = (errno.ENOSPC, errno.EDQUOT)
_FULL_ON_WINDOWS = 112


def check_writable(home: Home, name: str) -> None:
    """Try out the packs folder. Raises Problem ``pack-not-writable``."""
    try:
        home.packs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home.packs):
            pass
    except OSError as error:
        raise _not_writable(name, error, home.packs) from error


@contextlib.contextmanager
def os_errors(home: Home, name: str) -> Iterator[None]:
    """Turn an OSError into ``pack-disk-full``, ``pack-in-use`` or ``pack-not-writable``."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL or getattr(error, "winerror", 0) == _FULL_ON_WINDOWS:
            raise disk_full(home, name, str(error)) from error
        place = home.pack(name)
        if isinstance(error, PermissionError) and str(place) in _places(error):
            raise Problem(
                "pack-in-use",
                f"{name} is in use or protected, so its folder {place} could not be replaced.",
                again(name, "stop the jobs that use it, then install again"),
                str(error),
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            where = Path(error.filename) if error.filename else home.packs
            raise _not_writable(name, error, where) from error
        raise


def disk_full(home: Home, name: str, detail: str) -> Problem:
    """The Problem that names the folder; to be made before anything half-built is deleted."""
    return Problem(
        "pack-disk-full",
        f"{name} could not be installed: the disk with {_fullest(home)} is full.",
        again(name, "free disk space, then install again"),
        detail,
    )


def _places(error: OSError) -> tuple[str, str]:
    """What was renamed, and to what."""
    return str(error.filename), str(error.filename2)


def _fullest(home: Home) -> Path:
    """Which folder that is written to has the least room: a write does not say where it was."""
    from dubwright.packs.planning.volume import existing

    places = (home.packs, home.downloads, home.uv_cache, Path(tempfile.gettempdir()))
    return min(places, key=lambda place: shutil.disk_usage(existing(place)).free)


def _not_writable(name: str, error: OSError, where: Path) -> Problem:
    return Problem(
        "pack-not-writable",
        f"{name} cannot be installed: {where} cannot be written ({error.strerror or error}).",
        again(name, "make it writable or choose another data folder, then install"),
    )
