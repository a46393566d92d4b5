"""Reading a text file that somebody else's program wrote, whatever its encoding."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from pathlib import Path

from dubwright_kit import NextAction, Problem

LARGEST_BYTES = 50_000_000
"""Subtitles of the longest film are under 2 MB; more is some other file."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NOT_TEXT = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\ufffe\uffff]")


@dataclass(frozen=True)
class TextFile:
    """A file's text with "\\n" line ends, and what was assumed to read it."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def read_text_file(path: Path) -> TextFile:
    """Read text in UTF-8, UTF-16 or UTF-32 (by mark or pattern), else as Windows-1252 with a note.

    Raises Problems ``subtitles-missing``, ``subtitles-empty`` and ``subtitles-unreadable``.
    """
    try:
        size_bytes = path.stat().st_size
        if path.is_dir():
            raise unreadable(path, "it is a folder")
        if size_bytes > LARGEST_BYTES:
            raise unreadable(path, f"it has {size_bytes:,} bytes, which no subtitle file has")
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise Problem(
            "subtitles-missing",
            f"{path} does not exist.",
            NextAction("see which files are taken", "dub", {"help": True}),
        ) from error
    except OSError as error:
        raise unreadable(path, str(error.strerror or error)) from error
    if not data.strip(b"\x00\xff\xfe\xef\xbb\xbf \t\r\n"):
        raise empty(path, "it holds no text")
    return decode(data, path)


def decode(data: bytes, path: Path) -> TextFile:
    """Return the text of ``data``; ``path`` is for messages."""
    notes: list[str] = []
    encoding = _encoding(data)
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding not in ("utf-8", "utf-8-sig"):
            raise unreadable(path, f"it is not valid {encoding.upper()}", error.start) from error
        encoding = "cp1252"
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            encoding = "latin-1"
            text = data.decode(encoding)
        notes.append(
            f"{path.name} is not UTF-8 and was read as Windows-1252; "
            "if letters look wrong, save it as UTF-8"
        )
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    wrong = _NOT_TEXT.search(text)
    if wrong is not None:
        line = text.count("\n", 0, wrong.start()) + 1
        raise unreadable(path, f"it is not text (line {line} holds a control character)")
    return TextFile(text.removeprefix("\ufeff"), encoding, tuple(notes))


def unreadable(path: Path, why: str, at_byte: int | None = None) -> Problem:
    """Return Problem ``subtitles-unreadable``; ``why`` completes "cannot be read: ..."."""
    where = "" if at_byte is None else f" (byte {at_byte})"
    return Problem(
        "subtitles-unreadable",
        f"{path} cannot be read: {why}{where}.",
        NextAction("correct the file, or see which files are taken", "dub", {"help": True}),
    )


def empty(path: Path, why: str) -> Problem:
    """Return Problem ``subtitles-empty``."""
    return Problem(
        "subtitles-empty",
        f"{path} has no lines to use: {why}.",
        NextAction("choose another file, or see which files are taken", "dub", {"help": True}),
    )


def _encoding(data: bytes) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return encoding
    # UTF-16 without a mark: Latin text has a zero in every other byte, on one side.
    sample = data[:4096]
    if len(sample) >= 4 and len(data) % 2 == 0:
        pairs = len(sample) // 2
        if sample[1::2].count(0) > 0.4 * pairs and sample[0::2].count(0) == 0:
            return "utf-16-le"
        if sample[0::2].count(0) > 0.4 * pairs and sample[1::2].count(0) == 0:
            return "utf-16-be"
    return "utf-8"
