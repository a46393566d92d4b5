"""What a person may say about one install."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class InstallOptions:
    """``supply`` is a folder or zip with files to use instead of the network (--from): what
    ``packs export`` wrote, or what a person has downloaded. ``own_weights`` takes weights from it
    that are in no list and records their hashes."""

    allow_source_builds: bool = False
    supply: Path | None = None
    own_weights: bool = False
