"""A known clip, and what separating it must look like."""

from __future__ import annotations

from typing import Mapping

import numpy as np
import numpy.typing as npt

from dubwright_kit.contracts import SeparateAsk, SeparateDone
from dubwright_packs.spleeter_tensorflow.wavefile import StemWriter, StereoReader

F32 = npt.NDArray[np.float32]

RATE_HZ = 44_100
UNIT_S = 1.5
CLIP_S = 23.5
"""Just below two blocks of the network, the most that is worked on at a time: Spleeter computes whole
blocks, so from a clip of one second neither its speed nor its memory could be told."""
HEARD_HZ = 10_900.0
"""Below, the stems must add up; Spleeter's masks end at 11,025 Hz."""
SILENT = 1e-6
"""Of the clip's energy: a stem with less (-60 dB) is silent."""
ADDED_UP = 1e-4
"""Of the clip's energy: what the sum of the stems may differ by (-40 dB)."""


def compose(ask: SeparateAsk) -> None:
    """Write the clip to ``ask.wav``: a voice on a gliding tone before a chord and noise."""
    with StemWriter(ask.wav, RATE_HZ, 2) as writer:
        writer.write(clip())


def clip() -> F32:
    """Return the clip, ``[n, 2]``: a voice in the middle, a chord on the left, noise on the right."""
    n, unit = round(CLIP_S * RATE_HZ), round(UNIT_S * RATE_HZ)
    t = np.arange(unit) / RATE_HZ
    chord = sum(
        np.sin(2 * np.pi * f * t) / k for k, f in enumerate((220.0, 280.0, 330.0, 440.0), 1)
    )
    noise = np.random.RandomState(7).standard_normal(unit)
    voice = 0.35 * _voice(t)
    both = np.stack([voice + 0.12 * chord, voice + 0.02 * noise], axis=1).astype(np.float32)
    return np.tile(both, (-(-n // unit), 1))[:n]


def _voice(t: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Three vowels, peak 1: harmonics of a gliding tone under three formants each."""
    f0 = 150 + 25 * np.sin(2 * np.pi * 1.1 * t) + 3 * np.sin(2 * np.pi * 5.5 * t)
    phase = 2 * np.pi * np.cumsum(f0) / RATE_HZ
    vowels = ((730, 1090, 2440), (270, 2290, 3010), (570, 840, 2410))
    voice = np.zeros(len(t))
    for i, formants in enumerate(vowels):
        sung = np.zeros(len(t))
        for harmonic in range(1, 30):
            here = harmonic * f0
            gain = sum(1 / (1 + ((here - f) / (60 + 0.05 * f)) ** 2) for f in formants)
            sung += gain * np.sin(harmonic * phase) / harmonic**0.5
        begin, end = i * UNIT_S / 3, (i + 1) * UNIT_S / 3
        voice += sung * np.clip((t - begin) / 0.04, 0, 1) * np.clip((end - t) / 0.08, 0, 1)
    return voice / float(np.abs(voice).max())


def check(ask: SeparateAsk, done: SeparateDone) -> None:
    """Raise ValueError, in words for people, unless ``done`` is a separation of ``ask.wav``."""
    judge(_read(ask.wav), {stem: _read(path) for stem, path in done.stems.items()}, done.frames)


def judge(mix: F32, stems: Mapping[str, F32], frames: int) -> None:
    """Raise ValueError unless ``stems`` are a separation of ``mix``, [n, 2] each: ``frames`` long,
    neither the vocals nor all the rest silent, none the mix itself, and together the mix below 11 kHz.

    Single ones of the rest may be silent: there is no piano in the clip.
    """
    lengths = sorted({len(stem) for stem in stems.values()})
    if lengths != [len(mix)] or frames != len(mix):
        raise ValueError(f"the stems have {lengths} samples instead of {len(mix)}")
    if not all(np.isfinite(stem).all() for stem in stems.values()):
        raise ValueError("the stems are no sound: not all of their samples are numbers")
    whole = energy(mix)
    rest = sum((stem for name, stem in stems.items() if name != "vocals"), np.zeros_like(mix))
    for name, part in (("speech", stems["vocals"]), ("background", rest)):
        if energy(part) < SILENT * whole:
            raise ValueError(f"the {name} is silent")
    for name, part in stems.items():
        if low_energy(mix - part) < SILENT * whole:
            said = "speech" if name == "vocals" else name
            raise ValueError(f"the {said} is the whole sound: nothing was separated")
    left_over = low_energy(mix - stems["vocals"] - rest)
    if left_over > ADDED_UP * whole:
        raise ValueError(
            f"the stems do not add up to the original ({100 * left_over / whole:.2f} % is missing)"
        )


def low_energy(sound: F32) -> float:
    """Sum of squares of ``sound`` without what lies above :data:`HEARD_HZ` (Parseval's theorem)."""
    total = 0.0
    for channel in sound.T:
        spectrum = np.fft.rfft(channel)[: int(HEARD_HZ * len(sound) / RATE_HZ) + 1]
        power = spectrum.real**2 + spectrum.imag**2
        total += (2 * float(power.sum()) - float(power[0])) / len(sound)
    return total


def energy(sound: F32) -> float:
    """Sum of squares."""
    return float(np.vdot(sound, sound))


def _read(path: str) -> F32:
    with StereoReader(path) as reader:
        return reader.read(0, reader.frames)
