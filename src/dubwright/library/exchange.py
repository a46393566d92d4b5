"""Tracks out of the library into files' text, and files into the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from dubwright_kit import NextAction, Problem

from .cues import Transcript
from .languages import name, normalise, tagged
from .model import Item, Segment, Track, TrackKind
from .speakers import Spoken, speakers_by_time
from .store import Library
from .subtitles import FORMS, read_transcript, render


def export_track(library: Library, track_id: int, form: str) -> str:
    """Return a track as text. Raises ``track-not-found`` and ``format-unknown``."""
    track = library.track(track_id)
    for known in FORMS:
        if form.lower().lstrip(".") == known:
            return render(known, track.language, library.segments(track.id))
    raise Problem(
        "format-unknown",
        f'Tracks are not written as "{form}"; there are: {", ".join(FORMS)}.',
        NextAction("write srt", "track export", {"_": [track.id], "format": "srt"}),
    )


def import_track(library: Library, item_id: str, path: Path, language: str) -> Track:
    """Store a file with times as a new version of the item's transcript or translation.

    It is a transcript when the item has one in this language, or none yet and its sound is not
    tagged with another language; else a translation.
    Lines that name no speaker get the one who speaks at that time. Raises the Problems of
    ``read_transcript``, ``language-unknown``, ``language-differs`` (a json that says otherwise) and
    ``item-not-found``.
    """
    item = library.item(item_id)
    code = normalise(language)
    source = library.newest_track(item.id, "source")
    spoken = source.language if source is not None else tagged(item)
    kind: TrackKind = "source" if spoken in (None, code) else "translation"
    transcript = _read(path, item, kind, code)
    stated = other_language(transcript.language, code)
    if stated is not None:  # more likely a slip than a wish
        raise Problem(
            "language-differs",
            f"{path} says that it is in {name(stated)}, not in {name(code)}.",
            NextAction(
                "import it in its own language",
                "track import",
                {"_": [item.id, str(path)], "language": stated},
            ),
        )
    lines: tuple[Segment, ...] = transcript.lines
    if source is not None:
        lines = with_speakers(lines, library.segments(source.id))
    parent = library.newest_track(item.id, kind, code) or source
    return library.add_track(
        item.id,
        kind,
        code,
        lines,
        origin="imported",
        parent_id=None if parent is None else parent.id,
        note="; ".join((path.name, *transcript.notes)),
    )


def _read(path: Path, item: Item, kind: TrackKind, code: str) -> Transcript:
    """Read the file; a transcript without times is sent to where it gets them."""
    try:
        return read_transcript(path)
    except Problem as problem:
        if problem.code != "subtitles-untimed" or kind != "source":
            raise
        options = [f"transcript={path}", f"from={code}"]
        raise Problem(
            problem.code,
            f"{path} is plain text without times; it gets them from the sound.",
            NextAction("time it", "run", {"_": ["asr_local", item.id], "option": options}),
        ) from None


def with_speakers(lines: Sequence[Segment], heard: Sequence[Spoken]) -> tuple[Segment, ...]:
    """Return the lines, each without a speaker given the one who is heard at its time."""
    found = speakers_by_time(lines, heard)
    return tuple(
        line if line.speaker else replace(line, speaker=speaker)
        for line, speaker in zip(lines, found, strict=True)
    )


def other_language(stated: str, expected: str) -> str | None:
    """Return what a file says about its language when that is known and is not ``expected``."""
    try:
        written = normalise(stated)
    except Problem:
        return None  # nothing stated, or another program's name for it
    return written if written != expected else None
