"""WebVTT (.vtt, W3C)."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable

from .cues import CueList, Transcript, Unreadable, clock_parts, clock_s, millisecond_span
from .model import Segment
from .wrapping import one_line, wrap

_TIME = r"(?:(\d+):)?(\d{1,2}):(\d{1,2})(?:[.,](\d{1,9}))?"
_TIMING = re.compile(rf"\s*{_TIME}\s*-->\s*{_TIME}(?:\s+.*)?$")
_VOICE = re.compile(r"<v(?:\.[^\s>]*)?\s+([^>]+)>", re.I)
_TAG = re.compile(r"</?[a-z][^<>]*>|</?>|<\d[\d:.]*>", re.I)
_SKIPPED = re.compile(r"(?:NOTE|STYLE|REGION)(?:\s|$)")


def parse_vtt(text: str) -> Transcript:
    """Read WebVTT: header, NOTE, STYLE, REGION and settings are passed over, tags stripped.

    ``<v Name>`` gives the cue's speaker. A missing header is noted. Raises
    :class:`cues.Unreadable` for a timing line that makes no sense.
    """
    rows = text.split("\n")
    cues = CueList()
    number = 0
    if rows and rows[0].startswith("WEBVTT"):
        while number < len(rows) and rows[number].strip() and not _TIMING.match(rows[number]):
            number += 1
    else:
        cues.notes.append("the WEBVTT header is missing")
    while number < len(rows):
        row = rows[number]
        timing = _TIMING.match(row)
        if timing is not None:
            stop = _body_end(rows, number + 1)
            parts = timing.groups()
            said, speaker = spoken("\n".join(rows[number + 1 : stop]))
            cues.add(clock_s(*_four(parts[:4])), clock_s(*_four(parts[4:])), said, speaker)
            number = stop
        elif "-->" in row:
            raise Unreadable(f'"{row.strip()[:60]}" is not a start and an end time', number + 1)
        elif _SKIPPED.match(row):
            while number < len(rows) and rows[number].strip():
                number += 1
        else:
            number += 1  # a blank line or a cue's name
    return cues.transcript()


def _body_end(rows: list[str], start: int) -> int:
    """The cue ends at a blank line; where that is missing, before the next cue's timing."""
    for number in range(start, len(rows)):
        if not rows[number].strip() or _TIMING.match(rows[number]):
            return number
    return len(rows)


def _four(parts: tuple[str | None, ...]) -> tuple[str | None, str, str, str | None]:
    return parts[0], parts[1] or "0", parts[2] or "0", parts[3]


def spoken(text: str) -> tuple[str, str | None]:
    """Return a cue's plain text and its voice (the first, where there are several)."""
    voice = _VOICE.search(text)
    speaker = one_line(html.unescape(voice.group(1))) if voice else None
    return one_line(html.unescape(_TAG.sub("", text))), speaker


def write_vtt(lines: Iterable[Segment]) -> str:
    """Return WebVTT text with ``<v Name>`` for speakers, rows of at most 42 columns."""
    blocks = ["WEBVTT\n"]
    for line in lines:
        start_s, end_s = millisecond_span(line)
        voice = f"<v {_escaped(one_line(line.speaker))}>" if line.speaker else ""
        rows = "\n".join(_escaped(row) for row in wrap(line.text))
        blocks.append(f"{_clock(start_s)} --> {_clock(end_s)}\n{voice}{rows}\n")
    return "\n".join(blocks)


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(time_s: float) -> str:
    hours, minutes, seconds, milliseconds = clock_parts(time_s)
    return f"{hours:02}:{minutes:02}:{seconds:02}.{milliseconds:03}"
