"""Composed music and ambience for the sample: additive synthesis, seeded, no recordings."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Audio = npt.NDArray[np.float32]

CHORDS = ((57, 60, 64, 69), (53, 57, 60, 65), (48, 55, 60, 64), (55, 59, 62, 67))
"""Am F C G, MIDI numbers."""
MELODY = (76, 74, 72, 69, 72, 74, 76, 79, 77, 76, 74, 72, 71, 72, 74, 67)
BEAT_S = 0.62


def background(duration_s: float, rate_hz: int) -> Audio:
    """Return float32 [frames, 2]: pads and a plucked melody across the stereo field, with sea noise.

    Peaks stay under about 0.35.
    """
    frames = round(duration_s * rate_hz)
    mix = np.zeros((frames, 2))
    rng = np.random.default_rng(20261121)
    bar_s = 4 * BEAT_S
    for bar in range(int(duration_s / bar_s) + 1):
        for voice, note in enumerate(CHORDS[bar % len(CHORDS)]):
            tone = _pad(_hz(note), bar_s + 0.4, rate_hz)
            _place(mix, tone, bar * bar_s, rate_hz, pan=-0.6 + 0.4 * voice, gain=0.035)
    for beat in range(int(duration_s / BEAT_S) + 1):
        note = MELODY[beat % len(MELODY)]
        if beat % 7 != 5:  # a rest now and then
            tone = _pluck(_hz(note), 1.2, rate_hz)
            _place(mix, tone, beat * BEAT_S, rate_hz, pan=0.7 * np.sin(beat), gain=0.07)
    mix += 0.05 * _sea(frames, rate_hz, rng)
    fade = min(frames, round(0.8 * rate_hz))
    mix[:fade] *= np.linspace(0, 1, fade)[:, None]
    mix[frames - fade :] *= np.linspace(1, 0, fade)[:, None]
    return mix.astype(np.float32)


def _hz(note: int) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))


def _pad(f0_hz: float, length_s: float, rate_hz: int) -> npt.NDArray[np.float64]:
    t = np.arange(round(length_s * rate_hz)) / rate_hz
    tone = sum(np.sin(2 * np.pi * f0_hz * k * t + k) / k**2 for k in (1, 2, 3, 4))
    swell = np.minimum(t / 0.5, 1) * np.minimum((length_s - t) / 0.5, 1)
    return np.asarray(tone * np.clip(swell, 0, 1))


def _pluck(f0_hz: float, length_s: float, rate_hz: int) -> npt.NDArray[np.float64]:
    t = np.arange(round(length_s * rate_hz)) / rate_hz
    tone = sum(
        np.sin(2 * np.pi * f0_hz * k * t) / k * np.exp(-t * (2 + 1.5 * k)) for k in range(1, 7)
    )
    attack = np.minimum(t / 0.004, 1)
    return np.asarray(tone * attack)


def _place(
    mix: npt.NDArray[np.float64],
    tone: npt.NDArray[np.float64],
    start_s: float,
    rate_hz: int,
    *,
    pan: float,
    gain: float,
) -> None:
    start = round(start_s * rate_hz)
    length = min(len(tone), len(mix) - start)
    if length <= 0:
        return
    angle = (pan + 1) * np.pi / 4
    sides = gain * np.array([np.cos(angle), np.sin(angle)])
    mix[start : start + length] += tone[:length, None] * sides


def _sea(frames: int, rate_hz: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Two decorrelated channels of noise, darker than white, that swells like waves."""
    spectrum_hz = np.fft.rfftfreq(frames, 1 / rate_hz)
    shape = 1 / np.sqrt(1 + (spectrum_hz / 500) ** 2)
    channels = []
    for phase in (0.0, 0.8):
        noise = np.fft.irfft(np.fft.rfft(rng.standard_normal(frames)) * shape, frames)
        noise /= np.std(noise) or 1.0
        t = np.arange(frames) / rate_hz
        channels.append(noise * (0.55 + 0.45 * np.sin(2 * np.pi * t / 7.3 + phase)))
    return np.stack(channels, axis=1)
