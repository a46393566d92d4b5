"""ingest: the film's sound as working files, and where somebody speaks in it."""

from __future__ import annotations

from pathlib import Path

from dubwright.library.artifacts import scratch_folder
from dubwright.library.content import check_source
from dubwright.stages.base import StageContext, StageResult
from dubwright_kit.contracts import IngestAsk, IngestDone

NAME = "ingest"
VERSION = 1
BACKEND = "ingest"
PACK = "ingest"


def run(ctx: StageContext) -> StageResult:
    """Make ``audio/{working.wav,speech.wav,vad.json}``, or return those of the same film and stream.

    Raises Problems ``source-missing`` and ``source-changed`` before anything is read, those of
    decoding (``unreadable-media``, ``truncated-media`` ...), ``disk-full``.
    """
    item = check_source(ctx.item)
    key = ctx.key(
        NAME,
        VERSION,
        PACK,
        content=item.sha256,
        audio_stream=item.audio_stream,
        duration_s=item.duration_s,
    )
    known = ctx.library.find_artifact(item.id, NAME, BACKEND, key)
    if known is not None:
        return StageResult(known, cached=True, info=known.info)
    with scratch_folder(ctx.home, NAME) as folder:
        ask = IngestAsk(
            source=str(item.source),
            audio_stream=item.audio_stream,
            working_wav=str(folder / "working.wav"),
            speech_wav=str(folder / "speech.wav"),
            vad_json=str(folder / "vad.json"),
            duration_s=item.duration_s,
        )
        done: IngestDone = ctx.call(PACK, ask)
        info = {
            "frames": done.frames,
            "rate_hz": done.rate_hz,
            "channels": done.channels,
            "speech_s": done.speech_s,
            "notes": [f"In the film, {done.note}."] if done.note else [],
        }
        places = {
            Path(ask.working_wav): ctx.files.working_wav,
            Path(ask.speech_wav): ctx.files.speech_wav,
            Path(ask.vad_json): ctx.files.vad_json,
        }
        artifact = ctx.library.adopt(item.id, NAME, BACKEND, key, places, info)
    return StageResult(artifact, info=info)
