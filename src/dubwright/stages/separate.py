"""separate_audio_<backend>: the film's sound split into speech and background."""

from __future__ import annotations

from pathlib import Path

from dubwright.library.artifacts import scratch_folder
from dubwright.library.model import Artifact
from dubwright.stages.base import StageContext, StageResult
from dubwright_kit import NextAction, Problem
from dubwright_kit.contracts import SeparateAsk, SeparateDone

NAME = "separate"
VERSION = 1
JOB_PREFIX = "separate_audio_"


def run(ctx: StageContext) -> StageResult:
    """Write ``separation/<backend>/<stem>.wav``, each exactly as long as the working sound.

    The backend is named by the job type. Raises Problems ``no-working-audio``,
    ``pack-not-installed``, ``disk-full`` and the backend's own.
    """
    backend = ctx.job.job.type.removeprefix(JOB_PREFIX)
    ctx.packs.require(backend)
    sound = working_audio(ctx)
    key = ctx.key(NAME, VERSION, backend, sound=sound.key)
    known = ctx.library.find_artifact(ctx.item.id, NAME, backend, key)
    if known is not None:
        return StageResult(known, cached=True, info=known.info)
    final = ctx.files.separation(backend)
    with scratch_folder(ctx.home, NAME) as folder:
        ask = SeparateAsk(str(ctx.files.working_wav), str(folder), str(ctx.files.vad_json))
        done: SeparateDone = ctx.call(backend, ask)
        places = {Path(path): final / f"{stem}.wav" for stem, path in done.stems.items()}
        info = {"frames": done.frames, "backend": backend, **done.metrics}
        artifact = ctx.library.adopt(ctx.item.id, NAME, backend, key, places, info)
    return StageResult(artifact, info=info)


def working_audio(ctx: StageContext) -> Artifact:
    """The artifact of ``ingest``. Raises Problem ``no-working-audio``."""
    sound = ctx.library.newest_artifact(ctx.item.id, "ingest")
    if sound is None:
        raise Problem(
            "no-working-audio",
            f"The sound of {ctx.item.title} has not been read yet.",
            NextAction("read it", "run", {"_": ["ingest_v1", ctx.item.id]}),
        )
    return sound
