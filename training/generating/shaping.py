"""What sound is shaped with: coloured noise, filters on the spectrum, envelopes, echo, width.

Everything is numpy on whole clips: filters are curves over the spectrum, so nothing has to be stepped
through sample by sample.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import soxr

from training.store import F32, RATE_HZ

F64 = npt.NDArray[np.float64]
Rng = np.random.Generator


def frames_of(seconds: float) -> int:
    return round(seconds * RATE_HZ)


def bell_bands(freqs_hz: F64, edges_hz: Sequence[float]) -> list[F64]:
    """Weights of len(edges) + 1 bands that sum to 1 everywhere; crossings are an octave wide."""
    octave = np.log2(np.maximum(freqs_hz, 1.0))
    rises = [
        0.5 - 0.5 * np.cos(np.pi * np.clip(octave - np.log2(edge) + 0.5, 0, 1)) for edge in edges_hz
    ]
    steps = [np.ones_like(freqs_hz), *rises, np.zeros_like(freqs_hz)]
    return [steps[i] - steps[i + 1] for i in range(len(edges_hz) + 1)]


def noise(rng: Rng, frames: int, tilt_db_octave: float = 0.0) -> F64:
    """Noise of rms 1 whose power falls by this much an octave (0 white, -3 pink, -6 brown)."""
    size = _fast_size(frames)
    freqs = np.fft.rfftfreq(size, 1 / RATE_HZ)
    curve = np.maximum(freqs, 20.0) ** (tilt_db_octave / 6.02)
    curve[freqs < 15] = 0
    return unit(_by_curve(rng.standard_normal(frames), curve, size))


def filtered(sound: F64, low_hz: float = 0.0, high_hz: float = 0.0, steep: int = 2) -> F64:
    """Only what is between the two frequencies (0 = no limit); 12 dB an octave for steep = 2."""
    size = _fast_size(len(sound) + 2_048)
    freqs = np.fft.rfftfreq(size, 1 / RATE_HZ)
    curve = np.ones_like(freqs)
    if low_hz:
        curve *= 1 / np.sqrt(1 + (low_hz / np.maximum(freqs, 1e-3)) ** (2 * steep))
    if high_hz:
        curve *= 1 / np.sqrt(1 + (freqs / high_hz) ** (2 * steep))
    return _by_curve(sound, curve, size)


def peaked(sound: F64, peaks: Sequence[tuple[float, float, float]]) -> F64:
    """Resonances (frequency, width, gain) on a sound; outside of them it is left out."""
    size = _fast_size(len(sound) + 2_048)
    freqs = np.fft.rfftfreq(size, 1 / RATE_HZ)
    curve = sum(gain / (1 + ((freqs - at) / (width / 2)) ** 2) for at, width, gain in peaks)
    return _by_curve(sound, np.asarray(curve), size)


def _by_curve(sound: F64, curve: F64, size: int) -> F64:
    out: F64 = np.fft.irfft(np.fft.rfft(sound, size) * curve, size)[: len(sound)]
    return out


def _fast_size(frames: int) -> int:
    """A length of 2^a 3^b 5 at least this long: the transform of such is quick."""
    best = 1 << (frames - 1).bit_length()
    for odd in (3, 5, 9, 15):
        size = odd
        while size < frames:
            size *= 2
        best = min(best, size)
    return best


def unit(sound: F64) -> F64:
    """At rms 1; silence stays silence."""
    level = float(np.sqrt(np.mean(np.square(sound)))) if sound.size else 0.0
    return sound / level if level > 1e-12 else sound


def peak_at(sound: F64, peak: float) -> F32:
    """With this largest value, as stored."""
    top = float(np.abs(sound).max()) if sound.size else 0.0
    return (sound * (peak / top if top > 1e-12 else 1.0)).astype(np.float32)


def wander(rng: Rng, frames: int, slowest_s: float, low: float, high: float) -> F64:
    """A smooth random course between two values that changes about every ``slowest_s``."""
    points = max(3, int(frames / RATE_HZ / slowest_s) + 3)
    marks = rng.uniform(low, high, points)
    at = np.linspace(0, points - 1.001, frames)
    index = at.astype(int)
    part = at - index
    soft = part * part * (3 - 2 * part)
    course: F64 = marks[index] * (1 - soft) + marks[np.minimum(index + 1, points - 1)] * soft
    return course


def decay(frames: int, half_s: float, attack_s: float = 0.001) -> F64:
    """An envelope that rises at once and halves every ``half_s``."""
    time = np.arange(frames) / RATE_HZ
    shape: F64 = np.minimum(1.0, time / max(attack_s, 1e-5)) * 0.5 ** (time / half_s)
    return shape


def tone(course_hz: F64, phase: float = 0.0) -> F64:
    """A sine that follows a course of frequencies [n]."""
    wave: F64 = np.sin(2 * np.pi * np.cumsum(course_hz) / RATE_HZ + phase)
    return wave


def faded(sound: F64, fade_s: float = 0.01) -> F64:
    """Without a click at either end; [n] or [n, channels]."""
    ramp = min(frames_of(fade_s), len(sound) // 2)
    if not ramp:
        return sound
    gain = np.ones(len(sound))
    gain[:ramp] = np.linspace(0, 1, ramp)
    gain[-ramp:] = np.linspace(1, 0, ramp)
    out: F64 = sound * (gain if sound.ndim == 1 else gain[:, None])
    return out


def convolved(sound: F64, response: F64) -> F64:
    """A sound [n] in a room [m] or [m, channels]; the length of both together."""
    frames = len(sound) + len(response) - 1
    size = _fast_size(frames)
    if response.ndim == 1:
        out: F64 = np.fft.irfft(np.fft.rfft(sound, size) * np.fft.rfft(response, size), size)
        return out[:frames]
    return np.stack([convolved(sound, one) for one in response.T], 1)


def panned(sound: F64, place: float) -> F64:
    """One channel [n] as two [n, 2], of the same power; place -1 = left, 1 = right."""
    angle = (place + 1) * np.pi / 4
    return np.stack([sound * np.cos(angle), sound * np.sin(angle)], 1)


def wide(rng: Rng, make: Sequence[F64], width: float) -> F64:
    """Two independent sounds of the same kind as a stereo field; width 0 = mono, 1 = fully apart."""
    first, second = make
    angle = width * np.pi / 4
    near, far = np.cos(angle), np.sin(angle)
    swap = rng.random() < 0.5
    left, right = near * first + far * second, near * first - far * second
    return np.stack([right, left] if swap else [left, right], 1)


def placed(field: F64, sound: F64, at_frame: int) -> None:
    """Add a sound into a longer one in place; what does not fit is cut."""
    start = max(at_frame, 0)
    end = min(at_frame + len(sound), len(field))
    if end > start:
        field[start:end] += sound[start - at_frame : end - at_frame]


def resampled(sound: F64 | F32, rate_hz: float) -> F64:
    """A sound [n] or [n, channels] of another rate at 44.1 kHz."""
    if rate_hz == RATE_HZ:
        return sound.astype(np.float64)
    out: F64 = soxr.resample(sound.astype(np.float64), rate_hz, RATE_HZ)
    return out
