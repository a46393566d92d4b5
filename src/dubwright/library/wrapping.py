"""How wide text is on a screen, and how it breaks into subtitle rows."""

from __future__ import annotations

import re
import unicodedata

ROW_COLUMNS = 42
"""Columns of one subtitle row (a wide East Asian character takes two)."""
ROWS = 2

_NO_ROW_START = (
    "、。，．・：；？！）〕］｝〉》」』】ー々ぁぃぅぇぉっゃゅょァィゥェォッャュョ,.!?;:)]}»”’%…"
)
_NO_ROW_END = "（〔［｛〈《「『【([{«“‘"


def columns(text: str) -> int:
    """Return the columns that ``text`` takes: wide characters count 2, combining marks 0."""
    if text.isascii():
        return len(text)
    total = 0
    for mark in text:
        if unicodedata.combining(mark) or unicodedata.category(mark) == "Cf":
            continue
        total += 2 if is_wide(mark) else 1
    return total


def is_wide(mark: str) -> bool:
    """True for a character as wide as two Latin ones."""
    return unicodedata.east_asian_width(mark) in "WF"


def has_no_spaces(mark: str) -> bool:
    """True for scripts written without spaces between words (Han and kana; Hangul has spaces)."""
    return is_wide(mark) and not 0xAC00 <= ord(mark) <= 0xD7A3 and ord(mark) < 0x1F000


def join(left: str, right: str) -> str:
    """Join two pieces of one sentence: with a space, or without between Han or kana."""
    if not left or not right:
        return left or right
    if has_no_spaces(left[-1]) and has_no_spaces(right[0]):
        return left + right
    return f"{left} {right}"


def one_line(text: str) -> str:
    """Return the text with its rows joined and its white space collapsed."""
    joined = ""
    for row in text.splitlines():
        joined = join(joined, " ".join(row.split()))
    return joined


def breakable(text: str) -> list[str]:
    """Return the smallest pieces that may stand at a row's end; joined they are ``text`` again.

    Breaks are only where :func:`join` puts back exactly what was there.
    """
    if text.isascii():
        return re.findall(r"[^ ]* |[^ ]+", text)
    pieces: list[str] = []
    current = ""
    for position, mark in enumerate(text):
        current += mark
        following = text[position + 1] if position + 1 < len(text) else ""
        unspaced = following != "" and has_no_spaces(mark) and has_no_spaces(following)
        # A space between two such marks is no place to break: joining the rows would lose it.
        after_space = mark == " " and not (
            position > 0
            and has_no_spaces(text[position - 1])
            and following != ""
            and has_no_spaces(following)
        )
        if after_space or (unspaced and mark not in _NO_ROW_END and following not in _NO_ROW_START):
            pieces.append(current)
            current = ""
    if current:
        pieces.append(current)
    return pieces


def wrap(text: str, row_columns: int = ROW_COLUMNS) -> list[str]:
    """Break ``text`` into as few rows of at most ``row_columns`` as its words allow, evenly filled.

    A single word wider than a row stays whole (Han and kana break anywhere punctuation allows).
    """
    text = one_line(text)
    if columns(text) <= row_columns:
        return [text] if text else []
    pieces = breakable(text)
    wanted = len(_fill(pieces, row_columns))
    # The narrowest limit that needs no more rows makes them even.
    low, high = columns(text) // wanted, row_columns
    while low < high:
        middle = (low + high) // 2
        rows = _fill(pieces, middle)
        if len(rows) <= wanted and max(map(columns, rows)) <= max(middle, _widest(pieces)):
            high = middle
        else:
            low = middle + 1
    return _fill(pieces, high)


def fits(text: str, row_columns: int = ROW_COLUMNS, rows: int = ROWS) -> bool:
    """True when :func:`wrap` needs at most ``rows`` rows, none of them too wide."""
    if columns(text) <= row_columns:
        return True
    if columns(text) > row_columns * rows + rows:
        return False
    wrapped = _fill(breakable(one_line(text)), row_columns)
    return len(wrapped) <= rows and all(columns(row) <= row_columns for row in wrapped)


def _fill(pieces: list[str], row_columns: int) -> list[str]:
    rows: list[str] = []
    current = ""
    for piece in pieces:
        if current and columns((current + piece).rstrip()) > row_columns:
            rows.append(current.rstrip())
            current = piece
        else:
            current += piece
    if current.strip():
        rows.append(current.rstrip())
    return rows


def _widest(pieces: list[str]) -> int:
    return max(columns(piece.rstrip()) for piece in pieces)
