"""What is in a file: its hash, and whether a source is still what was added."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from pathlib import Path

from dubwright_kit import NextAction, Problem, Report, silent

from .model import Item

BLOCK_BYTES = 4 << 20


@dataclass(frozen=True)
class Fingerprint:
    """A file's content and what the system said about it while it was read."""

    sha256: str
    size_bytes: int
    mtime_ns: int


def hash_file(path: Path, report: Report = silent) -> str:
    """Return the SHA-256 (hex) of a file; see :func:`fingerprint`."""
    return fingerprint(path, report).sha256


def fingerprint(path: Path, report: Report = silent) -> Fingerprint:
    """Read a file in blocks and return its hash, size and time; reports bytes.

    Raises Problems ``file-missing``, ``file-unreadable`` and ``file-growing`` (somebody was still
    writing it), and what ``report`` raises.
    """
    digest = hashlib.sha256()
    buffer = bytearray(BLOCK_BYTES)
    view = memoryview(buffer)
    done = 0
    try:
        before = path.stat()
        with path.open("rb", buffering=0) as file:
            while count := file.readinto(buffer):
                digest.update(view[:count])
                done += count
                report(done, before.st_size, f"reading {path.name}")
        after = path.stat()
    except FileNotFoundError as error:
        raise Problem(
            "file-missing",
            f"{path} does not exist.",
            NextAction("name a file that exists", "add", {"_": ["FILE"]}),
        ) from error
    except OSError as error:
        raise Problem(
            "file-unreadable",
            f"{path} cannot be read: {error.strerror or error}.",
            NextAction("check the file or its permissions, then add it", "add", {"_": [str(path)]}),
            str(error),
        ) from error
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise Problem(
            "file-growing",
            f"{path} changed while it was read; is it still being copied or recorded?",
            NextAction("add it once it is complete", "add", {"_": [str(path)]}),
        )
    return Fingerprint(digest.hexdigest(), done, after.st_mtime_ns)


def check_source(item: Item, report: Report = silent) -> Item:
    """Return the item if its source is what was added, with the file's time as it is now.

    Cheap (one stat) while size and time are the same; a file with another time only is read again.
    Raises Problems ``source-missing`` and ``source-changed``.
    """
    again = {"_": [str(item.source)]}
    try:
        stat = item.source.stat()
    except OSError as error:
        raise Problem(
            "source-missing",
            f"{item.source}, the source of {item.title}, is not there any more "
            f"({error.strerror or error}).",
            NextAction("put it back, or add it from where it is now", "add", again),
        ) from error
    if (stat.st_size, stat.st_mtime_ns) == (item.size_bytes, item.mtime_ns):
        return item
    if stat.st_size == item.size_bytes and hash_file(item.source, report) == item.sha256:
        return replace(item, mtime_ns=stat.st_mtime_ns)
    raise Problem(
        "source-changed",
        f"{item.source} is not the file any more that {item.title} was made from: "
        f"it had {item.size_bytes:,} bytes, now it has {stat.st_size:,}"
        f"{' of other content' if stat.st_size == item.size_bytes else ''}.",
        NextAction("add the file as it is now", "add", again),
    )
