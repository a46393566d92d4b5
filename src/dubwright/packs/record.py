"""What was installed: record.json, written last, from which the environment can be rebuilt."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dubwright.home import Home
from dubwright_kit.codec import from_json, to_json

RECORD_VERSION = 2
FILE_NAME = "record.json"
LOG_TIME = "%Y%m%d-%H%M%S"

_RANDOM_CHARS = 8


@dataclass(frozen=True)
class ModelFile:
    """One file of weights under ``models``."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class CanaryRun:
    """What the canary took: the second of two runs, so that starting up is told apart."""

    clip_s: float
    """Seconds of sound; 0 where the ask has none."""
    start_s: float
    """What the first call took longer than the second: start of the process, loading of weights."""
    wall_s: float
    peak_rss_bytes: int
    at: float = 0.0
    """Unix time."""


@dataclass(frozen=True)
class Attempt:
    """One rung of the ladder: what was tried, and why it was not the end ("" for the last)."""

    rung: str
    reason: str = ""


@dataclass(frozen=True)
class Record:
    """One installed pack. A pack folder without a readable record counts as not installed."""

    name: str
    version: str
    """The manifest's, at the time."""
    identity: str
    """Version, locks and weights in one word; part of every artifact's key."""
    lock_sha256: str
    lock: str = ""
    """Which lock file the environment was made from; empty for packs of the host's environment."""
    python: str = ""
    """The base interpreter by full path."""
    python_version: str = ""
    distributions: Mapping[str, str] = field(default_factory=dict)
    """Project to version, read from the environment."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Programs by what they are for, with full paths (the toolchain only)."""
    models: Mapping[str, ModelFile] = field(default_factory=dict)
    """Path under ``models``, with slashes, to what it must be."""
    files: Mapping[str, ModelFile] = field(default_factory=dict)
    """Every file that was fetched (wheels, archives of weights) by its name, as it was verified:
    with these the environment can be built again."""
    requirements: tuple[str, ...] = ()
    """What was given to uv, "project==version", where it was not the shipped lock."""
    attempts: tuple[Attempt, ...] = ()
    inventory: Mapping[str, str] = field(default_factory=dict)
    """sha256 of each distribution's RECORD and of each file that no RECORD lists, by path under
    ``env``: with RECORD's own hashes every file of the environment can be checked."""
    unlisted: tuple[str, ...] = ()
    """Weights that came with --own-weights: in no list, hashes in ``models``."""
    canary: CanaryRun | None = None
    estimated_disk_bytes: int = 0
    """What the bill said; ``disk_bytes`` is what it became."""
    download_bytes: int = 0
    unpacked_bytes: int = 0
    disk_bytes: int = 0
    """Measured; hard links counted once."""
    uv: str = ""
    wall_s: float = 0.0
    installed_at: float = 0.0
    """Unix time."""
    record: int = RECORD_VERSION


def read_record(folder: Path) -> Record | None:
    """Return the record of the pack in ``folder``; None when there is none that this program can read."""
    try:
        data = json.loads((folder / FILE_NAME).read_text("utf-8"))
        if data.get("record") != RECORD_VERSION:
            return None
        for kind in ("models", "files"):
            data[kind] = {name: from_json(ModelFile, entry) for name, entry in data[kind].items()}
        return from_json(Record, data)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return None


def write_record(folder: Path, record: Record) -> None:
    """Write it so that it is there whole or not at all."""
    scratch = folder / (FILE_NAME + ".new")
    with scratch.open("w", encoding="utf-8", newline="\n") as file:
        json.dump(to_json(record), file, indent=1)
        file.flush()
        os.fsync(file.fileno())
    scratch.replace(folder / FILE_NAME)


def env_python(folder: Path) -> Path:
    """The interpreter of the pack's environment in ``folder``."""
    if sys.platform == "win32":
        return folder / "env" / "Scripts" / "python.exe"
    return folder / "env" / "bin" / "python"


def identity(version: str, lock_sha256: str, models: Mapping[str, ModelFile]) -> str:
    """Return "<version>+<locks>" or "<version>+<locks>+<weights>"."""
    words = [version, lock_sha256[:12]]
    if models:
        listed = "".join(f"{name} {models[name].sha256}\n" for name in sorted(models))
        words.append(hashlib.sha256(listed.encode()).hexdigest()[:12])
    return "+".join(word for word in words if word)


def measure_models(folder: Path) -> dict[str, ModelFile]:
    """Return every file under ``folder`` with its size and sha256."""
    found = {}
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            name = path.relative_to(folder).as_posix()
            found[name] = ModelFile(path.stat().st_size, digest)
    return found


def tree_bytes(*roots: Path) -> int:
    """Sum of file sizes under ``roots``; links are not followed, hard links counted once."""
    seen: set[tuple[int, int]] = set()
    total = 0
    folders = [str(root) for root in roots]
    while folders:
        with (
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
            os.scandir(folders.pop()) as entries,
        ):
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    folders.append(entry.path)
                    continue
                with contextlib.suppress(FileNotFoundError):
                    stat = os.lstat(entry.path)  # an entry's own lacks the links on Windows
                    if stat.st_nlink > 1:
                        if (stat.st_dev, stat.st_ino) in seen:
                            continue
                        seen.add((stat.st_dev, stat.st_ino))
                    total += stat.st_size
    return total


# --- the folders of one pack, beside each other so that changes are renames ---------------------


def aside(home: Home, kind: str, name: str) -> Path:
    """A new path "<packs>/.<kind>-<name>-<random>"; kinds: "new" (being built), "old" (being
    replaced; put back if nothing took its place), "gone" (being removed)."""
    return home.packs / f".{kind}-{name}-{secrets.token_hex(_RANDOM_CHARS // 2)}"


def asides(home: Home, kind: str, name: str) -> Iterator[Path]:
    """What an earlier process left."""
    pattern = f".{kind}-{name}-" + "[0-9a-f]" * _RANDOM_CHARS
    yield from sorted(home.packs.glob(pattern))


def swap(home: Home, name: str, new: Path) -> None:
    """Put ``new`` in the pack's place; on OSError the old one is there again.

    Killed at any moment, the old one is there, or is put back by :func:`recover`.
    """
    place, old = home.pack(name), aside(home, "old", name)
    if place.exists():
        place.rename(old)
    try:
        new.rename(place)
    except OSError:
        if old.exists():
            old.rename(place)
        raise
    shutil.rmtree(old, ignore_errors=True)


def recover(home: Home, name: str) -> None:
    """Finish or undo what a killed process left. Call it with the pack's lock held."""
    place = home.pack(name)
    for old in asides(home, "old", name):
        if not place.exists() and read_record(old) is not None:
            old.rename(place)
    for kind in ("old", "new", "gone"):
        for left in asides(home, kind, name):
            shutil.rmtree(left, ignore_errors=True)
