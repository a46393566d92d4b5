"""mix_dub_preview_v1: the spoken lines over the original where nobody speaks, over the background
stem where somebody does. What the mix is made of is described in ``engines/mixing.py``."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dubwright.library.artifacts import scratch_folder
from dubwright.library.disk import full_problem
from dubwright.library.model import Artifact
from dubwright.stages.base import StageContext, StageResult
from dubwright.stages.listen import Heard, heard
from dubwright_kit import NextAction, Problem
from dubwright_kit.contracts import MixAsk, MixDone, MixLine, Span

NAME = "mix"
VERSION = 2
BACKEND = "mix_dub_preview_v1"
PACK = "mixer"

_RANGES = {"duck_db": (0.0, 40.0)}
"""Options that are numbers of the ask, and what makes sense for them."""


@dataclass(frozen=True)
class _Speech:
    """The manifest's lines, in order, and a hash of everything that can be heard of them."""

    lines: tuple[MixLine, ...]
    digest: str


def run(ctx: StageContext) -> StageResult:
    """Mix, or return the mix of the same inputs.

    Options: ``separator`` (else the newest stems), ``to`` (the language the lines must have),
    ``duck_db``. Raises Problems ``no-separation``, ``no-speech``, ``stems-mismatch``,
    ``option-invalid``, ``disk-full``.
    """
    ingest, stems = _sound(ctx)
    speech = _speech(ctx)
    numbers = _numbers(ctx.options)
    voice = heard(ctx)
    spans = _speech_spans(ctx, voice)
    key = ctx.key(
        NAME,
        VERSION,
        PACK,
        ingest=ingest.key,
        separation=stems.key,
        voice=voice.key,
        lines=speech.digest,
        speech=spans,
        options=numbers,
    )
    known = ctx.library.find_artifact(ctx.item.id, NAME, BACKEND, key)
    if known is not None:
        return StageResult(known, cached=True, info=known.info)
    with scratch_folder(ctx.home, NAME) as folder:
        ask = MixAsk(
            working_wav=str(ctx.files.working_wav),
            background_wav=str(_background(stems)),
            out_wav=str(folder / "mix.wav"),
            lines=speech.lines,
            speech=spans,
            vad_json=str(voice.vad_json),
        )
        ask = replace(ask, **numbers)
        _check_inputs(ctx, ask, stems)
        done: MixDone = ctx.call(PACK, ask)
        info = {
            "separator": stems.backend,
            "lines": len(speech.lines),
            "metrics": dict(done.metrics),
            "notes": notes(done.metrics),
        }
        artifact = ctx.library.adopt(
            ctx.item.id, NAME, BACKEND, key, {Path(ask.out_wav): ctx.files.mix_wav}, info
        )
    return StageResult(artifact, info=info)


def notes(metrics: Mapping[str, float | None]) -> list[str]:
    """What of a mix's figures a person should hear about, in words."""

    def value(name: str) -> float:
        return float(metrics.get(name) or 0.0)

    found = []
    if value("lines_cut"):
        found.append(
            f"{value('lines_cut'):.0f} line(s) would sound past the film's end "
            f"(by {value('cut_s'):.1f} s) and fade out there."
        )
    if value("lines_outside"):
        found.append(
            f"{value('lines_outside'):.0f} line(s) begin after the film's end and are left out."
        )
    if value("bed_limited_s"):
        found.append(
            f"The original itself peaks too high for {value('bed_limited_s'):.1f} s outside the "
            "dub; it was limited there."
        )
    if metrics.get("original_lufs") is not None and metrics.get("programme_lufs") is not None:
        off = value("programme_lufs") - value("original_lufs")
        if abs(off) > 1.0:
            found.append(
                f"The dub is {abs(off):.1f} LU {'louder' if off > 0 else 'quieter'} than the "
                "original; moving the speech within 6 dB could not make up for more."
            )
    return found


def _sound(ctx: StageContext) -> tuple[Artifact, Artifact]:
    """The working audio and the stems. Raises Problem ``no-separation`` (whose job makes both)."""
    wanted = str(ctx.options.get("separator") or "auto")
    backend = None if wanted == "auto" else wanted
    stems = ctx.library.newest_artifact(ctx.item.id, "separate", backend)
    ingest = ctx.library.newest_artifact(ctx.item.id, "ingest")
    if stems is not None and ingest is not None:
        return ingest, stems
    by = "" if backend is None else f" by {backend}"
    raise Problem(
        "no-separation",
        f'"{ctx.item.title}" has not been separated into speech and background{by} yet; '
        "the mix needs the background.",
        _separate(ctx, backend),
    )


def _separate(ctx: StageContext, backend: str | None) -> NextAction:
    return NextAction(
        "separate first", "run", {"_": [f"separate_audio_{backend or 'builtin'}", ctx.item.id]}
    )


def _background(stems: Artifact) -> Path:
    return next(path for path in stems.paths if path.name == "background.wav")


def _speech(ctx: StageContext) -> _Speech:
    """Read the manifest. Raises Problem ``no-speech``."""
    manifest_path = ctx.files.manifest_json()
    try:
        manifest: Mapping[str, Any] = json.loads(manifest_path.read_text("utf-8"))
    except FileNotFoundError:
        raise _no_speech(ctx, "no line has been spoken yet") from None
    wanted, spoken = ctx.options.get("to"), manifest.get("language")
    if wanted and spoken and _primary(str(wanted)) != _primary(str(spoken)):
        raise _no_speech(ctx, f"its lines are spoken in {spoken}, not in {wanted}")
    lines: list[MixLine] = []
    digest = hashlib.sha256()
    for segment in manifest.get("segments", []):
        if not segment.get("wav"):
            continue
        wav = manifest_path.parent / str(segment["wav"])
        try:
            with wav.open("rb") as file:
                content = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise _no_speech(ctx, f"the spoken line {wav.name} is gone") from None
        start_s = float(segment["start_s"])
        lines.append(MixLine(str(wav), start_s))
        digest.update(f"{start_s!r} {content}\n".encode())
        ctx.job.check()
    lines.sort(key=lambda line: line.start_s)
    return _Speech(tuple(lines), digest.hexdigest())


def _primary(language: str) -> str:
    return language.lower().replace("_", "-").split("-")[0]


def _no_speech(ctx: StageContext, why: str) -> Problem:
    args: dict[str, Any] = {"_": ["tts_preview_pyttsx3_v1", ctx.item.id]}
    if ctx.options.get("to"):
        args["option"] = f"to={ctx.options['to']}"
    return Problem(
        "no-speech",
        f'"{ctx.item.title}" cannot be mixed: {why}.',
        NextAction("speak the lines first", "run", args),
    )


def _speech_spans(ctx: StageContext, voice: Heard) -> tuple[Span, ...]:
    """Where the original voice may be: what was heard and what the transcript says."""
    spans = list(voice.voiced)
    track = ctx.library.newest_track(ctx.item.id, "source")
    if track is not None:
        spans += [(line.start_s, line.end_s) for line in ctx.library.segments(track.id)]
    return tuple(sorted(spans))


def _numbers(options: Mapping[str, Any]) -> dict[str, Any]:
    """The numeric options that were given. Raises Problem ``option-invalid``."""
    numbers: dict[str, Any] = {}
    for name, (low, high) in _RANGES.items():
        if options.get(name) is None:
            continue
        try:
            number = float(options[name])
        except (TypeError, ValueError):
            number = math.nan
        if not low <= number <= high:
            raise Problem(
                "option-invalid",
                f'{name} takes a number from {low:g} to {high:g}, not "{options[name]}".',
                NextAction("see the help", "run", {"help": True}),
            )
        numbers[name] = number
    return numbers


def _check_inputs(ctx: StageContext, ask: MixAsk, stems: Artifact) -> None:
    """Raises Problem ``stems-mismatch``, ``disk-full`` before minutes of work are spent."""
    from dubwright.media.wav import WavReader

    with WavReader(ask.working_wav) as film, WavReader(ask.background_wav) as background:
        if (film.frames, film.rate_hz) != (background.frames, background.rate_hz):
            raise Problem(
                "stems-mismatch",
                f'The stems of "{ctx.item.title}" are {background.duration_s:.2f} s long, its '
                f"audio {film.duration_s:.2f} s: the audio was read anew since.",
                _separate(ctx, stems.backend),
            )
        needed = film.frames * film.channels * 2 + 4096
    folder = Path(ask.out_wav).parent
    if shutil.disk_usage(folder).free < needed:
        raise full_problem(folder)
