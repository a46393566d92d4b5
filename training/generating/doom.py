"""The songs in the WAD files of the Freedoom game (BSD), which are MIDI files."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

LICENCE = "BSD-3-Clause"
FOLDER = Path("/usr/share/games/doom")
WADS = tuple(str(FOLDER / name) for name in ("freedoom1.wad", "freedoom2.wad"))


def lumps(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and content of every lump of a WAD file, in its order."""
    data = path.read_bytes()
    mark, count, table = struct.unpack("<4sii", data[:12])
    if mark not in (b"IWAD", b"PWAD"):
        raise ValueError(f"{path.name} is not a WAD file.")
    for index in range(count):
        at, size, raw = struct.unpack("<ii8s", data[table + 16 * index : table + 16 * index + 16])
        yield raw.split(b"\0")[0].decode("ascii"), data[at : at + size]


def songs() -> list[tuple[str, bytes]]:
    """Every different song: name and MIDI file."""
    found: dict[bytes, str] = {}
    for wad in WADS:
        for name, content in lumps(Path(wad)):
            if name.startswith("D_") and content.startswith(b"MThd"):
                found.setdefault(content, name)
    return [(name, content) for content, name in found.items()]
