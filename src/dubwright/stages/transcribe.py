"""asr_local: a transcript with word times, recognised (a draft) or made from the user's own text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dubwright.library.artifacts import scratch_folder
from dubwright.library.disk import disk_problem
from dubwright.library.languages import normalise, tagged
from dubwright.library.model import Artifact, Segment
from dubwright.library.segmentation import segment_words, snap_cues, spread_text
from dubwright.library.subtitles import Form, read_cues, render
from dubwright.stages.base import StageContext, StageResult
from dubwright.stages.listen import Heard as Voice
from dubwright.stages.listen import heard as heard_voice
from dubwright.stages.separate import working_audio
from dubwright_kit import NextAction, Problem
from dubwright_kit.contracts import Span, TextSpan, TranscribeAsk, TranscribeDone, Word

NAME = "transcribe"
VERSION = 1
FORMS: tuple[Form, ...] = ("json", "srt", "vtt")
DEFAULT_ASR = "pocketsphinx"
DEFAULT_LANGUAGE = "en"
LONGEST_CUE_S = 12.0
"""A given cue longer than this is divided like running text; shorter ones stay as they are."""


@dataclass(frozen=True)
class Heard:
    """What became of the sound or the given text."""

    lines: tuple[Segment, ...]
    origin: str
    draft: bool
    approximate: bool
    note: str


def run(ctx: StageContext) -> StageResult:
    """Write ``asr/transcript.{json,srt,vtt}`` and a source track.

    Options: ``transcript`` (path of txt, srt, vtt or json), ``from`` (language), ``asr`` (name of the
    recogniser). Raises Problems ``asr-language``, ``pack-not-installed``, ``language-unknown``,
    those of reading the file, ``disk-full``.
    """
    language, assumed = spoken_language(ctx)
    voice = heard_voice(ctx)
    pack = f"asr-{ctx.options.get('asr') or DEFAULT_ASR}"
    given = ctx.options.get("transcript")
    path = Path(str(given)) if given else None
    cues = read_cues(path) if path else ()
    align = path is not None and _can_align(ctx, pack, language)
    if path is None:
        _require_recogniser(ctx, pack, language)
    uses_pack = path is None or align
    key = ctx.key(
        NAME,
        VERSION,
        pack if uses_pack else None,
        # A text that was given stays what it is, with what was edited in it, whatever is separated later.
        sound=voice.key if path is None else working_audio(ctx).key,
        language=language,
        text=[[cue.text, cue.start_s, cue.end_s] for cue in cues],
    )
    known = ctx.library.find_artifact(ctx.item.id, NAME, pack, key)
    if known is not None and _still_newest(ctx, known):
        track = ctx.library.track(int(known.info["track"]))
        return StageResult(known, track, cached=True, info=known.info)
    speech = voice.speech
    if path is None and not speech:
        heard = Heard((), pack.replace("asr-", "asr:", 1), True, False, "nobody speaks")
    elif path is None:
        heard = _recognised(ctx, pack, language, voice)
    elif align and speech:
        heard = _aligned(ctx, pack, language, cues, voice, path.name)
    else:
        heard = _placed(cues, speech, path.name)
    if assumed:
        heard = replace(heard, note=f"{heard.note}; language not given, taken as {language}")
    return _store(ctx, pack, key, language, heard)


def spoken_language(ctx: StageContext) -> tuple[str, bool]:
    """The language spoken in the film, and whether that is only assumed."""
    wanted = ctx.options.get("from")
    if wanted:
        return normalise(str(wanted)), False
    tag = tagged(ctx.item)
    return (tag, False) if tag else (DEFAULT_LANGUAGE, True)


def _require_recogniser(ctx: StageContext, pack: str, language: str) -> None:
    """Raises what keeps the pack from use, and ``asr-language`` when it does not know the language."""
    known = ctx.packs.require(pack).manifest.languages
    if language not in known:
        raise Problem(
            "asr-language",
            f"{pack} knows {', '.join(known)}; the speech of {ctx.item.title} is taken as {language}.",
            NextAction(
                "give the transcript (or the language, if it is another: from=en)",
                "run",
                {
                    "_": ["asr_local", ctx.item.id],
                    "option": [f"from={language}", "transcript=FILE.srt"],
                },
            ),
        )


def _can_align(ctx: StageContext, pack: str, language: str) -> bool:
    """Alignment needs the pack and a language it knows; without it times are snapped or spread."""
    status = ctx.packs.status(pack)
    return status.state == "installed" and language in status.manifest.languages


def _still_newest(ctx: StageContext, known: Artifact) -> bool:
    """True while no person has made a newer version, and the track that was made is there."""
    number = known.info.get("track")
    return any(track.id == number for track in ctx.library.tracks(ctx.item.id))


def _recognised(ctx: StageContext, pack: str, language: str, voice: Voice) -> Heard:
    ask = TranscribeAsk(str(voice.speech_wav), language, (), voice.speech)
    done: TranscribeDone = ctx.call(pack, ask)
    lines = segment_words(done.words, punctuated=False) if done.draft else segment_words(done.words)
    return Heard(tuple(lines), pack.replace("asr-", "asr:", 1), done.draft, False, "")


def _aligned(
    ctx: StageContext,
    pack: str,
    language: str,
    cues: tuple[TextSpan, ...],
    voice: Voice,
    name: str,
) -> Heard:
    done: TranscribeDone = ctx.call(
        pack, TranscribeAsk(str(voice.speech_wav), language, cues, voice.speech)
    )
    lost = sum(word.p <= 0 for word in done.words)
    note = name if not lost else f"{name}; {lost} of {len(done.words)} words placed by estimate"
    timed = all(cue.start_s is not None for cue in cues)
    lines = _in_cues(cues, done.words) if timed else _in_paragraphs(cues, done.words)
    return Heard(lines, "aligned", False, 2 * lost > len(done.words), note)


def _in_paragraphs(cues: Sequence[TextSpan], words: Sequence[Word]) -> tuple[Segment, ...]:
    """Every given line begins a new line; long ones are divided at sentences and pauses."""
    lines: list[Segment] = []
    at = 0
    for cue in cues:
        count = len(cue.text.split())
        lines += segment_words(words[at : at + count])
        at += count
    return _numbered(lines)


def _in_cues(cues: Sequence[TextSpan], words: Sequence[Word]) -> tuple[Segment, ...]:
    """The given cues stay lines, from their first word's start to their last word's end."""
    lines: list[Segment] = []
    at = 0
    for cue in cues:
        own = tuple(words[at : at + len(cue.text.split())])
        at += len(own)
        if not own:
            continue
        if own[-1].end_s - own[0].start_s > LONGEST_CUE_S:
            lines += segment_words(own)
        else:
            text = " ".join(word.text for word in own)
            lines.append(Segment(0, own[0].start_s, own[-1].end_s, text, None, own))
    return _numbered(lines)


def _numbered(lines: Sequence[Segment]) -> tuple[Segment, ...]:
    return tuple(replace(line, index=index) for index, line in enumerate(lines))


def _placed(cues: Sequence[TextSpan], speech: tuple[Span, ...], name: str) -> Heard:
    """Without an aligner: timed cues move to the nearest speech, plain text is spread over it."""
    if all(cue.start_s is not None and cue.end_s is not None for cue in cues):
        lines = tuple(
            Segment(index, float(cue.start_s or 0.0), float(cue.end_s or 0.0), cue.text)
            for index, cue in enumerate(cues)
        )
        return Heard(
            snap_cues(lines, speech), "imported", False, True, f"{name}; times snapped to speech"
        )
    spans = speech or ((0.0, max(1.0, 0.3 * sum(len(cue.text.split()) for cue in cues))),)
    return Heard(spread_text(cues, spans), "imported", False, True, f"{name}; times are estimates")


def _store(ctx: StageContext, pack: str, key: str, language: str, heard: Heard) -> StageResult:
    track = ctx.library.add_track(
        ctx.item.id,
        "source",
        language,
        heard.lines,
        origin=heard.origin,
        draft=heard.draft,
        approximate=heard.approximate,
        note=heard.note.strip("; "),
    )
    info = {
        "track": track.id,
        "language": language,
        "origin": heard.origin,
        "draft": heard.draft,
        "approximate": heard.approximate,
        "lines": len(heard.lines),
        "words": sum(len(line.words) for line in heard.lines),
        "note": track.note,
    }
    with scratch_folder(ctx.home, NAME) as folder:
        places = {}
        try:
            for form in FORMS:
                path = folder / f"transcript.{form}"
                path.write_text(render(form, language, heard.lines), "utf-8")
                places[path] = ctx.files.asr / path.name
        except OSError as error:
            raise disk_problem(error, folder) from error
        artifact = ctx.library.adopt(ctx.item.id, NAME, pack, key, places, info)
    return StageResult(artifact, track, info=info)
