"""The speech of a long recording as chunks that a decoder takes in one piece.

Pauses are cut short: a decoder normalises over the chunk it is given, and one that is mostly
silence makes speech look like noise.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from typing import List, Sequence, Tuple

Span = Tuple[float, float]

PAD_S = 0.25
"""Kept around each span of speech; voice activity detectors clip soft beginnings."""


@dataclass(frozen=True)
class Chunk:
    """Stretches of the recording, to be heard one after another without what lies between."""

    pieces: Tuple[Span, ...]

    @property
    def length_s(self) -> float:
        return sum(b - a for a, b in self.pieces)

    def span(self, start_s: float, end_s: float) -> Span:
        """The recording's times of a stretch of the chunk.

        A stretch that crosses a cut is given the side on which its middle lies: a decoder lets a
        word begin or end in the silence that was left around the cut.
        """
        middle = (start_s + end_s) / 2
        passed = 0.0
        for number, (a, b) in enumerate(self.pieces):
            if middle < passed + (b - a) or number == len(self.pieces) - 1:
                start = min(b, max(a, a + start_s - passed))
                return start, max(start, min(b, a + end_s - passed))
            passed += b - a
        raise ValueError("a chunk without pieces")


def padded(speech: Sequence[Span], end_s: float, pad_s: float = PAD_S) -> List[Span]:
    """``speech`` widened on both sides and merged, within 0..``end_s``; all of it when empty."""
    merged: List[Span] = []
    for start, end in sorted(speech):
        a, b = max(0.0, start - pad_s), min(end_s, end + pad_s)
        if b <= a:
            continue
        if merged and a <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], b))
        else:
            merged.append((a, b))
    return merged or [(0.0, end_s)]


def chunks(spans: Sequence[Span], longest_s: float) -> List[Chunk]:
    """Group ``spans`` into chunks of at most ``longest_s``, broken at pauses; long spans are cut."""
    pieces: List[Span] = []
    for a, b in spans:
        count = max(1, -int(-(b - a) // longest_s))
        step = (b - a) / count
        pieces += [(a + i * step, a + (i + 1) * step) for i in range(count)]
    result: List[Chunk] = []
    open_pieces: List[Span] = []
    length = 0.0
    for piece in pieces:
        size = piece[1] - piece[0]
        if open_pieces and length + size > longest_s:
            result.append(Chunk(tuple(open_pieces)))
            open_pieces, length = [], 0.0
        open_pieces.append(piece)
        length += size
    return [*result, Chunk(tuple(open_pieces))] if open_pieces else result


class Recording:
    """A 16 kHz mono 16-bit WAV, read piece by piece. Context manager.

    Raises ``ValueError`` for another format.
    """

    def __init__(self, path: str) -> None:
        self._wav = wave.open(path, "rb")  # noqa: SIM115  # closed by __exit__
        shape = (self._wav.getframerate(), self._wav.getnchannels(), self._wav.getsampwidth())
        if shape != (16_000, 1, 2):
            self._wav.close()
            raise ValueError(f"16 kHz mono 16-bit expected, got {shape} in {path}")
        self.rate_hz = 16_000
        self.length_s = self._wav.getnframes() / self.rate_hz

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, *exc: object) -> None:
        self._wav.close()

    def read(self, chunk: Chunk) -> bytes:
        """The chunk's samples, little-endian int16."""
        parts = []
        for a, b in chunk.pieces:
            first = min(round(a * self.rate_hz), self._wav.getnframes())
            last = min(round(b * self.rate_hz), self._wav.getnframes())
            self._wav.setpos(first)
            parts.append(self._wav.readframes(max(0, last - first)))
        return b"".join(parts)
