"""Reading a log of any size and encoding; what cannot be a log is said to be none."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import BinaryIO

from dubwright_kit import NextAction, Problem

_CHUNK_BYTES = 1 << 18
_HEAD_BYTES = 1 << 20
_TAIL_CHUNKS = 24
_BOMS = (
    (b"\xef\xbb\xbf", "utf-8"),
    (b"\xff\xfe", "utf-16-le"),
    (b"\xfe\xff", "utf-16-be"),
)


def read_log(path: Path) -> str:
    """The text of the log file at ``path``: all of it, or of a huge one its beginning and its end.

    Raises Problem ``pack-log-unreadable`` and ``pack-log-empty``.
    """
    try:
        with path.open("rb") as file:
            return read_stream(file, str(path))
    except (OSError, ValueError) as error:
        what = "a folder" if path.is_dir() else getattr(error, "strerror", None) or str(error)
        raise Problem(
            "pack-log-unreadable",
            f"The log {path} cannot be read: {what}.",
            NextAction("name a log file; the logs of packs are in the data folder", "diagnostics"),
        ) from error


def read_stream(stream: BinaryIO, called: str = "standard input") -> str:
    """Like :func:`read_log`; line numbers stay right, for lines left out are there, empty.

    Raises Problem ``pack-log-empty``.
    """
    head = stream.read(_HEAD_BYTES)
    tail: deque[bytes] = deque()
    left_out = 0
    while chunk := stream.read(_CHUNK_BYTES):
        tail.append(chunk)
        if len(tail) > _TAIL_CHUNKS:
            left_out += tail.popleft().count(b"\n")
    encoding = _encoding(head)
    text = _decoded(head, encoding)
    if tail:
        text += "\n" * left_out + _decoded(b"".join(tail), encoding)
    if not text.strip("\x00\ufeff \t\r\n"):
        raise Problem(
            "pack-log-empty",
            f"The log {called} is empty, so it explains nothing.",
            NextAction("name the log of an install that failed", "packs"),
        )
    return text


def _decoded(data: bytes, encoding: str) -> str:
    return data.decode(encoding, errors="replace")


def _encoding(head: bytes) -> str:
    """PowerShell writes what it redirects as UTF-16."""
    for mark, encoding in _BOMS:
        if head.startswith(mark):
            return encoding
    sample = head[:4000]
    if len(sample) >= 8 and sample[1::2].count(0) > len(sample) // 4:
        return "utf-16-le"
    return "utf-8"
