"""Reading and writing transcripts and subtitles: srt, vtt, transcript json and plain text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from dubwright_kit import NextAction, Problem
from dubwright_kit.contracts import TextSpan

from .cues import Transcript, Unreadable
from .model import Segment
from .srt import parse_srt, write_srt
from .textfile import TextFile, empty, read_text_file, unreadable
from .transcript_json import parse_transcript_json, transcript_json
from .vtt import parse_vtt, write_vtt
from .wrapping import one_line

__all__ = [
    "FORMS",
    "Form",
    "Transcript",
    "form_of",
    "parse_srt",
    "parse_transcript_json",
    "parse_txt",
    "parse_vtt",
    "read_cues",
    "read_text_file",
    "read_transcript",
    "render",
    "transcript_json",
    "write_srt",
    "write_txt",
    "write_vtt",
]

Form = Literal["srt", "vtt", "json", "txt"]
FORMS: tuple[Form, ...] = ("srt", "vtt", "json", "txt")

_TIMED: dict[Form, Callable[[str], Transcript]] = {
    "srt": parse_srt,
    "vtt": parse_vtt,
    "json": parse_transcript_json,
}


def parse_txt(text: str) -> tuple[TextSpan, ...]:
    """Return one span without times for each line that has text."""
    rows = (one_line(row) for row in text.split("\n"))
    return tuple(TextSpan(row) for row in rows if row)


def write_txt(lines: Iterable[Segment]) -> str:
    """Return the text alone, one line a line."""
    return "".join(f"{line.text}\n" for line in lines)


def form_of(path: Path, text: str) -> Form:
    """Return the file's form: by its content where that is clear, else by its suffix."""
    start = text.lstrip()[:200]
    if start.startswith("WEBVTT"):
        return "vtt"
    suffix = path.suffix.lower().lstrip(".")
    for form in FORMS:
        if suffix == form:
            return form
    if start.startswith(("{", "[")) and '"' in start:
        return "json"
    return "srt" if "-->" in text else "txt"


def read_transcript(path: Path) -> Transcript:
    """Read a file with times (srt, vtt, json).

    Raises Problems ``subtitles-missing``, ``subtitles-empty``, ``subtitles-unreadable`` (naming the
    line) and ``subtitles-untimed`` for plain text.
    """
    file = read_text_file(path)
    form = form_of(path, file.text)
    if form == "txt":
        raise Problem(
            "subtitles-untimed",
            f"{path} is plain text without times; a translation needs to say when each line is "
            "spoken (srt, vtt or json).",
            NextAction("see which files are taken", "dub", {"help": True}),
        )
    return _parsed(path, file, form)


def _parsed(path: Path, file: TextFile, form: Form) -> Transcript:
    try:
        transcript = _TIMED[form](file.text)
    except Unreadable as error:
        raise unreadable(path, str(error)) from error
    if not transcript.lines:
        rows = file.text.count("\n") + 1
        raise empty(path, f"no cue with text in its {rows} lines, read as {form}")
    return replace(transcript, notes=(*file.notes, *transcript.notes))


def read_cues(path: Path) -> tuple[TextSpan, ...]:
    """Read any of the four forms as spans; plain text has none of the times.

    Raises the Problems of :func:`read_transcript` except ``subtitles-untimed``.
    """
    file = read_text_file(path)
    form = form_of(path, file.text)
    if form == "txt":
        spans = parse_txt(file.text)
        if not spans:
            raise empty(path, "it holds no text")
        return spans
    lines = _parsed(path, file, form).lines
    return tuple(TextSpan(line.text, line.start_s, line.end_s) for line in lines)


def render(form: Form, language: str, lines: Sequence[Segment]) -> str:
    """Return the lines in one of :data:`FORMS`."""
    if form == "json":
        return transcript_json(language, lines)
    return {"srt": write_srt, "vtt": write_vtt, "txt": write_txt}[form](lines)
