"""Rows of the file as the records of :mod:`dubwright.library.model`, by plain SQL."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubwright_kit.contracts import Word

from .model import Artifact, Item, Segment, Track, VoiceChoice


def item_record(row: sqlite3.Row) -> Item:
    """Return the item of a row of ``item``."""
    return Item(
        id=row["id"],
        title=row["title"],
        source=Path(row["source"]),
        sha256=row["sha256"],
        size_bytes=row["size_bytes"],
        mtime_ns=row["mtime_ns"],
        duration_s=row["duration_s"],
        container=row["container"],
        audio_stream=row["audio_stream"],
        probe=json.loads(row["probe"]),
        created_at=row["created_at"],
    )


def track_record(row: sqlite3.Row) -> Track:
    """Return the track of a row of ``track``."""
    return Track(
        id=row["id"],
        item_id=row["item_id"],
        kind=row["kind"],
        language=row["language"],
        version=row["version"],
        origin=row["origin"],
        draft=bool(row["draft"]),
        approximate=bool(row["approximate"]),
        parent_id=row["parent_id"],
        created_at=row["created_at"],
        digest=row["digest"],
        note=row["note"],
    )


def segment_record(row: sqlite3.Row) -> Segment:
    """Return the segment of a row of ``segment``."""
    return Segment(
        index=row["position"],
        start_s=row["start_s"],
        end_s=row["end_s"],
        text=row["text"],
        speaker=row["speaker"],
        words=tuple(Word(*word) for word in json.loads(row["words"])),
    )


def voice_record(row: sqlite3.Row) -> VoiceChoice:
    """Return the choice of a row of ``voice``."""
    return VoiceChoice(row["item_id"], row["speaker"], row["voice"])


def words_text(words: Iterable[Word]) -> str:
    """Return words as stored: ``[[text, start_s, end_s, p], ...]``."""
    return json.dumps([[w.text, w.start_s, w.end_s, w.p] for w in words], ensure_ascii=False)


def track_digest(language: str, segments: Iterable[Segment]) -> str:
    """Return the SHA-256 of a track's language and lines; positions do not enter."""
    lines = [[s.start_s, s.end_s, s.text, s.speaker, words_text(s.words)] for s in segments]
    canonical = json.dumps([language, lines], ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()


@dataclass(frozen=True)
class StoredFile:
    """One adopted file as it was when its row was written."""

    path: Path
    size_bytes: int
    mtime_ns: int

    def is_there(self) -> bool:
        """True while the file has the size and time it was adopted with.

        The time matters: a WAV of the same film has the same size whatever is in it.
        """
        try:
            stat = self.path.stat()
        except OSError:
            return False
        return stat.st_size == self.size_bytes and stat.st_mtime_ns == self.mtime_ns


def stored_path(path: Path, root: Path) -> str:
    """Return ``path`` relative to the data folder, so that the folder can be moved."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def stored_file(row: sqlite3.Row, root: Path) -> StoredFile:
    """Return the file of a row of ``artifact_file``."""
    return StoredFile(root / row["path"], row["size_bytes"], row["mtime_ns"])


def artifact_record(row: sqlite3.Row, files: Iterable[StoredFile]) -> Artifact:
    """Return the artifact of a row of ``artifact`` and its files."""
    return Artifact(
        id=row["id"],
        item_id=row["item_id"],
        stage=row["stage"],
        backend=row["backend"],
        key=row["key"],
        paths=tuple(file.path for file in files),
        size_bytes=row["size_bytes"],
        info=json.loads(row["info"]),
        created_at=row["created_at"],
    )


def json_text(value: Mapping[str, Any]) -> str:
    """Return ``value`` as JSON text; raises ``TypeError`` for what JSON cannot hold."""
    return json.dumps(value, ensure_ascii=False)
