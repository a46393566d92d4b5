"""Who it sounds like: speaker embeddings of stretches of speech, by the GE2E encoder.

The front end is the one the weights were trained with: power mel spectrum, 25 ms every 10 ms,
40 bands on Slaney's scale ("Auditory Toolbox", 1998, as librosa computes it), no logarithm.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

RATE_HZ = 16_000
WINDOW, HOP, BANDS = 400, 160, 40
LEVEL_DBFS = -30.0
"""Quieter speech is raised to this; louder is left, as in training."""


class SpeakerEncoder:
    """The encoder in onnxruntime. ``threads`` is for one call."""

    def __init__(self, model: Path, threads: int = 2) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session: Any = onnxruntime.InferenceSession(
            str(model), options, providers=["CPUExecutionProvider"]
        )

    def __call__(self, mels: Array) -> Array:
        """Embed windows of one length: [n, frames, 40] to unit vectors [n, 256]."""
        (embedding,) = self._session.run(None, {"mels": np.ascontiguousarray(mels, np.float32)})
        result: Array = embedding
        return result

    def embed(self, mels: Array, windows: Sequence[tuple[int, int]], batch: int = 64) -> Array:
        """Embed frames ``begin..end`` of ``mels`` [frames, 40] for each window, [n, 256].

        Windows of one length go through together; a window without frames gives zeros.
        """
        out = np.zeros((len(windows), 256), dtype=np.float32)
        by_length: dict[int, list[int]] = {}
        for index, (begin, end) in enumerate(windows):
            by_length.setdefault(min(end, len(mels)) - max(begin, 0), []).append(index)
        for length, members in by_length.items():
            if length <= 0:
                continue
            for at in range(0, len(members), batch):
                part = members[at : at + batch]
                starts = [max(windows[index][0], 0) for index in part]
                out[part] = self(np.stack([mels[start : start + length] for start in starts]))
        return out


def mel_power(sound: Array) -> Array:
    """Power mel spectrum of mono 16 kHz ``sound`` [n]: [1 + n // 160, 40].

    Frames are centred on multiples of 10 ms, silence outside the sound.
    """
    count = 1 + len(sound) // HOP
    padded = np.zeros((count - 1) * HOP + WINDOW, dtype=np.float32)
    body = sound[: len(padded) - WINDOW // 2]
    padded[WINDOW // 2 : WINDOW // 2 + len(body)] = body
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)).astype(np.float32)
    spectrum = np.fft.rfft(frames * hann, axis=1)
    power = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    mels: Array = power @ mel_filters().T
    return mels


def mel_filters() -> Array:
    """Triangles of equal area, [40, 201]: linear below 1 kHz, logarithmic above."""
    edges = _mel_to_hz(np.linspace(0.0, _hz_to_mel(RATE_HZ / 2), BANDS + 2))
    bins = np.arange(WINDOW // 2 + 1) * RATE_HZ / WINDOW
    low, middle, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (middle - low), (high - bins) / (high - middle)
    filters = np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (high - low)
    return filters.astype(np.float32)


def raise_level(sound: Array, speech_power: float) -> Array:
    """Bring speech of mean square ``speech_power`` up to -30 dBFS; louder speech stays."""
    if speech_power <= 0.0:
        return sound
    gain = max(1.0, float(np.sqrt(10 ** (LEVEL_DBFS / 10) / speech_power)))
    return sound * np.float32(gain)


def _hz_to_mel(hz: float) -> float:
    return float(15 + 27 * np.log(hz / 1000) / np.log(6.4)) if hz >= 1000 else 3 * hz / 200


def _mel_to_hz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp((mel - 15) * np.log(6.4) / 27))
