"""Frozen results of the verbs. Faces print them; nothing here prints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubwright.jobs.model import Job
from dubwright.library.model import Artifact, Item, Track
from dubwright_kit import Problem

if TYPE_CHECKING:
    from dubwright.packs.care.forecast import Forecast


@dataclass(frozen=True)
class Added:
    """One file given to ``add``: its item, and whether it is new."""

    item: Item
    created: bool


@dataclass(frozen=True)
class AddResult:
    """What ``add`` did with every file; one that failed does not stop the others."""

    added: tuple[Added, ...]
    failed: tuple[tuple[Path, Problem], ...] = ()


@dataclass(frozen=True)
class ItemView:
    """An item with what was made from it. ``sizes`` are bytes by kind of derived file."""

    item: Item
    tracks: tuple[Track, ...]
    artifacts: tuple[Artifact, ...]
    sizes: Mapping[str, int]
    source_present: bool


@dataclass(frozen=True)
class Removed:
    item_id: str
    freed_bytes: int


@dataclass(frozen=True)
class Film:
    """A finished dub. ``report`` is a JSON file with what was measured and what to look at."""

    item: Item
    job: Job
    path: Path
    report: Path
    subtitles: tuple[Path, ...] = ()
    warnings: tuple[str, ...] = ()
    forecast: Forecast | None = None
    """What was expected of the dub before it started."""


@dataclass(frozen=True)
class Stems:
    """Files that ``separate`` wrote, by stem name."""

    source: Path
    stems: Mapping[str, Path]
    separator: str
    wall_s: float
    peak_rss_bytes: int


@dataclass(frozen=True)
class Diagnostics:
    """What a bug report needs. JSON values only."""

    versions: Mapping[str, str]
    toolchain: Mapping[str, Any]
    packs: tuple[Mapping[str, Any], ...]
    storage: Mapping[str, Any]
    failures: tuple[Mapping[str, Any], ...]
    machine: Mapping[str, Any] = field(default_factory=dict)
