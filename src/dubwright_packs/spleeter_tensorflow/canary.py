"""A known clip, and what separating it must look like."""

from __future__ import annotations

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
    """Raise ValueError, in words for people, unless ``done`` is a separation of ``ask.wav``: exact
    length, neither stem silent or the mix itself, and together the mix below 11 kHz."""
    mix, vocals, background = (
        _read(path) for path in (ask.wav, done.stems["vocals"], done.stems["background"])
    )
    if not len(mix) == len(vocals) == len(background) == done.frames:
        raise ValueError(
            f"the stems have {len(vocals)} and {len(background)} samples instead of {len(mix)}"
        )
    whole = _energy(mix)
    for name, stem in (("speech", vocals), ("background", background)):
        if _energy(stem) < SILENT * whole:
            raise ValueError(f"the {name} is silent")
        if _energy(_low(mix) - _low(stem)) < SILENT * whole:
            raise ValueError(f"the {name} is the whole sound: nothing was separated")
    left_over = _energy(_low(mix) - _low(vocals + background))
    if left_over > ADDED_UP * whole:
        raise ValueError(
            f"the stems do not add up to the original ({100 * left_over / whole:.2f} % is missing)"
        )


def _read(path: str) -> F32:
    with StereoReader(path) as reader:
        return reader.read(0, reader.frames)


def _low(sound: F32) -> F32:
    """``sound`` without what lies above :data:`HEARD_HZ`."""
    spectrum = np.fft.rfft(sound, axis=0)
    spectrum[np.fft.rfftfreq(len(sound), 1 / RATE_HZ) > HEARD_HZ] = 0
    return np.fft.irfft(spectrum, len(sound), axis=0).astype(np.float32)


def _energy(sound: F32) -> float:
    return float(np.vdot(sound, sound))
