"""Where somebody speaks: Silero VAD fed in blocks of any size, and its probabilities as spans."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from dubwright.engines.silero import Silero

RATE_HZ = 16_000
CHUNK = 512
"""Samples a probability: 32 ms."""
FRAME_S = CHUNK / RATE_HZ


class StreamingVad:
    """Speech probabilities of a stream, one a frame of 32 ms.

    ``push`` takes mono 16 kHz blocks of any length; memory is one float32 a frame (450 kB an hour).
    """

    def __init__(self) -> None:
        self._silero = Silero()
        self._rest = np.zeros(0, dtype=np.float32)
        self._probabilities: list[npt.NDArray[np.float32]] = []

    def push(self, block: npt.NDArray[Any]) -> None:
        """Take the next samples, float (-1..1) or int16, shape [n].

        Raises ``ValueError`` when the block is not one-dimensional.
        """
        if block.ndim != 1:
            raise ValueError(f"mono samples expected, got shape {block.shape}")
        scale = np.float32(1 / 32768 if block.dtype == np.int16 else 1.0)
        samples = np.concatenate([self._rest, block.astype(np.float32) * scale])
        whole = len(samples) // CHUNK * CHUNK
        self._rest = samples[whole:]
        if whole:
            self._probabilities.append(self._silero(samples[:whole].reshape(-1, CHUNK)))

    def result(self) -> tuple[float, npt.NDArray[np.float32]]:
        """Finish the stream. Returns (seconds a frame, probability of each frame); the last frame
        is filled up with silence."""
        if len(self._rest):
            self.push(np.zeros(CHUNK - len(self._rest), dtype=np.float32))
        if not self._probabilities:
            return FRAME_S, np.zeros(0, dtype=np.float32)
        return FRAME_S, np.concatenate(self._probabilities)


def speech_spans(
    p: npt.NDArray[np.float32],
    frame_s: float,
    *,
    threshold: float = 0.5,
    min_speech_s: float = 0.25,
    min_silence_s: float = 0.1,
    pad_s: float = 0.03,
) -> list[tuple[float, float]]:
    """Turn probabilities into speech spans (start_s, end_s), sorted and disjoint.

    Two thresholds as in Silero's own post-processing: speech begins at ``threshold`` and ends below
    ``threshold - 0.15``, so that a wavering probability does not chop a word. A pause shorter than
    ``min_silence_s`` does not end a span, a span shorter than ``min_speech_s`` is dropped, and each
    span is widened by ``pad_s`` on both sides (within the file, half the gap at most).
    """
    low = max(threshold - 0.15, 0.01)
    runs = _hysteresis(p, threshold, low)
    joined: list[list[int]] = []
    for start, end in runs:
        if joined and (start - joined[-1][1]) * frame_s < min_silence_s:
            joined[-1][1] = end
        else:
            joined.append([start, end])
    kept = [(a * frame_s, b * frame_s) for a, b in joined if (b - a) * frame_s >= min_speech_s]
    total_s = len(p) * frame_s
    spans: list[tuple[float, float]] = []
    for index, (start_s, end_s) in enumerate(kept):
        before = start_s if index == 0 else (start_s - kept[index - 1][1]) / 2
        after = total_s - end_s if index + 1 == len(kept) else (kept[index + 1][0] - end_s) / 2
        spans.append((start_s - min(pad_s, before), end_s + min(pad_s, after)))
    return spans


def _hysteresis(p: npt.NDArray[np.float32], high: float, low: float) -> list[tuple[int, int]]:
    """Runs of frames that stay at or above ``low`` and reach ``high``, from where they reach it."""
    above = np.concatenate([[False], p >= low, [False]])
    edges = np.flatnonzero(above[1:] != above[:-1])
    runs: list[tuple[int, int]] = []
    for start, end in zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True):
        reached = np.flatnonzero(p[start:end] >= high)
        if len(reached):
            runs.append((start + int(reached[0]), end))
    return runs
