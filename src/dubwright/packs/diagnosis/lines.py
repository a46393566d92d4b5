"""A log as clean numbered lines: bounded, without colours, progress bars and passwords."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dubwright.packs.diagnosis.redact import redact

LINE_CHARS = 1200
"""A longer line is shown by its beginning and its end."""
_HEAD_CHARS = 100_000
_TAIL_CHARS = 600_000
_RAW_CHARS = 2_400
_REWRITES = 4

_ESCAPE = re.compile(
    r"\x1b\[[0-?]{0,40}[ -/]{0,10}[@-~]|\x1b\][^\x07\x1b]{0,500}(?:\x07|\x1b\\)?|\x1b[ -~]?"
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff]")
# What builders of images and CI put before each line.
_STAMP = re.compile(
    r"^(?:#\d{1,4} \d{1,6}\.\d{1,4} ?|\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d[.\d]{0,12}Z ?|\d{1,4}\.\d\d+ (?=error|ERROR|  ))"
)

# uv folds its explanations at the width of a terminal: such a line goes on in the next.
_FOLDED = re.compile(
    r"^\s{0,12}(?:[×╰├│]|x |\||`->|error:|cause:|hint:|help:|Caused by|And because|Because|we can conclude)"
)
_ITEM = re.compile(
    r"^\s*(?:[×╰├]|\|->|`->|And because|Because|we can conclude that (?:all of|the)|error|cause:|hint:|help:|note:|Caused by"
    r"|File |\[|\^|[\w.-]+(?:\[[\w,-]+\])?[<>=!~]=?[\w.,<>=!~*]+$)"
)
_FOLD_CHARS = 50


@dataclass(frozen=True)
class Line:
    """``number`` counts from 1 in the whole log."""

    number: int
    text: str


def clean_lines(text: str) -> list[Line]:
    """The lines of a log that say something: of a huge one those at its beginning and its end."""
    raw = text.replace("\r\n", "\n").split("\n")
    head = _count(raw, _HEAD_CHARS)
    tail = min(_count(reversed(raw), _TAIL_CHARS), len(raw) - head)
    picked = (*range(head), *range(len(raw) - tail, len(raw)))
    return list(_unfolded(line for index in picked for line in _rewrites(index + 1, raw[index])))


def _count(raw: Iterable[str], chars: int) -> int:
    """How many lines make up ``chars``, each counted as long as it is looked at."""
    count = 0
    for line in raw:
        chars -= min(len(line), _RAW_CHARS) + 20
        if chars < 0:
            break
        count += 1
    return count


def _rewrites(number: int, raw: str) -> Iterator[Line]:
    """A progress bar writes one line many times: its last states are what was left to see."""
    if "\r" not in raw:
        yield Line(number, _clean(raw))
        return
    shown = [piece for piece in raw[-LINE_CHARS * 40 :].split("\r") if piece.strip()]
    for piece in shown[-_REWRITES:]:
        yield Line(number, _clean(piece))


def _clean(raw: str) -> str:
    if len(raw) > _RAW_CHARS:
        # The end begins at a word, so that no half of an address with its password is left.
        _, _, end = raw[-_RAW_CHARS // 2 :].partition(" ")
        raw = f"{raw[: _RAW_CHARS // 2]} ... {end}"
    text = redact(_CONTROL.sub("", _ESCAPE.sub("", raw)))
    text = _STAMP.sub("", text).rstrip()
    if len(text) > LINE_CHARS:
        text = f"{text[: LINE_CHARS * 2 // 3]} ... {text[-LINE_CHARS // 3 :]}"
    return text


def _unfolded(lines: Iterable[Line]) -> Iterator[Line]:
    """Put together what uv has folded."""
    held: Line | None = None
    last_chars = 0
    for line in lines:
        if held is not None:
            if _goes_on(held.text, last_chars, line.text):
                rest = line.text.lstrip(" │|")
                last_chars = len(line.text)
                held = Line(held.number, f"{held.text} {rest}"[: 2 * LINE_CHARS])
                continue
            yield held
        held, last_chars = line, len(line.text)
    if held is not None:
        yield held


def _goes_on(text: str, last_chars: int, following: str) -> bool:
    return (
        last_chars >= _FOLD_CHARS
        and following[:1] in (" ", "│", "|")
        and following.strip(" │|") != ""
        and not text.endswith((".", ". (1)"))
        and not (text.endswith(":") and not text.endswith("archive:"))
        and _FOLDED.match(text) is not None
        and _ITEM.match(following.lstrip("│| ")) is None
    )
