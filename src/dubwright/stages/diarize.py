"""diarize_local_v1: who speaks when, and a new version of the transcript with speakers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from dubwright.library.artifacts import scratch_folder
from dubwright.library.model import Artifact, Segment, Track
from dubwright.library.segmentation import split_at_turns, words_of
from dubwright.stages.base import StageContext, StageResult
from dubwright.stages.listen import Heard, heard
from dubwright_kit import NextAction, Problem
from dubwright_kit.contracts import DiarizeAsk, DiarizeDone, Turn

NAME = "diarize"
VERSION = 1
PACK = "diarization"
ONLY_SPEAKER = "S1"
PERSONAL = ("imported", "edited")
"""Origins of tracks whose speakers, where all are named, are a person's and stay."""


def run(ctx: StageContext) -> StageResult:
    """Write ``diarize/diarization.json`` and a source track whose segments each have one speaker.

    Options: ``speakers`` (how many, if known), ``diarizer`` (a pack), ``without_transcript`` (only
    the turns: the lines come from an imported translation). Raises Problems ``no-transcript``,
    ``no-working-audio``, ``pack-not-installed``, ``disk-full``.
    """
    base = _base(ctx)
    voice = heard(ctx)
    wanted = ctx.options.get("speakers")
    count = int(wanted) if wanted else None
    pack = str(ctx.options.get("diarizer") or PACK)
    alone = count == 1 and ctx.packs.status(pack).state != "installed"
    key = ctx.key(
        NAME,
        VERSION,
        None if alone else pack,
        sound=voice.key,
        speakers=count,
        track=base.digest if base else "",
    )
    known = ctx.library.find_artifact(ctx.item.id, NAME, pack, key)
    if known is not None:
        track = _known_track(ctx, base, known)
        if track is not None or base is None:
            return StageResult(known, track, cached=True, info=known.info)
    segments = ctx.library.segments(base.id) if base else ()
    done = _single(voice) if alone else _ask(ctx, pack, segments, count, voice)
    track = _labelled(ctx, base, segments, done.turns)
    artifact = _write(ctx, pack, key, done, count, track)
    return StageResult(artifact, track, info=artifact.info)


def _base(ctx: StageContext) -> Track | None:
    """The transcript to label: the newest, or what the newest labelled one was made from."""
    newest = ctx.library.newest_track(ctx.item.id, "source")
    if newest is None:
        if ctx.options.get("without_transcript"):
            return None
        raise Problem(
            "no-transcript",
            f"{ctx.item.title} has no transcript yet; speakers are told apart line by line.",
            NextAction("transcribe it first", "run", {"_": ["asr_local", ctx.item.id]}),
        )
    while newest.origin == "diarized" and newest.parent_id is not None:
        newest = ctx.library.track(newest.parent_id)
    return newest


def _known_track(ctx: StageContext, base: Track | None, known: Artifact) -> Track | None:
    """The labelled track of an earlier run, if it is still the newest one."""
    newest = ctx.library.newest_track(ctx.item.id, "source")
    if base is None or newest is None:
        return None
    return newest if known.info.get("track") == newest.id else None


def _ask(
    ctx: StageContext, pack: str, segments: Sequence[Segment], count: int | None, voice: Heard
) -> DiarizeDone:
    words = tuple(word for segment in segments if segment.words for word in words_of(segment))
    # The film itself, not the separated voice: separation changes how voices sound, and speakers are
    # told apart less well by it.
    ask = DiarizeAsk(str(ctx.files.speech_wav), voice.speech, count, words)
    done: DiarizeDone = ctx.call(pack, ask)
    return done


def _single(voice: Heard) -> DiarizeDone:
    """One person speaks whenever somebody does; needs no pack."""
    turns = tuple(Turn(start, end, ONLY_SPEAKER) for start, end in voice.speech)
    return DiarizeDone((ONLY_SPEAKER,), turns)


def _labelled(
    ctx: StageContext, base: Track | None, segments: Sequence[Segment], turns: Sequence[Turn]
) -> Track | None:
    """Store the transcript with speakers. A person's own names for all lines are kept."""
    if base is None:
        return None
    if base.origin in PERSONAL and segments and all(one.speaker for one in segments):
        return base
    return ctx.library.add_track(
        ctx.item.id,
        "source",
        base.language,
        split_at_turns(segments, turns),
        origin="diarized",
        draft=base.draft,
        approximate=base.approximate,
        parent_id=base.id,
        note=base.note,
    )


def _write(
    ctx: StageContext,
    pack: str,
    key: str,
    done: DiarizeDone,
    count: int | None,
    track: Track | None,
) -> Artifact:
    document = {
        "speakers": list(done.speakers),
        "turns": [
            {"start_s": turn.start_s, "end_s": turn.end_s, "speaker": turn.speaker}
            for turn in done.turns
        ],
        "backend": pack,
        "options": {"speakers": count},
    }
    info = {
        "speakers": list(done.speakers),
        "median_f0_hz": dict(done.median_f0_hz),
        "turns": len(done.turns),
        "track": track.id if track else None,
    }
    with scratch_folder(ctx.home, NAME) as folder:
        path = folder / "diarization.json"
        path.write_text(json.dumps(document, indent=1), "utf-8")
        places = {Path(path): ctx.files.diarization_json}
        return ctx.library.adopt(ctx.item.id, NAME, pack, key, places, info)
