"""Second half of ``tts_preview_pyttsx3_v1``: lines made to fit their places, and the manifest.

Native rate first (the line is spoken again, faster), then stretch, then the overflow is reported;
see ``engines.fitting``. A line never starts anywhere but where its source line starts.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dubwright.engines.fitting import LinePlan, TimedLine, faster, plan_line, settle, slots
from dubwright.library.artifacts import scratch_folder
from dubwright.library.model import Artifact
from dubwright.stages.base import StageContext, StageResult
from dubwright.stages.lines import BACKEND, PACK, Line, Script, Utterance, read_script, speak
from dubwright_kit.contracts import FitAsk, FitDone, StretchLine

NAME = "fit"
VERSION = 1
STAGE = "speak"
"""The artifact's stage: the spoken, fitted lines are what ``speak`` is for."""
FITTER = "fitter"
CORRECTIONS = 2
"""How often a line that is still too long is spoken once more, faster."""


def run(ctx: StageContext) -> StageResult:
    """Write ``tts_preview/pyttsx3_v1/{manifest.json,segments/*.wav}``.

    Raises what :func:`dubwright.stages.lines.read_script` and the packs raise, ``disk-full``.
    """
    script = read_script(ctx)
    known = current(ctx, script)
    if known is not None:
        return StageResult(known, cached=True, info=known.info)
    plans, utterances = _fit(ctx, script)
    with scratch_folder(ctx.home, "fit") as folder:
        segments = folder / "segments"
        segments.mkdir()
        durations = _write_segments(ctx, segments, plans, utterances)
        manifest = _manifest(script, plans, durations, utterances)
        manifest_path = folder / "manifest.json"
        manifest_path.write_text(json.dumps(manifest, indent=1, ensure_ascii=False), "utf-8")
        info = _info(script, plans, utterances)
        final = ctx.files.speech(BACKEND)
        places = {manifest_path: ctx.files.manifest_json(BACKEND)}
        if script.lines:  # a film in which nobody speaks has an empty manifest and no folder
            places[segments] = final / "segments"
        artifact = ctx.library.adopt(
            ctx.item.id,
            STAGE,
            BACKEND,
            key(ctx, script),
            places,
            info,
        )
    return StageResult(artifact, info=info)


def key(ctx: StageContext, script: Script) -> str:
    """The artifact's key."""
    return ctx.key(
        STAGE,
        VERSION,
        PACK,
        script=script.digest,
        duration_s=ctx.item.duration_s,
        fitter=ctx.packs.identity(FITTER),
    )


def current(ctx: StageContext, script: Script) -> Artifact | None:
    """The artifact if it is there for just this script."""
    return ctx.library.find_artifact(ctx.item.id, STAGE, BACKEND, key(ctx, script))


def _fit(ctx: StageContext, script: Script) -> tuple[list[LinePlan], list[Utterance]]:
    """Plan every line from measured durations, speaking again those that need a faster voice."""
    utterances = speak(ctx, ((line, 1.0) for line in script.lines), script.language)
    natural = [one.duration_s for one in utterances]
    timed = [
        TimedLine(line.start_s, line.end_s, duration)
        for line, duration in zip(script.lines, natural, strict=True)
    ]
    slot_s = slots(timed, ctx.item.duration_s)
    rates = [plan_line(slot, duration).rate for slot, duration in zip(slot_s, natural, strict=True)]
    again = [number for number, rate in enumerate(rates) if rate > 1.0]
    for _ in range(1 + CORRECTIONS):
        if not again:
            break
        asks: list[tuple[Line, float]] = [(script.lines[n], rates[n]) for n in again]
        for number, spoken in zip(again, speak(ctx, asks, script.language), strict=True):
            utterances[number] = spoken
        still = []
        for number in again:
            rate = faster(slot_s[number], rates[number], utterances[number].duration_s)
            if rate is not None and rate > rates[number] + 0.002:
                rates[number] = rate
                still.append(number)
        again = still
    plans = [
        settle(slot, duration, spoken.rate, spoken.duration_s)
        for slot, duration, spoken in zip(slot_s, natural, utterances, strict=True)
    ]
    return plans, utterances


def _write_segments(
    ctx: StageContext, folder: Path, plans: Sequence[LinePlan], utterances: Sequence[Utterance]
) -> list[float]:
    """Copy what fits, stretch what does not; return the durations of the files."""
    durations = [one.duration_s for one in utterances]
    stretched = [number for number, plan in enumerate(plans) if plan.stretch > 1.0]
    for number, spoken in enumerate(utterances):
        if plans[number].stretch <= 1.0:
            shutil.copyfile(spoken.wav, folder / _name(number))
    if stretched:
        asks = tuple(
            StretchLine(
                str(utterances[number].wav), str(folder / _name(number)), plans[number].fitted_s
            )
            for number in stretched
        )
        done: FitDone = ctx.call(FITTER, FitAsk(asks))
        for number, duration in zip(stretched, done.durations_s, strict=True):
            durations[number] = duration
    return durations


def _name(number: int) -> str:
    return f"{number + 1:05}.wav"


def _manifest(
    script: Script,
    plans: Sequence[LinePlan],
    durations: Sequence[float],
    utterances: Sequence[Utterance],
) -> dict[str, Any]:
    """The public shape of INTERFACE, with how each line was fitted."""
    import wave

    rate_hz = 22050
    if utterances:
        with wave.open(str(utterances[0].wav), "rb") as file:
            rate_hz = file.getframerate()
    segments = [
        {
            "index": line.index,
            "start_s": line.start_s,
            "end_s": line.end_s,
            "speaker": line.speaker,
            "voice": str(line.voice),
            "text": line.text,
            "wav": f"segments/{_name(line.index)}",
            "natural_s": round(plan.natural_s, 4),
            "fitted_s": round(duration, 4),
            "strategy": plan.strategy,
            "slot_s": round(plan.slot_s, 4),
            "rate": round(plan.rate, 4),
            "stretch": round(plan.stretch, 4),
            "overflow_s": round(max(0.0, duration - plan.slot_s), 4)
            if plan.strategy == "overflow"
            else 0.0,
            "warnings": ["nothing to speak"] if spoken.silent else [],
        }
        for line, plan, duration, spoken in zip(
            script.lines, plans, durations, utterances, strict=True
        )
    ]
    voices = sorted({str(line.voice) for line in script.lines})
    return {
        "voice": voices[0] if len(voices) == 1 else "per speaker",
        "language": script.language,
        "sample_rate_hz": rate_hz,
        "track": script.track.id,
        "segments": segments,
    }


def _info(
    script: Script, plans: Sequence[LinePlan], utterances: Sequence[Utterance]
) -> dict[str, Any]:
    strategies: dict[str, int] = {}
    for plan in plans:
        strategies[plan.strategy] = strategies.get(plan.strategy, 0) + 1
    return {
        "lines": len(plans),
        "language": script.language,
        "strategies": strategies,
        "silent_lines": sum(one.silent for one in utterances),
        "overflow_s": round(sum(plan.overflow_s for plan in plans), 3),
    }
