"""All files of one install in one folder, as uv finds them fastest."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from dubwright.home import Home

_NAME = "wheelhouse"


@contextlib.contextmanager
def wheelhouse(home: Home, files: Iterable[Path]) -> Iterator[tuple[Path, ...]]:
    """The folders in which uv is to look for ``files``; call it with the lock on all installs held.

    One folder of links, always at the same place: its address is what uv's cache knows an unpacked
    wheel by, so packs that share a wheel share its unpacked files. (uv looks into the cache of every
    folder for every project: 64 folders of one file each took it a tenth longer.) Where links cannot
    be had, the folders that the files lie in.
    """
    files = tuple(files)
    house = home.downloads / _NAME
    shutil.rmtree(house, ignore_errors=True)  # of an installer that was killed
    try:
        one_each = tuple(dict.fromkeys(one.parent for one in files))
        yield (house,) if _filled(house, files) else one_each
    finally:
        shutil.rmtree(house, ignore_errors=True)


def _filled(house: Path, files: Iterable[Path]) -> bool:
    """Link the files into the new folder; False where that is not possible (two have one name)."""
    # A hard link changes the time (ctime) by which uv elsewhere knows a file to be the one it has
    # unpacked; on Windows it does not, and symbolic ones are not for everybody.
    link = os.link if sys.platform == "win32" else os.symlink
    try:
        house.mkdir(parents=True)
        for one in files:
            link(one.absolute(), house / one.name)
    except OSError:
        return False
    return True
