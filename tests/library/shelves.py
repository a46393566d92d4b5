"""Small libraries for tests."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dubwright.home import Home
from dubwright.library import Library
from dubwright.library.model import Item, Segment
from dubwright_kit.contracts import Word


def add_film(library: Library, path: Path, content: bytes = b"film", title: str = "") -> Item:
    """Write a "film" and add it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return add_known(library, path, title)[0]


def add_known(library: Library, path: Path, title: str = "") -> tuple[Item, bool]:
    """Add a file that is there."""
    stat = path.stat()
    return library.add_item(
        path,
        title=title or None,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        duration_s=12.5,
        container="mp4",
        audio_stream=0,
        probe={"audio": [{"language": "eng"}]},
    )


def scratch_file(home: Home, name: str, content: bytes) -> Path:
    """A finished scratch file."""
    home.scratch.mkdir(parents=True, exist_ok=True)
    path = home.scratch / name
    path.write_bytes(content)
    return path


LINES = (
    Segment(
        0, 0.5, 1.5, "Good morning.", "S1", (Word("Good", 0.5, 0.9), Word("morning.", 0.9, 1.5))
    ),
    Segment(1, 2.0, 4.0, "Привет, 世界 ♪", None),
)
