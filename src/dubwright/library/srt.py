"""SubRip (.srt), as found in the wild."""

from __future__ import annotations

import re
from collections.abc import Iterable

from .cues import CueList, Transcript, Unreadable, clock_parts, clock_s, millisecond_span
from .model import Segment
from .wrapping import one_line, wrap

_TIME = r"(?:(\d+)\s*:\s*)?(\d{1,3})\s*:\s*(\d{1,2})(?:\s*[.,:;]\s*(\d{1,9}))?"
_TIMING = re.compile(rf"\s*{_TIME}\s*(?:-{{1,3}}>|→)\s*{_TIME}(?:\s+.*)?$")
_LIKE_TIMING = re.compile(r"\s*\d+\s*:.*(?:-{1,3}>|→)")
_TAG = re.compile(r"</?(?:i|b|u|s|em|strong|font|span|c|v|ruby|rt|lang)(?:[\s.=][^<>\n]*)?>", re.I)
_OVERRIDE = re.compile(r"\{\\[^{}\n]*\}|\{[yY]:[a-z,]+\}")


def parse_srt(text: str) -> Transcript:
    """Read SubRip text.

    Blank lines, numbers and hours may be missing, "." stand for ","; tags and ``{\\an8}`` go.
    Raises :class:`cues.Unreadable` for a timing line that makes no sense.
    """
    rows = text.split("\n")
    timings = _timing_rows(rows)
    ahead = "".join(rows[: timings[0]]).strip() if timings else ""
    numbered = ahead[-1:].isdecimal()
    cues = CueList()
    for order, row in enumerate(timings):
        stop = timings[order + 1] if order + 1 < len(timings) else len(rows)
        body = rows[row + 1 : stop]
        if numbered and order + 1 < len(timings):
            body = _without_number(body)
        start_s, end_s = _times(rows[row])
        cues.add(start_s, end_s, plain("\n".join(body)))
    return cues.transcript()


def _timing_rows(rows: list[str]) -> list[int]:
    found = []
    for number, row in enumerate(rows):
        if _TIMING.match(row):
            found.append(number)
        elif _LIKE_TIMING.match(row) or ("-->" in row and _opens_cue(rows, number)):
            raise Unreadable(f'"{row.strip()[:60]}" is not a start and an end time', number + 1)
    return found


def _without_number(body: list[str]) -> list[str]:
    """Drop the next cue's number from the end of a cue's rows; a number that is said stays."""
    filled = [position for position, row in enumerate(body) if row.strip()]
    if not filled or not body[filled[-1]].strip().isdecimal():
        return body
    at = filled[-1]
    alone = at > 0 and not body[at - 1].strip() and len(filled) > 1
    return body[:at] if at == len(body) - 1 or alone else body


def _opens_cue(rows: list[str], number: int) -> bool:
    before = rows[number - 1].strip() if number else ""
    return not before or before.isdecimal()


def _times(row: str) -> tuple[float, float]:
    match = _TIMING.match(row)
    if match is None:  # the caller found the row with this very pattern
        raise ValueError(row)
    parts = match.groups()
    return clock_s(parts[0], parts[1], parts[2], parts[3]), clock_s(
        parts[4], parts[5], parts[6], parts[7]
    )


def plain(text: str) -> str:
    """Return a cue's text in one line without tags, overrides and bare arrows."""
    return one_line(_OVERRIDE.sub("", _TAG.sub("", text)))


def write_srt(lines: Iterable[Segment]) -> str:
    """Return SubRip text, rows of at most 42 columns, times in milliseconds."""
    blocks = []
    for number, line in enumerate(lines, start=1):
        start_s, end_s = millisecond_span(line)
        rows = "\n".join(wrap(line.text.replace("-->", "→")))
        blocks.append(f"{number}\n{_clock(start_s)} --> {_clock(end_s)}\n{rows}\n")
    return "\n".join(blocks)


def _clock(time_s: float) -> str:
    hours, minutes, seconds, milliseconds = clock_parts(time_s)
    return f"{hours:02}:{minutes:02}:{seconds:02},{milliseconds:03}"
