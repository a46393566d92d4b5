"""translate_v1: the lines that will be spoken, as a translation track with a speaker for each.

They come from, in this order: a file that the user gives now; what the user imported or edited
earlier; the source lines themselves when the language stays (re-voicing); an installed translator.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from dubwright.library.artifacts import cache_key, scratch_folder
from dubwright.library.disk import disk_problem
from dubwright.library.exchange import other_language, with_speakers
from dubwright.library.languages import name, normalise
from dubwright.library.model import Artifact, Segment, Track
from dubwright.library.rows import track_digest
from dubwright.library.speakers import Spoken, turns_in
from dubwright.library.subtitles import Form, read_transcript, render
from dubwright.stages.base import StageContext, StageResult
from dubwright_kit import NextAction, Problem
from dubwright_kit.contracts import TranslateAsk, TranslateDone

NAME = "translate"
VERSION = 1
FORMS: tuple[Form, ...] = ("json", "srt", "vtt")
READY = ("builtin", "installed")
PERSONAL = ("imported", "edited")
"""Origins of tracks that a person made: never replaced unasked."""
ONLY_SPEAKER = "S1"
"""Who speaks a line when nothing tells."""


@dataclass(frozen=True)
class _Plan:
    """Where the lines come from (``backend``), what that depends on, and how to get the track."""

    backend: str
    key: str
    track: Callable[[], Track]


def run(ctx: StageContext) -> StageResult:
    """Return the translation track for option ``to`` and write ``asr/translation.<to>.*``.

    Options: ``to``; ``translation`` (path of srt, vtt or json in that language); ``translator`` (a
    pack's name). Raises Problems ``no-transcript``, ``no-translator``, ``language-unknown``,
    ``language-differs``, those of ``read_transcript`` and of the translator, ``disk-full``.
    """
    language = normalise(str(ctx.options.get("to") or ""))
    newest = ctx.library.newest_track(ctx.item.id, "translation", language)
    given = ctx.options.get("translation")
    plan = (
        _given(ctx, language, newest, Path(str(given)))
        if given
        else _unasked(ctx, language, newest)
    )
    known = ctx.library.find_artifact(ctx.item.id, NAME, plan.backend, plan.key)
    if known is not None and newest is not None and known.info.get("track") == newest.id:
        return StageResult(known, newest, cached=True, info=known.info)
    track = plan.track()
    artifact = _write(ctx, plan, track)
    return StageResult(artifact, track, info=artifact.info)


def _unasked(ctx: StageContext, language: str, newest: Track | None) -> _Plan:
    """What to do when no file is given."""
    if newest is not None and newest.origin in PERSONAL and not ctx.options.get("translator"):
        return _kept(ctx, newest)
    source = ctx.library.newest_track(ctx.item.id, "source")
    if source is None:
        raise Problem(
            "no-transcript",
            f"{ctx.item.title} has no transcript yet, so there is nothing to translate.",
            NextAction("transcribe it", "run", {"_": ["asr_local", ctx.item.id]}),
        )
    if source.language == language:
        return _revoiced(ctx, source)
    return _translated(ctx, source, language)


def _given(ctx: StageContext, language: str, newest: Track | None, path: Path) -> _Plan:
    """The cues of a file are the lines; their speakers are those heard at that time."""
    transcript = read_transcript(path)
    stated = other_language(transcript.language, language)
    if stated is not None:
        raise Problem(
            "language-differs",
            f"{path} says that it is in {name(stated)}, not in {name(language)}.",
            NextAction(
                f"dub to {name(stated)}",
                "dub",
                {"_": [ctx.item.id], "to": stated, "translation": str(path)},
            ),
        )
    if newest is not None and _descends(ctx, newest, transcript.lines):
        return _kept(ctx, newest)
    source = ctx.library.newest_track(ctx.item.id, "source")
    lines = _named(ctx, source, transcript.lines)
    note = "; ".join((path.name, *transcript.notes))
    return _Plan(
        "imported",
        _key(language, track=track_digest(language, lines)),
        lambda: _store(ctx, language, lines, "imported", parent=source, note=note),
    )


def _descends(ctx: StageContext, newest: Track, lines: Sequence[Segment]) -> bool:
    """True when ``newest`` is a person's later version of just these lines: their work stays."""
    wanted = _text_of(lines)
    track = newest
    while track.parent_id is not None:
        track = ctx.library.track(track.parent_id)
        if track.kind != "translation":
            return False
        if _text_of(ctx.library.segments(track.id)) == wanted:
            return True
    return False


def _text_of(lines: Sequence[Segment]) -> list[tuple[float, float, str]]:
    return [(line.start_s, line.end_s, line.text) for line in lines]


def _kept(ctx: StageContext, track: Track) -> _Plan:
    """A person's own track, completed where lines have no speaker."""
    lines = ctx.library.segments(track.id)
    named = lines
    if not all(line.speaker for line in lines):
        named = _named(ctx, ctx.library.newest_track(ctx.item.id, "source"), lines)
    return _Plan(
        "imported",
        _key(track.language, track=track_digest(track.language, named)),
        lambda: (
            track
            if named == lines
            else _store(ctx, track.language, named, track.origin, parent=track, note=track.note)
        ),
    )


def _revoiced(ctx: StageContext, source: Track) -> _Plan:
    """The same language: the source lines are spoken as they are."""
    return _Plan(
        "revoice",
        _key(source.language, source=source.digest),
        lambda: _store(
            ctx,
            source.language,
            _all_named(ctx.library.segments(source.id)),
            "revoice",
            parent=source,
            inherit=True,
        ),
    )


def _translated(ctx: StageContext, source: Track, language: str) -> _Plan:
    pack = _translator(ctx, source, language)

    def translate() -> Track:
        lines = ctx.library.segments(source.id)
        ask = TranslateAsk(tuple(line.text for line in lines), source.language, language)
        done: TranslateDone = ctx.call(pack, ask)
        if len(done.lines) != len(lines):
            raise ValueError(f"{pack} returned {len(done.lines)} lines for {len(lines)}")
        spoken = [
            replace(line, text=text, words=()) for line, text in zip(lines, done.lines, strict=True)
        ]
        origin = f"translated:{pack}"
        return _store(ctx, language, _all_named(spoken), origin, parent=source, inherit=True)

    key = ctx.key(NAME, VERSION, pack, source=source.digest, language=language)
    return _Plan(pack, key, translate)


def _translator(ctx: StageContext, source: Track, language: str) -> str:
    """Return the pack to use: the one asked for, else one that is ready. Raises ``no-translator``."""
    wanted = ctx.options.get("translator")
    if wanted:
        ctx.packs.require(str(wanted))
        return str(wanted)
    packs = ctx.packs.for_stage(NAME)
    for status in packs:
        able = not status.manifest.languages or {source.language, language} <= set(
            status.manifest.languages
        )
        if status.state in READY and able:
            return status.manifest.id
    because = "; ".join(f"{status.manifest.id}: {status.why}" for status in packs if status.why)
    raise Problem(
        "no-translator",
        f"Nothing here translates {name(source.language)} to {name(language)}. Give the translated "
        f"lines as a subtitle file (`track export {source.id} --format srt` writes the lines to "
        "translate), or install Apertium, a program of its own, with a package for "
        f"{source.language}-{language}.",
        NextAction(
            "dub with your translation",
            "dub",
            {"_": [ctx.item.id], "to": language, "translation": "FILE.srt"},
        ),
        because,
    )


def _named(
    ctx: StageContext, source: Track | None, lines: Sequence[Segment]
) -> tuple[Segment, ...]:
    """Give speakers by time: those of the source lines, else of the turns that were found."""
    heard: Sequence[Spoken] = () if source is None else ctx.library.segments(source.id)
    if not any(line.speaker for line in heard):
        found = ctx.library.newest_artifact(ctx.item.id, "diarize")
        if found is not None and ctx.files.diarization_json in found.paths:
            heard = turns_in(ctx.files.diarization_json.read_text("utf-8"))
    return _all_named(with_speakers(lines, heard))


def _all_named(lines: Sequence[Segment]) -> tuple[Segment, ...]:
    return tuple(replace(line, speaker=line.speaker or ONLY_SPEAKER) for line in lines)


def _key(language: str, **parts: Any) -> str:
    return cache_key(stage=NAME, version=VERSION, language=language, **parts)


def _store(
    ctx: StageContext,
    language: str,
    lines: Sequence[Segment],
    origin: str,
    *,
    parent: Track | None,
    note: str = "",
    inherit: bool = False,
) -> Track:
    """Store the lines; with ``inherit`` a draft or approximate parent makes the track one too."""
    return ctx.library.add_track(
        ctx.item.id,
        "translation",
        language,
        lines,
        origin=origin,
        draft=inherit and parent is not None and parent.draft,
        approximate=inherit and parent is not None and parent.approximate,
        parent_id=None if parent is None else parent.id,
        note=note,
    )


def _write(ctx: StageContext, plan: _Plan, track: Track) -> Artifact:
    lines = ctx.library.segments(track.id)
    files: dict[Path, Path] = {}
    info: Mapping[str, Any] = {
        "track": track.id,
        "language": track.language,
        "origin": track.origin,
        "lines": len(lines),
        "speakers": sorted({line.speaker for line in lines if line.speaker}),
        "note": track.note,
    }
    with scratch_folder(ctx.home, NAME) as folder:
        try:
            for form in FORMS:
                path = folder / f"translation.{form}"
                path.write_text(render(form, track.language, lines), "utf-8", newline="\n")
                files[path] = ctx.files.asr / f"translation.{track.language}.{form}"
        except OSError as error:
            raise disk_problem(error, folder) from error
        return ctx.library.adopt(ctx.item.id, NAME, plan.backend, plan.key, files, info)
