"""From spans of speech to embeddings on a time grid, reading a long file piece by piece."""

from __future__ import annotations

from dataclasses import dataclass
from typing import List, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from dubwright.engines.embedding import SpeakerEncoder, mel_power, raise_level
from dubwright.media.wav import WavReader
from dubwright_kit.contracts import Span
from dubwright_kit.report import Report

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]

WINDOW_S = 1.6
"""The length the encoder was trained on."""
HOP_S = 0.4
SHORTEST_S = 0.4
"""Less speech than this says nothing about a voice."""
LONGEST_S = 60.0
"""A longer span is read in pieces."""
TOGETHER_S = 120.0
FRAMES_PER_S = 100


@dataclass(frozen=True)
class Voiceprints:
    """``windows`` [n, 2] in seconds, sorted; ``vectors`` [n, 256]; ``span`` [n], which span it is of.

    ``level`` is the mean power of each 10 ms of the file (0 where nobody speaks).
    """

    windows: F64
    vectors: F32
    span: npt.NDArray[np.int64]
    level: F32


def listen(
    wav: WavReader, speech: Sequence[Span], encoder: SpeakerEncoder, report: Report
) -> Voiceprints:
    """Embed every window of the spans."""
    total_s = sum(end_s - start_s for start_s, end_s in speech)
    level = np.zeros(1 + int(wav.duration_s * FRAMES_PER_S), dtype=np.float32)
    windows: List[Span] = []
    owners: List[int] = []
    vectors: List[F32] = []
    waiting: List[Tuple[F32, List[Tuple[int, int]]]] = []
    waiting_s = done_s = 0.0

    def flush() -> None:
        if waiting:
            vectors.append(_embed(encoder, waiting))
            waiting.clear()

    for index, (begin_s, end_s) in _pieces(speech):
        sound = _read(wav, begin_s, end_s)
        first = int(begin_s * FRAMES_PER_S)
        power = _power(sound, wav.rate_hz)[: len(level) - first]
        level[first : first + len(power)] = power
        mels = mel_power(raise_level(sound, float(np.mean(sound**2)) if len(sound) else 0.0))
        cuts = window_cuts(end_s - begin_s)
        frames = [(round(a * FRAMES_PER_S), round(b * FRAMES_PER_S)) for a, b in cuts]
        waiting.append((mels, frames))
        windows += [(begin_s + a, begin_s + b) for a, b in cuts]
        owners += [index] * len(cuts)
        waiting_s += end_s - begin_s
        done_s += end_s - begin_s
        if waiting_s > TOGETHER_S:
            flush()
            waiting_s = 0.0
            report(done_s, total_s, "listening to the voices")
    flush()
    report(total_s, total_s, "listening to the voices")
    return Voiceprints(
        np.array(windows, dtype=np.float64).reshape(-1, 2),
        np.concatenate(vectors) if vectors else np.zeros((0, 256), np.float32),
        np.array(owners, dtype=np.int64),
        level,
    )


def window_cuts(length_s: float) -> List[Span]:
    """Windows over a stretch of ``length_s``: every 0.4 s, the last one flush with the end."""
    if length_s < SHORTEST_S:
        return []
    if length_s <= WINDOW_S:
        return [(0.0, length_s)]
    count = int(np.ceil((length_s - WINDOW_S) / HOP_S - 1e-6))
    starts = [index * HOP_S for index in range(count)] + [length_s - WINDOW_S]
    return [(start, start + WINDOW_S) for start in starts]


def _pieces(speech: Sequence[Span]) -> List[Tuple[int, Span]]:
    pieces = []
    for index, (start_s, end_s) in enumerate(speech):
        count = max(1, int(np.ceil((end_s - start_s) / LONGEST_S)))
        edges = np.linspace(start_s, end_s, count + 1)
        pieces += [(index, (float(a), float(b))) for a, b in zip(edges[:-1], edges[1:])]
    return pieces


def _read(wav: WavReader, begin_s: float, end_s: float) -> F32:
    begin = max(0, round(begin_s * wav.rate_hz))
    sound: F32 = wav.read(begin, max(0, round(end_s * wav.rate_hz) - begin)).mean(axis=1)
    return sound


def _power(sound: F32, rate_hz: int) -> F32:
    """Mean power of each 10 ms."""
    step = rate_hz // FRAMES_PER_S
    whole = len(sound) // step * step
    power: F32 = np.mean(sound[:whole].reshape(-1, step) ** 2, axis=1).astype(np.float32)
    return power


def _embed(encoder: SpeakerEncoder, pieces: Sequence[Tuple[F32, List[Tuple[int, int]]]]) -> F32:
    """All windows of several pieces at once; those of one length share a batch."""
    places: List[Tuple[int, int]] = []
    offset = 0
    for mels, frames in pieces:
        for a, b in frames:
            length = min(b, len(mels)) - a
            places.append((offset + a, offset + a + max(length // 10 * 10, min(length, 10))))
        offset += len(mels)
    return encoder.embed(np.concatenate([mels for mels, _ in pieces]), places)
