"""What only a removed pack needed: its downloads, and what uv keeps unpacked of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

from dubwright.home import Home
from dubwright.packs.care.uv_cache import forget
from dubwright.packs.record import Record, read_record


def pack_places(home: Home, name: str) -> tuple[Path, ...]:
    """Where a pack takes disk: its folder, the downloads and uv's cache, which it shares."""
    return home.pack(name), home.downloads, home.uv_cache


def prune(home: Home, removed: Record, now: Record | None = None) -> None:
    """Delete the downloads of ``removed`` that no installed pack names, and make uv forget the
    projects that no installed pack has. Call it with the locks held, after the pack is gone, or
    replaced by ``now``.

    Downloads of packs that are not installed yet, or only in part, stay: they are theirs to go on.
    """
    others = [*_records(home, removed.name), *([now] if now is not None else [])]
    kept = {file.sha256 for one in others for file in one.files.values()}
    for file in removed.files.values():
        if file.sha256 not in kept:
            shutil.rmtree(stored(home, file.sha256), ignore_errors=True)
    still = {project for one in others for project in one.distributions}
    forget(home, set(removed.distributions) - still)


def stored(home: Home, sha256: str) -> Path:
    """The folder of one verified download; see ``fetch.store``."""
    return home.downloads / "files" / sha256[:2] / sha256


def _records(home: Home, but: str) -> Iterator[Record]:
    for folder in sorted(home.packs.iterdir()):
        if folder.is_dir() and not folder.name.startswith(".") and folder.name != but:
            record = read_record(folder)
            if record is not None:
                yield record
