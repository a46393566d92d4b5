"""What a data folder must look like, at any moment and at the end."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av

from dubwright.media.wav import WavReader
from tests.cli.program import Program
from tests.e2e.running import rows


@dataclass(frozen=True)
class Finished:
    """Everything that was finished when somebody looked: it must never be made again."""

    artifacts: dict[int, str]
    """Row id to a line that tells it apart from a later one of the same kind."""
    jobs: dict[str, tuple[Any, ...]]
    logs: dict[str, int]
    """Finished job to the size of its log."""


def finished(home: Path) -> Finished:
    """Look at the database and the logs."""
    artifacts = {
        row["id"]: f"{row['item_id']} {row['stage']} {row['backend']} {row['created_at']}"
        for row in rows(home, "SELECT * FROM artifact")
    }
    jobs = {
        row["id"]: (row["type"], row["attempt"], row["started_at"], row["ended_at"])
        for row in rows(home, "SELECT * FROM job WHERE state = 'done'")
    }
    logs = {
        job_id: path.stat().st_size
        for job_id in jobs
        if (path := home / "jobs" / job_id / "job.log").exists()
    }
    return Finished(artifacts, jobs, logs)


def assert_kept(before: Finished, now: Finished) -> None:
    """What was finished is still the same: no row replaced, no job run or logged again."""
    assert before.artifacts.items() <= now.artifacts.items()
    assert before.jobs.items() <= now.jobs.items()
    assert before.logs.items() <= now.logs.items()


def assert_whole(program: Program, item: str) -> list[str]:
    """Every listed artifact is on disk, as large as listed, with a right head; return the stages."""
    view = program.ok("item", item)
    for artifact in view["artifacts"]:
        paths = [Path(path) for path in artifact["paths"]]
        assert paths, artifact
        sizes = {path: path.stat().st_size for path in paths}
        assert sum(sizes.values()) == artifact["size_bytes"], (artifact, sizes)
        for path in paths:
            assert_valid(path)
    return [artifact["stage"] for artifact in view["artifacts"]]


def assert_valid(path: Path) -> None:
    """The file holds what its suffix and its head promise."""
    if path.suffix == ".wav":
        with WavReader(path) as reader:
            bytes_per_sample = {"int16": 2, "int24": 3, "int32": 4, "float32": 4}[reader.subtype]
            data_bytes = reader.frames * reader.channels * bytes_per_sample
            head_bytes = path.stat().st_size - data_bytes
            assert 0 < head_bytes < 4096, (path, reader.frames, path.stat().st_size)
    elif path.suffix == ".json":
        json.loads(path.read_text("utf-8"))
    elif path.suffix in (".mp4", ".mkv", ".m4a"):
        decode(path)
    else:
        assert path.suffix in (".srt", ".vtt"), path


@dataclass(frozen=True)
class Decoded:
    """A film, decoded to its end. Lengths are those of what was decoded."""

    pictures: int
    video_s: float
    audio_s: float
    audio_codec: str
    languages: tuple[str, ...]
    """Of the audio tracks."""
    subtitles: int


def decode(path: Path) -> Decoded:
    """Decode every picture and the first sound track. Raises what PyAV raises."""
    with av.open(f"file:{path}") as film:
        video = next(
            (s for s in film.streams.video if not s.disposition & s.disposition.attached_pic), None
        )
        audio = film.streams.audio[0]
        pictures, video_s, audio_s = 0, 0.0, 0.0
        for frame in film.decode(*([video] if video is not None else []), audio):
            if isinstance(frame, av.AudioFrame):
                audio_s = (frame.time or 0.0) + frame.samples / frame.sample_rate
            elif isinstance(frame, av.VideoFrame):
                pictures += 1
                video_s = frame.time or 0.0
        return Decoded(
            pictures,
            video_s,
            audio_s,
            audio.codec_context.name,
            tuple(stream.metadata.get("language", "") for stream in film.streams.audio),
            len(film.streams.subtitles),
        )


def leftovers(home: Path) -> list[str]:
    """Half-made things: scratch folders, parts, what was put aside."""
    found = list((home / "derived" / ".scratch").glob("*"))
    for folder in (home / "derived", home / "cache", home / "jobs"):
        for pattern in ("*.part", ".*.part", ".old-*", ".new-*", "*.tmp"):
            found += folder.rglob(pattern)
    return sorted({str(path.relative_to(home)) for path in found})
