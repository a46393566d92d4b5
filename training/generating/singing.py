"""Sung melodies by additive formant synthesis: it belongs to the background, however like a voice it is.

A voice is a row of harmonics of a wavering pitch, each as loud as the formants of the vowel let it be;
consonants are noise and nasals between the vowels. Only the held-out songs are of recorded samples.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from training.generating import composing, midi, synth
from training.generating.music import finished
from training.generating.shaping import (
    F64,
    Rng,
    convolved,
    filtered,
    frames_of,
    panned,
    placed,
    unit,
    wander,
)
from training.generating.takes import Recipe, Take
from training.store import RATE_HZ, sources

# First three formants in Hz of a man; a woman's are a sixth higher.
VOWELS = {
    "a": (730, 1_090, 2_440), "e": (530, 1_840, 2_480), "i": (270, 2_290, 3_010),
    "o": (500, 850, 2_410), "u": (300, 870, 2_240), "m": (250, 1_000, 2_000), "l": (360, 1_300, 2_700),
}  # fmt: skip
WIDTHS_HZ = (80, 100, 140, 200, 260)
STEP_S = 0.01
"""Pitch and formants change this often; between, they are interpolated."""


@dataclass(frozen=True)
class Singer:
    """What stays the same of a voice."""

    length: float
    """Of the throat: factor on all formants."""
    tilt_db_octave: float
    breath: float
    vibrato_hz: float
    vibrato: float
    """Depth in semitones."""


@dataclass(frozen=True)
class Sung:
    """One syllable."""

    start_s: float
    length_s: float
    key: float
    vowel: str
    onset: str
    """"" (none), "s", "t", "m" or "l"."""


def draw_singer(rng: Rng, high: bool) -> Singer:
    length = float(rng.uniform(1.08, 1.28) if high else rng.uniform(0.92, 1.08))
    return Singer(
        length,
        float(rng.uniform(-11, -4)),
        float(rng.uniform(0.01, 0.12)),
        float(rng.uniform(4.5, 6.8)),
        float(rng.choice([0.05, rng.uniform(0.1, 0.7)])),
    )


def draw_song(rng: Rng, length_s: float, low: int, high: int) -> list[Sung]:
    """A melody on a scale in phrases, each syllable with a vowel and maybe a consonant before it."""
    scale = composing.MODES[str(rng.choice(list(composing.MODES)))]
    root = int(rng.integers(0, 12))
    tones = [k for k in range(low, high + 1) if (k - root) % 12 in {one % 12 for one in scale}]
    beat_s = 60 / float(rng.uniform(60, 130))
    one_vowel = rng.random() < 0.25
    out: list[Sung] = []
    at, place = 0.2, len(tones) // 2
    vowel = str(rng.choice(list("aeiou")))
    while at < length_s:
        end = at + float(rng.uniform(2, 6))
        while at < min(end, length_s):
            length = beat_s * float(rng.choice([0.5, 0.5, 1, 1, 1.5, 2, 3]))
            place = int(
                np.clip(place + rng.choice([-3, -2, -1, -1, 0, 1, 1, 2, 4]), 0, len(tones) - 1)
            )
            vowel = vowel if one_vowel else str(rng.choice(list("aeiou")))
            onset = "" if one_vowel else str(rng.choice(["", "s", "t", "m", "l", "l"]))
            out.append(Sung(at, length, tones[place], vowel, onset))
            at += length
        at += float(rng.exponential(0.6)) + 0.3
    return out


def _courses(song: Sequence[Sung], singer: Singer, rng: Rng, steps: int) -> tuple[F64, F64, F64]:
    """Pitch in Hz [steps], loudness [steps] and formants in Hz [steps, 5]."""
    time = np.arange(steps) * STEP_S
    key, loud = np.full(steps, float(song[0].key)), np.zeros(steps)
    formants = np.tile(np.array([500.0, 1_500, 2_500, 3_500, 4_500]), (steps, 1))
    for one in song:
        begin, end = (
            int(one.start_s / STEP_S),
            min(steps, int((one.start_s + one.length_s) / STEP_S)),
        )
        if end <= begin:
            continue
        key[begin:] = one.key
        loud[begin:end] = np.sin(np.linspace(0.25, np.pi - 0.15, end - begin)) ** 0.5
        formants[begin:, :3] = VOWELS[one.vowel]
        soft = min(end, begin + int(0.07 / STEP_S))
        if one.onset in ("m", "l"):
            formants[begin:soft, :3] = VOWELS[one.onset]
            loud[begin:soft] *= 0.5
        elif one.onset:
            loud[begin:soft] = 0
    width = 7
    window = np.hanning(width + 2)[1:-1]
    window /= window.sum()

    def smooth(course: F64) -> F64:
        padded = np.pad(course, (width // 2, width // 2), mode="edge")
        out: F64 = np.convolve(padded, window, "valid")
        return out

    sway = singer.vibrato * np.sin(2 * np.pi * singer.vibrato_hz * time + rng.uniform(0, 6))
    jitter = wander(rng, frames_of(steps * STEP_S), 0.08, -0.15, 0.15)[:: frames_of(STEP_S)][:steps]
    pitch = 440 * 2 ** ((smooth(key) + sway * smooth(loud) + jitter - 69) / 12)
    shaped = np.stack([smooth(one) for one in formants.T], 1) * singer.length
    return pitch, smooth(loud), shaped


def sing(song: Sequence[Sung], singer: Singer, rng: Rng, length_s: float) -> F64:
    """The dry voice [n]."""
    frames, steps = frames_of(length_s), int(length_s / STEP_S) + 2
    pitch, loud, formants = _courses(song, singer, rng, steps)
    at, marks = np.arange(frames) / RATE_HZ, np.arange(steps) * STEP_S
    phase = 2 * np.pi * np.cumsum(np.interp(at, marks, pitch)) / RATE_HZ
    voice = np.zeros(frames)
    for harmonic in range(1, int(9_000 / pitch.min()) + 1):
        hz = pitch * harmonic
        gain = np.zeros(steps)
        for index, width in enumerate(WIDTHS_HZ):
            gain += 0.75**index / (1 + ((hz - formants[:, index]) / width) ** 2)
        tilt = (hz / pitch.min()) ** (singer.tilt_db_octave / 6.02 + 0.5)
        gain *= tilt * loud * (hz < 9_500)
        if gain.max() > 1e-5:
            voice += np.interp(at, marks, gain) * np.sin(harmonic * phase)
    air = filtered(rng.standard_normal(frames), 1_500, 8_000) * np.interp(at, marks, loud)
    voice = unit(voice) + singer.breath * unit(air)
    for one in song:
        if one.onset in ("s", "t"):
            size = frames_of(0.09 if one.onset == "s" else 0.02)
            hiss = filtered(rng.standard_normal(size), 4_500 if one.onset == "s" else 2_000, 11_000)
            placed(
                voice, unit(hiss) * np.hanning(size) * rng.uniform(0.1, 0.4), frames_of(one.start_s)
            )
    return voice


def ensemble(rng: Rng, length_s: float) -> F64:
    """A singer, or up to four in parallel, at their places, [n, 2]."""
    high = rng.random() < 0.5
    low = int(rng.integers(53, 60)) if high else int(rng.integers(41, 50))
    song = draw_song(rng, length_s, low, low + 19)
    out = np.zeros((frames_of(length_s), 2))
    parts = int(rng.choice([1, 1, 2, 3, 4]))
    for index in range(parts):
        shift = float(rng.choice([0, 0, 4, 7, -5, -12]) if index else 0) + float(
            rng.normal(0, 0.06)
        )
        shifted = [
            Sung(
                max(0, one.start_s + float(rng.normal(0, 0.02))),
                one.length_s,
                one.key + shift,
                one.vowel,
                one.onset,
            )
            for one in song
        ]
        voice = sing(shifted, draw_singer(rng, high), rng, length_s)
        out += panned(
            voice, float(rng.uniform(-0.8, 0.8)) if index else float(rng.uniform(-0.2, 0.2))
        )
    return out


def formants(minutes: float) -> Recipe:
    """Formant synthesis, mostly in a room."""

    def make(data: Path, rng: Rng) -> Iterator[Take]:
        rooms = sources(data, "rooms")
        for index in range(round(minutes * 2)):
            length_s = float(rng.uniform(25, 35))
            sound = ensemble(rng, length_s)
            if rooms and rng.random() < 0.7:
                room = rooms[int(rng.integers(0, len(rooms)))]
                echo = room.read(room.clips[int(rng.integers(0, len(room.clips)))]).astype(
                    np.float64
                )
                pair = [echo[:, 0], echo[:, -1]]
                wet = [
                    convolved(side, one)[: len(sound)]
                    for side, one in zip(sound.T, pair, strict=True)
                ]
                sound = np.stack(wet, 1)
            yield Take(finished(sound, rng, length_s), f"formants-{index:02d}", speaker="formants")

    return Recipe("singing", "formants", 2, make)


def choir(minutes: float) -> Recipe:
    """Held out: choirs and a solo voice of soundfonts, which are recordings."""

    def make(_data: Path, rng: Rng) -> Iterator[Take]:
        for index in range(round(minutes * 2)):
            program = (52, 53, 85, 54)[index % 4]
            events = midi.instrument(0, program)
            if index % 2:
                events += composing.speaking_line(rng, 0, 28.0, 50, 74)
            else:
                piece = composing.draw_piece(rng, 28.0, 55, 90)
                events += composing.held_chords(piece, rng, 0, 90)
            sound = synth.rendered(events, synth.MUSESCORE, synth.draw_hall(rng))
            yield Take(finished(sound, rng, 30.0), f"choir-{index:02d}", speaker="choir")

    return Recipe("singing", "choir-held-out", 2, make, "held-out", synth.NEEDS)


def recipes() -> list[Recipe]:
    return [formants(8.0), choir(2.0)]
