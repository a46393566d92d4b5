"""Backgrounds made by code for the evaluation only: a crowd, a street, a game, somebody singing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from training.evaluation.item import F32, RATE_HZ, panned
from training.evaluation.voices import band, in_room

F64 = npt.NDArray[np.float64]

VOWELS_HZ = ((730, 1090, 2440), (530, 1840, 2480), (300, 870, 2240), (660, 1720, 2410))
"""First three resonances of a, e, u, ae of women and men (Peterson and Barney, 1952)."""
SONG = (69, 69, 72, 74, 76, 74, 72, 69, 67, 69, 72, 71, 69, 64)
"""MIDI numbers, one every 0.6 s."""


def crowd(voices: Sequence[F32], frames: int, seed: int, count: int = 24) -> F32:
    """Many people at once in a hall, [frames, 2]: ``voices`` [n] at other speeds, half of them
    backwards, so that no word of theirs is left."""
    random = np.random.default_rng(seed)
    out = np.zeros((frames, 2), np.float32)
    for index in range(count):
        voice = voices[index % len(voices)]
        speed = random.uniform(0.8, 1.3)
        begin = random.uniform(0, len(voice))
        places = (begin + speed * np.arange(frames)) % (len(voice) - 1)
        heard: F32 = np.interp(places, np.arange(len(voice)), voice).astype(np.float32)
        if index % 2:
            heard = np.flip(heard)
        heard /= np.float32(max(float(np.std(heard)), 1e-9))
        one = np.stack([heard, heard], axis=1) * np.float32(random.uniform(0.3, 1))
        out += panned(one, random.uniform(-0.9, 0.9))
    wet = in_room(out.mean(axis=1), 1.4, seed)
    return _peaked(out + wet)


def street(frames: int, seed: int) -> F32:
    """Cars that pass, rumble, steps, a horn and a bird, [frames, 2]."""
    random = np.random.default_rng(seed)
    t = np.arange(frames) / RATE_HZ
    out = np.zeros((frames, 2))
    for side in range(2):
        noise = random.standard_normal(frames).astype(np.float32)
        out[:, side] += 0.9 * band(noise, 30, 140) + 0.08 * band(noise[::-1], 200, 3000)
    for _ in range(3):
        noise = random.standard_normal(frames).astype(np.float32)
        tyres = band(noise, 250, random.uniform(900, 2500))
        when, width = random.uniform(0, t[-1]), random.uniform(0.7, 1.6)
        swell = np.exp(-(((t - when) / width) ** 2))
        place = np.clip((t - when) / (2 * width), -1, 1) * random.choice([-1, 1])
        angle = (place + 1) * np.pi / 4
        out += (tyres * swell)[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for step, when in enumerate(np.arange(0.3, t[-1] - 0.2, 0.52)):
        _add(out, _burst(0.06, 1200, random), when, -0.5 + 0.08 * step, 0.8)
    horn = sum(_tone(hz, 0.5, 12) for hz in (415.0, 523.0))
    _add(out, np.asarray(horn), random.uniform(1, t[-1] - 1), 0.6, 0.5)
    for when in random.uniform(0, t[-1] - 0.3, 5):
        _add(out, _sweep(5200, 3600, 0.12), when, -0.7, 0.2)
    return _peaked(out.astype(np.float32))


def game(frames: int, seed: int) -> F32:
    """Shots, blasts, coins and steps over a square-wave bass, [frames, 2]."""
    random = np.random.default_rng(seed)
    length_s = frames / RATE_HZ
    out = np.zeros((frames, 2))
    for beat, when in enumerate(np.arange(0, length_s - 0.3, 0.25)):
        hz = 55 * 2 ** ((0, 0, 7, 3, 5, 5, 10, 3)[beat % 8] / 12)
        _add(out, np.sign(_tone(hz, 0.2, 1)) * 0.6, when, 0.0, 0.25)
        if beat % 2:
            _add(out, _burst(0.04, 9000, random), when, 0.3, 0.3)
    for when in random.uniform(0, length_s - 0.6, round(length_s)):
        _add(out, _sweep(2400, 180, 0.25), when, random.uniform(-1, 1), 0.5)
    for when in random.uniform(0, length_s - 1.5, max(1, round(length_s / 3))):
        _add(out, _burst(1.4, 500, random), when, random.uniform(-0.5, 0.5), 2.0)
    for when in random.uniform(0, length_s - 0.6, round(length_s / 2)):
        place = random.uniform(-0.8, 0.8)
        for note, hz in enumerate((988.0, 1319.0)):
            _add(out, _tone(hz, 0.1 + 0.3 * note, 3), when + 0.08 * note, place, 0.35)
    return _peaked(out.astype(np.float32))


def singing(frames: int, seed: int) -> F32:
    """A voice on vowels with vibrato, in a hall, [frames, 2]. Nobody's: it is background here."""
    random = np.random.default_rng(seed)
    out = np.zeros(frames)
    note_s = 0.6
    for index, when in enumerate(np.arange(0, frames / RATE_HZ, note_s)):
        f0_hz = 440 * 2 ** ((SONG[(index + seed) % len(SONG)] - 69) / 12)
        vowel = VOWELS_HZ[int(random.integers(len(VOWELS_HZ)))]
        note = _sung(f0_hz, vowel, note_s + 0.08)
        start = round(when * RATE_HZ)
        end = min(frames, start + len(note))
        out[start:end] += note[: end - start]
    return _peaked(in_room(out.astype(np.float32), 1.1, seed))


def _sung(f0_hz: float, vowel: Sequence[float], length_s: float) -> F64:
    """One note: harmonics under three resonances."""
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    f0 = f0_hz * (1 + 0.012 * np.minimum(t / 0.3, 1) * np.sin(2 * np.pi * 5.6 * t))
    phase = 2 * np.pi * np.cumsum(f0) / RATE_HZ
    note = np.zeros(len(t))
    for harmonic in range(1, int(7000 / f0_hz)):
        gain = sum(
            0.5**place / (1 + ((harmonic * f0_hz - hz) / (80 + 40 * place)) ** 2)
            for place, hz in enumerate(vowel)
        )
        note += (gain + 0.02) * np.sin(harmonic * phase)
    return note * np.minimum(1, np.minimum(t, t[::-1]) / 0.05)


def _tone(hz: float, length_s: float, partials: int) -> F64:
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    tone = np.zeros(len(t))
    for k in range(1, partials + 1):
        tone += np.sin(2 * np.pi * hz * k * t) / k
    return tone * np.minimum(1, np.minimum(t / 0.005, t[::-1] / 0.03))


def _sweep(begin_hz: float, end_hz: float, length_s: float) -> F64:
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    hz = begin_hz * (end_hz / begin_hz) ** (t / length_s)
    return np.asarray(np.sin(2 * np.pi * np.cumsum(hz) / RATE_HZ) * np.exp(-2 * t / length_s))


def _burst(length_s: float, high_hz: float, random: np.random.Generator) -> F64:
    """Noise that dies away."""
    t = np.arange(round(length_s * RATE_HZ)) / RATE_HZ
    noise = band(random.standard_normal(len(t)).astype(np.float32), 40, high_hz)
    return np.asarray(noise * np.exp(-5 * t / length_s))


def _add(out: F64, sound: F64, when_s: float, place: float, gain: float) -> None:
    """Put ``sound`` [n] into ``out`` [frames, 2] in place, as far as it fits."""
    start = round(when_s * RATE_HZ)
    piece = sound[: len(out) - start]
    angle = (np.clip(place, -1, 1) + 1) * np.pi / 4
    out[start : start + len(piece)] += gain * np.outer(piece, [np.cos(angle), np.sin(angle)])


def _peaked(sound: F32) -> F32:
    return sound * np.float32(0.5 / max(float(np.abs(sound).max()), 1e-9))
