"""Voices made by code: pulse trains through moving formants, and music-like backgrounds."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]

_VOWELS = (
    (730, 1090, 2440),
    (270, 2290, 3010),
    (300, 870, 2240),
    (530, 1840, 2480),
    (570, 840, 2410),
)


def vowels(seconds: float, f0_hz: float, rate_hz: int, *, seed: int, tract: float = 1.0) -> Array:
    """A voice saying vowels and hisses, syllable after syllable. Shape [n], peak 0.5.

    ``tract`` scales the formants: above 1 a shorter vocal tract (formant frequencies of Peterson
    and Barney, 1952).
    """
    random = np.random.default_rng(seed)
    total = round(seconds * rate_hz)
    out = np.zeros(total, dtype=np.float32)
    at = 0
    while at < total:
        length = int(random.uniform(0.12, 0.28) * rate_hz)
        syllable = _syllable(length, f0_hz * random.uniform(0.85, 1.2), rate_hz, random, tract)
        end = min(at + length, total)
        out[at:end] = syllable[: end - at]
        at = end + int(random.uniform(0.0, 0.06) * rate_hz)
    return out / max(float(np.max(np.abs(out))), 1e-9) * np.float32(0.5)


def _syllable(
    length: int, f0_hz: float, rate_hz: int, random: np.random.Generator, tract: float
) -> Array:
    """Harmonics shaped by three gliding resonances, with a noisy onset."""
    time = np.arange(length) / rate_hz
    first, second = random.choice(len(_VOWELS), 2)
    glide = np.linspace(0, 1, length)
    f0 = f0_hz * (1 + 0.1 * np.sin(2 * np.pi * 3 * time + random.uniform(0, 6)))
    phase = 2 * np.pi * np.cumsum(f0) / rate_hz
    sound = np.zeros(length)
    for harmonic in range(1, int(min(5000, rate_hz / 2.2) / f0_hz)):
        frequency = harmonic * f0
        gain = np.zeros(length)
        for formant, (a, b) in enumerate(zip(_VOWELS[first], _VOWELS[second], strict=True)):
            centre = tract * (a + (b - a) * glide)
            width = 60 + 40 * formant
            gain += 0.6**formant / (1 + ((frequency - centre) / width) ** 2)
        sound += gain * np.sin(harmonic * phase)
    hiss = random.normal(size=length) * np.exp(-time / 0.02) * 0.4
    envelope = np.minimum(1, np.minimum(time / 0.02, time[::-1] / 0.04))
    return ((sound + np.diff(hiss, prepend=0.0)) * envelope).astype(np.float32)


def music(seconds: float, rate_hz: int, *, seed: int) -> Array:
    """Chords of decaying partials over a bass and a beat, wide in stereo. Shape [n, 2], peak 0.5."""
    random = np.random.default_rng(seed)
    total = round(seconds * rate_hz)
    out = np.zeros((total, 2))
    scale = 220.0 * 2 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12)
    step = int(0.25 * rate_hz)
    for beat, start in enumerate(range(0, total, step)):
        length = min(int(1.5 * rate_hz), total - start)
        time = np.arange(length) / rate_hz
        for _ in range(2):
            pitch = float(random.choice(scale)) * (0.5 if random.random() < 0.3 else 1.0)
            pan = random.uniform(0, np.pi / 2)
            tone = sum(
                np.sin(2 * np.pi * pitch * k * time + random.uniform(0, 6)) * 0.6**k
                for k in range(1, 8)
            ) * np.exp(-time / 0.5)
            out[start : start + length] += np.outer(tone, [np.cos(pan), np.sin(pan)])
        if beat % 2 == 0:
            burst = random.normal(size=(length, 2)) * np.exp(-time / 0.03)[:, None]
            out[start : start + length] += 0.5 * burst
    scaled: Array = (out / np.max(np.abs(out)) * 0.5).astype(np.float32)
    return scaled
