"""What probing a file tells. Plain records without PyAV types."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class AudioStream:
    index: int
    """Among the audio streams, 0 = first."""
    codec: str
    rate_hz: int
    channels: int
    layout: str
    language: str
    """As tagged ("eng", "es" ...); "" when untagged."""
    title: str
    default: bool
    start_s: float
    duration_s: float | None


@dataclass(frozen=True)
class VideoStream:
    index: int
    codec: str
    width: int
    height: int
    fps: float | None
    variable_rate: bool
    rotation_deg: int
    start_s: float
    duration_s: float | None
    attached_picture: bool = False


@dataclass(frozen=True)
class MediaInfo:
    path: Path
    container: str
    duration_s: float
    """Of the whole film: the longest stream's end minus the film's start."""
    start_s: float
    """The film's time 0: the first picture shown (or first sample) in stream time."""
    audio: tuple[AudioStream, ...]
    video: tuple[VideoStream, ...]
    subtitle_languages: tuple[str, ...]
    chapters: int
