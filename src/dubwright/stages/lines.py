"""The lines that are spoken: who says what when in which voice, and utterances kept one by one.

Utterances live in the cache under a key of text, voice, rate and pack, so that an edited line is
spoken again and the others are not.
"""

from __future__ import annotations

import shutil
import wave
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dubwright.engines.voices import Voice, assign_voices, in_language, parse_voice, voice_language
from dubwright.library.artifacts import cache_key, scratch_folder
from dubwright.library.languages import normalise
from dubwright.library.model import Track
from dubwright.stages.base import StageContext
from dubwright_kit import NextAction, Problem
from dubwright_kit.contracts import SpeakAsk, SpeakDone, SpeakLine

BACKEND = "pyttsx3_v1"
PACK = "tts-preview"
ONLY_SPEAKER = "S1"
BATCH = 40
"""Lines a call: small enough that a kill loses seconds, large enough to hide a call's cost."""

LONGEST_SILENT_S = 0.2
"""A backend writes a short silence for a line that it cannot say; longer files are not looked at."""


@dataclass(frozen=True)
class Line:
    """One line to speak. Times are the source line's."""

    index: int
    start_s: float
    end_s: float
    text: str
    speaker: str
    voice: Voice


@dataclass(frozen=True)
class Script:
    """Everything that decides what is heard. ``digest`` goes into the artifact's key."""

    track: Track
    language: str
    lines: tuple[Line, ...]
    digest: str


@dataclass(frozen=True)
class Utterance:
    """A line spoken at ``rate``, in the cache."""

    wav: Path
    duration_s: float
    rate: float
    silent: bool = False
    """True when the voice found nothing in the text that it could say."""


def read_script(ctx: StageContext) -> Script:
    """Return the newest translation into option ``to`` with a voice for every speaker.

    Option ``voice`` gives all speakers one voice; ``voice set`` choices come next; the rest are
    chosen by the speakers' pitch. Raises Problems ``no-translation``, ``no-voice``,
    ``voice-unknown``.
    """
    track = _track(ctx)
    segments = ctx.library.segments(track.id)
    speakers = list(dict.fromkeys(one.speaker or ONLY_SPEAKER for one in segments))
    spoken = voice_language(track.language, ctx.packs.manifest(PACK).languages)
    voices = _voices(ctx, speakers, spoken)
    lines = tuple(
        Line(
            number,
            one.start_s,
            one.end_s,
            one.text,
            one.speaker or ONLY_SPEAKER,
            voices[one.speaker or ONLY_SPEAKER],
        )
        for number, one in enumerate(segments)
    )
    digest = cache_key(
        lines=[[x.start_s, x.end_s, x.text, x.speaker, str(x.voice)] for x in lines],
        language=track.language,
    )
    return Script(track, track.language, lines, digest)


def _track(ctx: StageContext) -> Track:
    wanted = ctx.options.get("to")
    language = normalise(str(wanted)) if wanted else None
    track = ctx.library.newest_track(ctx.item.id, "translation", language)
    if track is not None:
        return track
    target = f" into {language}" if language else ""
    raise Problem(
        "no-translation",
        f"{ctx.item.title} has no translation{target} yet, so there is nothing to speak.",
        NextAction(
            "translate it first (or give one: dub --translation FILE)",
            "run",
            {"_": ["translate_v1", ctx.item.id], "option": f"to={language or 'LANG'}"},
        ),
    )


def _voices(ctx: StageContext, speakers: Sequence[str], spoken: str) -> dict[str, Voice]:
    if ctx.options.get("voice"):
        one = in_language(parse_voice(str(ctx.options["voice"])), spoken)
        return dict.fromkeys(speakers, one)
    chosen = {
        choice.speaker: parse_voice(choice.voice) for choice in ctx.library.voices(ctx.item.id)
    }
    diarized = ctx.library.newest_artifact(ctx.item.id, "diarize")
    f0_hz: Mapping[str, Any] = diarized.info.get("median_f0_hz", {}) if diarized else {}
    pitches = {speaker: float(value) for speaker, value in f0_hz.items()}
    return assign_voices(spoken, speakers, pitches, chosen)


def speak(ctx: StageContext, lines: Iterable[tuple[Line, float]], language: str) -> list[Utterance]:
    """Return an utterance for every (line, rate), speaking those that are not in the cache.

    Raises what the pack raises; ``Cancelled`` keeps the batches already spoken.
    """
    wanted = [(line, rate, _place(ctx, line, rate, language)) for line, rate in lines]
    missing = [(line, rate, path) for line, rate, path in wanted if not path.exists()]
    for start in range(0, len(missing), BATCH):
        ctx.job.report(start, len(missing), f"{len(missing)} lines to speak")
        _speak_batch(ctx, missing[start : start + BATCH], language)
    ctx.job.report(len(wanted), len(wanted), "")
    return [_utterance(path, rate) for _, rate, path in wanted]


def _place(ctx: StageContext, line: Line, rate: float, language: str) -> Path:
    key = cache_key(
        text=line.text,
        voice=str(line.voice),
        rate=round(rate, 4),
        language=language,
        pack=ctx.packs.identity(PACK),
    )
    return ctx.home.cache / "speech" / key[:2] / f"{key}.wav"


def _speak_batch(
    ctx: StageContext, batch: Sequence[tuple[Line, float, Path]], language: str
) -> None:
    with scratch_folder(ctx.home, "speak") as folder:
        asks = tuple(
            SpeakLine(
                number,
                line.text,
                line.voice.backend_name,
                str(folder / f"{number}.wav"),
                round(rate, 4),
                line.voice.pitch_hz,
            )
            for number, (line, rate, _) in enumerate(batch)
        )
        done: SpeakDone = ctx.call(PACK, SpeakAsk(asks, language))
        for spoken, (line, _, path) in zip(done.lines, batch, strict=True):
            if spoken.note:
                ctx.job.log.info("line %d (%r): %s", line.index, line.text[:60], spoken.note)
            path.parent.mkdir(parents=True, exist_ok=True)
            aside = path.with_name(f".{path.name}.part")
            shutil.move(spoken.wav, aside)
            aside.replace(path)


def _utterance(path: Path, rate: float) -> Utterance:
    with wave.open(str(path), "rb") as file:
        duration_s = file.getnframes() / file.getframerate()
        short = duration_s <= LONGEST_SILENT_S
        silent = short and not any(file.readframes(file.getnframes()))
    return Utterance(path, duration_s, rate, silent)
