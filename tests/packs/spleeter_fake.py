"""A network of our own in Spleeter's place, and what Spleeter does around its own without slices."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dubwright.media.wav import WavReader, WavWriter
from dubwright_packs.spleeter_tensorflow.slices import (
    BLOCK,
    BLOCK_FRAMES,
    FRAME,
    HOP,
    TAIL,
    Stems,
)
from tests.engines.synthetic import music, vowels

Array = npt.NDArray[np.float32]
RATE = 44_100
WINDOW = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(FRAME) / FRAME)).astype(np.float32)


def masked(spectrum: npt.NDArray[np.complex64]) -> list[npt.NDArray[np.complex64]]:
    """One block, [512, bins, 2]. Like the real network, each frame's mask depends on the whole block."""
    level = np.abs(spectrum) / (np.abs(spectrum).mean(axis=(0, 2), keepdims=True) + 1e-6)
    drift = np.cumsum(np.abs(spectrum).mean(axis=(1, 2)))[:, None, None]
    mask = level / (1 + level) * (0.5 + 0.5 * np.cos(drift / (drift[-1] + 1e-6) * 9))
    mask[:, FRAME // 4 :] = 0
    other = 1 - mask
    other[:, FRAME // 4 :] = 0
    return [(mask * spectrum).astype(np.complex64), (other * spectrum).astype(np.complex64)]


def stft(sound: Array) -> npt.NDArray[np.complex64]:
    frames = (len(sound) - FRAME) // HOP + 1
    windows = np.lib.stride_tricks.sliding_window_view(sound, FRAME, axis=0)[::HOP][:frames]
    return np.fft.rfft(windows * WINDOW, axis=2).transpose(0, 2, 1).astype(np.complex64)


def istft(spectrum: npt.NDArray[np.complex64]) -> Array:
    waves = np.fft.irfft(spectrum, FRAME, axis=1) * WINDOW[:, None] * (2 / 3)
    sound = np.zeros((len(waves) + FRAME // HOP - 1, HOP, 2), np.float32)
    for part in range(FRAME // HOP):
        sound[part : part + len(waves)] += waves[:, part * HOP : (part + 1) * HOP]
    return sound.reshape(-1, 2)


def network(sound: Array) -> Stems:
    assert (len(sound) - TAIL) % BLOCK == 0
    spectrum = stft(sound)
    blocks = [masked(spectrum[i : i + BLOCK_FRAMES]) for i in range(0, len(spectrum), BLOCK_FRAMES)]
    vocals, background = (istft(np.concatenate(stem)) for stem in zip(*blocks, strict=True))
    return vocals, background


def official(sound: Array) -> Stems:
    """What Spleeter does with a whole sound: zeros before it, an STFT padded to its end, blocks."""
    frames = -(-(len(sound) + FRAME) // HOP)
    padded = np.zeros(((frames - 1) * HOP + FRAME, 2), np.float32)
    padded[FRAME : FRAME + len(sound)] = sound
    spectrum = stft(padded)
    assert len(spectrum) == frames
    full = np.zeros((-(-frames // BLOCK_FRAMES) * BLOCK_FRAMES, *spectrum.shape[1:]), np.complex64)
    full[:frames] = spectrum
    blocks = [masked(full[i : i + BLOCK_FRAMES]) for i in range(0, len(full), BLOCK_FRAMES)]
    stems = [istft(np.concatenate(stem)[:frames]) for stem in zip(*blocks, strict=True)]
    vocals, background = (stem[FRAME : FRAME + len(sound)] for stem in stems)
    return vocals, background


def mixture(frames: int, gain: float = 1.0) -> Array:
    seconds = 4.0
    unit = music(seconds, RATE, seed=1) + vowels(seconds, 130, RATE, seed=2)[:, None]
    sound = np.tile(unit, (-(-frames // len(unit)), 1))[:frames]
    swell = 0.6 + 0.4 * np.sin(np.arange(frames) / 90_001)
    return (gain * sound * swell[:, None]).astype(np.float32)


def reader_of(sound: Array) -> Any:
    def read(start: int, n: int) -> Array:
        found = np.zeros((n, 2), np.float32)
        first, last = max(0, start), min(len(sound), start + n)
        if first < last:
            found[first - start : last - start] = sound[first:last]
        return found

    return read


def write(path: Path, sound: Array, **options: Any) -> Path:
    with WavWriter(path, RATE, sound.shape[1], **{"subtype": "float32", **options}) as writer:
        writer.write(sound)
    return path


def read(path: str | Path) -> Array:
    with WavReader(path) as reader:
        assert (reader.subtype, reader.rate_hz) == ("int16", RATE)
        return reader.read(0, reader.frames)
