"""separate_audio_<separator>: the film's sound split into speech and background, or into more stems."""

from __future__ import annotations

from pathlib import Path

from dubwright.library.artifacts import scratch_folder
from dubwright.library.model import Artifact
from dubwright.stages.base import StageContext, StageResult
from dubwright.stages.separators import DUB_STEMS, JOB_PREFIX, Model, choose_model
from dubwright_kit import NextAction, Problem
from dubwright_kit.contracts import SeparateAsk, SeparateDone

NAME = "separate"
MORE_STEMS = "stems"
"""The stage under which more than two stems are recorded: nothing that looks for a background, such
as the mix, can take them for one."""
VERSION = 1


def run(ctx: StageContext) -> StageResult:
    """Write ``separation/<model>/<stem>.wav``, each exactly as long as the working sound.

    The separator is named by the job type. Options: ``stems`` (2, 4 or 5), ``extension``. Raises
    Problems ``separator-unknown``, ``option-invalid``, ``no-working-audio``, ``pack-not-installed``,
    ``disk-full`` and the pack's own.
    """
    model = _model(ctx)
    ctx.packs.require(model.pack)
    sound = working_audio(ctx)
    # Only where there is a choice: keys of stems that were made before there was one still hold.
    chosen = {"options": model.options} if model.options else {}
    key = ctx.key(NAME, VERSION, model.pack, sound=sound.key, **chosen)
    stage = recorded_as(len(model.stems))
    known = ctx.library.find_artifact(ctx.item.id, stage, model.pack, key)
    if known is not None:
        return StageResult(known, cached=True, info=known.info)
    final = ctx.files.separation(model.pack)
    with scratch_folder(ctx.home, NAME) as folder:
        ask = SeparateAsk(
            str(ctx.files.working_wav),
            str(folder),
            str(ctx.files.vad_json),
            model.stems,
            model.options,
        )
        done: SeparateDone = ctx.call(model.pack, ask)
        places = {Path(path): final / f"{stem}.wav" for stem, path in done.stems.items()}
        info = {
            "frames": done.frames,
            "backend": model.pack,
            "options": dict(model.options),
            **done.metrics,
        }
        artifact = ctx.library.adopt(ctx.item.id, stage, model.pack, key, places, info)
    return StageResult(artifact, info=info)


def recorded_as(stems: int) -> str:
    """The stage name of the artifact with so many stems."""
    return NAME if stems == DUB_STEMS else MORE_STEMS


def _model(ctx: StageContext) -> Model:
    separator = ctx.job.job.type.removeprefix(JOB_PREFIX)
    stems = ctx.options.get("stems") or DUB_STEMS
    return choose_model(ctx.packs, separator, stems, ctx.options.get("extension"), "run")


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
