"""listen: where somebody speaks, heard in the separated voice instead of in the film."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from dubwright.library.artifacts import scratch_folder
from dubwright.library.disk import disk_problem
from dubwright.library.model import Artifact
from dubwright.stages.base import StageContext, StageResult
from dubwright.stages.separate import working_audio
from dubwright_kit.contracts import IngestAsk, IngestDone, Span

NAME = "listen"
VERSION = 1
PACK = "ingest"


@dataclass(frozen=True)
class Heard:
    """The best there is to find and to tell voices by: of the separated voice, else of the film."""

    key: str
    """Of what it was heard in; changes with it."""
    speech_wav: Path
    """16 kHz mono."""
    vad_json: Path
    speech: tuple[Span, ...]
    """Where somebody speaks."""
    voiced: tuple[Span, ...]
    """Where there may be a voice at all, more than ``speech``."""


def run(ctx: StageContext) -> StageResult:
    """Write ``speech.wav`` and ``vad.json`` beside the stems; nothing where there are none.

    Option: ``separator`` (else the newest stems). Raises Problems ``no-working-audio``, ``disk-full``
    and those of reading a sound.
    """
    stems = _stems(ctx)
    if stems is None:
        return StageResult(None)
    key = _key(ctx, stems)
    known = ctx.library.find_artifact(ctx.item.id, NAME, stems.backend, key)
    if known is not None:
        return StageResult(known, cached=True)
    with scratch_folder(ctx.home, NAME) as folder:
        ask = IngestAsk(
            source=str(_vocals(stems)),
            audio_stream=0,
            working_wav="",
            speech_wav=str(folder / "speech.wav"),
            vad_json=str(folder / "vad.json"),
            duration_s=_duration_s(stems),
        )
        done: IngestDone = ctx.call(PACK, ask)
        try:
            _decide(ctx, Path(ask.vad_json))
        except OSError as error:
            raise disk_problem(error, folder) from error
        final = _vocals(stems).parent
        places = {Path(path): final / Path(path).name for path in (ask.speech_wav, ask.vad_json)}
        info = {"stems": stems.key, "speech_s": done.speech_s}
        artifact = ctx.library.adopt(ctx.item.id, NAME, stems.backend, key, places, info)
    return StageResult(artifact)


def heard(ctx: StageContext) -> Heard:
    """What :func:`run` found in the stems there are; without them, what reading the film found.

    Raises Problem ``no-working-audio``.
    """
    film = working_audio(ctx)
    stems = _stems(ctx)
    if stems is not None:
        found = ctx.library.find_artifact(ctx.item.id, NAME, stems.backend, _key(ctx, stems))
        if found is not None:
            folder = _vocals(stems).parent
            return _read(found.key, folder / "speech.wav", folder / "vad.json")
    return _read(film.key, ctx.files.speech_wav, ctx.files.vad_json)


def _read(key: str, speech_wav: Path, vad_json: Path) -> Heard:
    found = json.loads(vad_json.read_text("utf-8"))
    speech = _spans(found["spans"])
    voiced = _spans(found["voiced"]) if "voiced" in found else speech
    return Heard(key, speech_wav, vad_json, speech, voiced)


def _spans(found: list[list[float]]) -> tuple[Span, ...]:
    return tuple((float(start), float(end)) for start, end in found)


def _decide(ctx: StageContext, vad_json: Path) -> None:
    """Put into the document of the separated voice what it and the film's say together."""
    from dubwright.engines.voicing import Listened, speaking, voiced

    found = json.loads(vad_json.read_text("utf-8"))
    voice = Listened.of(found)
    film = Listened.of(json.loads(ctx.files.vad_json.read_text("utf-8")))
    for name, spans in (("spans", speaking(voice)), ("voiced", voiced(film, voice))):
        within = [(start, min(end, ctx.item.duration_s)) for start, end in spans]
        found[name] = [(round(a, 3), round(b, 3)) for a, b in within if a < b]
    vad_json.write_text(json.dumps(found), "utf-8")


def _stems(ctx: StageContext) -> Artifact | None:
    wanted = str(ctx.options.get("separator") or "auto")
    backend = None if wanted == "auto" else wanted
    return ctx.library.newest_artifact(ctx.item.id, "separate", backend)


def _key(ctx: StageContext, stems: Artifact) -> str:
    return ctx.key(NAME, VERSION, PACK, stems=stems.key, film=working_audio(ctx).key)


def _vocals(stems: Artifact) -> Path:
    return next(path for path in stems.paths if path.name == "vocals.wav")


def _duration_s(stems: Artifact) -> float:
    from dubwright.media.wav import WavReader

    with WavReader(_vocals(stems)) as vocals:
        return vocals.duration_s
