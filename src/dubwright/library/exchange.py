"""Tracks out of the library into files' text, and files into the library."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from dubwright_kit import NextAction, Problem

from .languages import name, normalise
from .model import Segment, Track, TrackKind
from .speakers import speakers_by_time
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

    It is a transcript when the item has none yet, or one in this language; else a translation.
    Lines that name no speaker get the one who speaks at that time. Raises the Problems of
    ``read_transcript``, ``language-unknown``, ``language-differs`` (a json that says otherwise) and
    ``item-not-found``.
    """
    item = library.item(item_id)
    code = normalise(language)
    transcript = read_transcript(path)
    _check_language(transcript.language, code, path, item.id)
    source = library.newest_track(item.id, "source")
    kind: TrackKind = "source" if source is None or source.language == code else "translation"
    lines: tuple[Segment, ...] = transcript.lines
    if source is not None:
        lines = with_speakers(lines, library.segments(source.id))
    return library.add_track(
        item.id,
        kind,
        code,
        lines,
        origin="imported",
        parent_id=None if source is None else source.id,
        note="; ".join((path.name, *transcript.notes)),
    )


def with_speakers(lines: tuple[Segment, ...], spoken: tuple[Segment, ...]) -> tuple[Segment, ...]:
    """Return the lines, each without a speaker given the one of the source lines at its time."""
    found = speakers_by_time(lines, spoken)
    return tuple(
        line if line.speaker else replace(line, speaker=speaker)
        for line, speaker in zip(lines, found, strict=True)
    )


def _check_language(stated: str, code: str, path: Path, item_id: str) -> None:
    """A transcript json says its language; a contradiction is more likely a slip than a wish."""
    if not stated:
        return
    try:
        written = normalise(stated)
    except Problem:
        return  # some other program's name for it
    if written != code:
        raise Problem(
            "language-differs",
            f"{path} says that it is in {name(written)}, not in {name(code)}.",
            NextAction(
                "import it in its own language",
                "track import",
                {"_": [item_id, str(path)], "language": written},
            ),
        )
