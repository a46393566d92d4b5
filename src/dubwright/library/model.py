"""Frozen records of the library: what the rest of the program sees of the database."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from dubwright_kit.contracts import Word

TrackKind = Literal["source", "translation"]


@dataclass(frozen=True)
class Item:
    """One film (or sound file). ``id`` is the first 16 hex digits of its content's SHA-256."""

    id: str
    title: str
    source: Path
    sha256: str
    size_bytes: int
    mtime_ns: int
    duration_s: float
    container: str
    audio_stream: int
    """Chosen among the audio streams, 0 = first."""
    probe: Mapping[str, Any]
    """``media.probe.MediaInfo`` as JSON."""
    created_at: float


@dataclass(frozen=True)
class Segment:
    """One line: at most two subtitle rows, one speaker."""

    index: int
    start_s: float
    end_s: float
    text: str
    speaker: str | None = None
    words: tuple[Word, ...] = ()


@dataclass(frozen=True)
class Track:
    """An immutable version of a transcript or translation. An edit makes a new one."""

    id: int
    item_id: str
    kind: TrackKind
    language: str
    version: int
    """Counts up within (item, kind, language)."""
    origin: str
    """"asr:pocketsphinx", "aligned", "imported", "diarized", "translated:apertium", "edited" ..."""
    draft: bool
    """Recognised by a backend whose errors need review: shown as "review before dubbing"."""
    approximate: bool
    """Times are estimated, not aligned."""
    parent_id: int | None
    created_at: float
    digest: str
    """Hash of language and segments; goes into the keys of the stages that read the track."""
    note: str = ""


@dataclass(frozen=True)
class VoiceChoice:
    """Which voice a speaker is given. ``voice`` is a backend's voice name or a reference WAV's path."""

    item_id: str
    speaker: str
    voice: str


@dataclass(frozen=True)
class Artifact:
    """Files that a stage made and the library adopted."""

    id: int
    item_id: str
    stage: str
    backend: str
    key: str
    """Hash of input contents, options, stage version, pack version, weights."""
    paths: tuple[Path, ...]
    size_bytes: int
    info: Mapping[str, Any] = field(default_factory=dict)
    """What the stage measured (JSON)."""
    created_at: float = 0.0
