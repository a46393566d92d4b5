"""Sounds for comparing separators, made by code that gives the same samples everywhere.

Only ``RandomState`` draws here: NumPy promises that its stream never changes. The Python of the
official Spleeter imports this file too, so it needs NumPy and nothing else.
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

RATE_HZ = 44_100
FRAME, HOP, BLOCK_FRAMES = 4096, 1024, 512
ONE_BLOCK = BLOCK_FRAMES * HOP - FRAME
"""The longest sound whose frames, with the zeros before it, make one block of the network."""

_SHORT = 1600
_WINDOW = 96
_CHUNK = 32_768
_FORMANTS_HZ = ((730, 1090), (270, 2290), (300, 870), (530, 1840), (570, 840))


def music(frames: int, seed: int) -> Array:
    """Decaying tones over a beat of noise up to the highest frequencies, [frames, 2], peak 0.6."""
    random = np.random.RandomState(seed)
    out = np.zeros((frames, 2))
    for beat, start in enumerate(range(0, frames, RATE_HZ // 5)):
        time = np.arange(min(RATE_HZ // 2, frames - start)) / RATE_HZ
        pitch_hz = 110 * 2 ** (random.randint(0, 36) / 12)
        tone = np.zeros(len(time))
        for partial in range(1, 6):
            phase = random.uniform(0, 6)
            tone += 0.6**partial * np.sin(2 * np.pi * pitch_hz * partial * time + phase)
        pan = random.uniform(0, np.pi / 2)
        tone *= np.exp(-time / 0.2)
        out[start : start + len(time)] += np.outer(tone, [np.cos(pan), np.sin(pan)])
        struck = random.standard_normal((len(time), 2)) * np.exp(-time / 0.04)[:, None]
        out[start : start + len(time)] += (0.3 if beat % 2 else 0.1) * struck
    scaled: Array = (0.6 * out / np.abs(out).max()).astype(np.float32)
    return scaled


def speech(frames: int, seed: int) -> Array:
    """A pulse train through two resonances, syllables and pauses of digital silence, [frames, 1]."""
    random = np.random.RandomState(seed)
    out = np.zeros(frames)
    at = RATE_HZ // 40
    while at < frames:
        time = np.arange(min(int(random.uniform(0.1, 0.3) * RATE_HZ), frames - at)) / RATE_HZ
        formants = _FORMANTS_HZ[random.randint(len(_FORMANTS_HZ))]
        f0_hz = random.uniform(90, 220)
        for harmonic in range(1, int(5000 / f0_hz)):
            gain = sum(1 / (1 + ((harmonic * f0_hz - one) / 90) ** 2) for one in formants)
            out[at : at + len(time)] += gain * np.sin(
                2 * np.pi * harmonic * f0_hz * time * (1 + 0.1 * time)
            )
        breath = 0.3 * random.standard_normal(len(time)) * np.exp(-time / 0.03)
        out[at : at + len(time)] += np.diff(breath, prepend=0.0)
        out[at : at + len(time)] *= np.sin(np.pi * np.arange(len(time)) / len(time))
        at += len(time) + random.randint(0, RATE_HZ // 8)
    scaled: Array = (0.5 * out / max(np.abs(out).max(), 1e-9)).astype(np.float32)[:, None]
    return scaled


def _dialogue(frames: int) -> Array:
    """Speech a little left of the middle over quiet music."""
    voice = speech(frames, 21) * np.array([[1.0, 0.8]], np.float32)
    return (voice + 0.25 * music(frames, 22)).astype(np.float32)


def _film(frames: int) -> Array:
    sound = music(frames, 31)
    sound[: len(sound) // 2] += speech(len(sound) // 2, 32)
    return sound


_MAKERS: dict[str, Callable[[], Array]] = {
    "music": lambda: music(150_001, 11),
    "speech": lambda: _dialogue(133_333),
    "mono": lambda: speech(70_007, 41),
    "silence": lambda: np.zeros((30_011, 2), np.float32),
    "clipped": lambda: np.clip(9 * music(60_013, 12), -1, 1),
    "beyond full scale": lambda: 7 * music(60_017, 13),
    "faint": lambda: music(60_029, 14) * np.float32(4e-6),
    "left only": lambda: music(60_037, 15) * np.array([[1, 0]], np.float32),
    "1 sample": lambda: np.array([[0.7, -0.4]], np.float32),
    "777 samples": lambda: music(777, 16),
    "4097 samples": lambda: music(4097, 17),
    "one block": lambda: _film(ONE_BLOCK + 1)[:-1],
    "one block and a sample": lambda: _film(ONE_BLOCK + 1),
    "three blocks": lambda: _film(1_203_931),
}

NAMES = tuple(_MAKERS)


@functools.cache  # 20 MB in all, asked for again by each network
def clip(name: str) -> Array:
    """Return one of ``NAMES``: float32 [n, 2] at ``RATE_HZ``, read-only; [n, 1] for "mono"."""
    sound = np.ascontiguousarray(_MAKERS[name](), np.float32)
    sound.flags.writeable = False
    return sound


def windows(frames: int) -> list[tuple[int, int]]:
    """Which samples of a stem are kept, (start, stop): all of a short one; of others both ends, where
    one block of the network goes over into the next, and some in between.

    Frame f of the STFT holds samples ``f * HOP - FRAME`` to ``f * HOP``: around the end of a block,
    ``FRAME`` samples come from both.
    """
    if frames <= _SHORT:
        return [(0, frames)]
    starts = [0, frames - _WINDOW]
    starts += [frames * i // 6 + 13 * i for i in range(1, 6)]
    for border in range(ONE_BLOCK, frames, BLOCK_FRAMES * HOP):
        starts += [border + at - _WINDOW // 2 for at in (0, FRAME // 2, FRAME)]
    return [(one, one + _WINDOW) for one in sorted(starts) if one + _WINDOW <= frames]


def cut(stem: Array) -> Array:
    """The windows of a stem [n, 2], one after another."""
    return np.concatenate([stem[start:stop] for start, stop in windows(len(stem))])


def sums(stem: Array) -> npt.NDArray[np.float64]:
    """Sum and energy of each ``_CHUNK`` samples of a whole stem [n, 2]: [chunks, 2, 2]."""
    exact = stem.astype(np.float64)
    at = np.arange(0, len(stem), _CHUNK)
    return np.stack([np.add.reduceat(exact, at), np.add.reduceat(exact**2, at)], axis=1)
