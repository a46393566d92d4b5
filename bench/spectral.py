"""The spectral separation that shipped before there was a network: what that is compared with.

Speech is what rises above its surroundings, in the centre. The background under speech is estimated
per frequency by a running median over 0.4 s (notes and noise last longer than the harmonics of a
gliding voice; FitzGerald, "Harmonic/percussive separation using median filtering", 2010) and by what
lies beside the voice's direction in stereo; speech is taken out with a Wiener gain (Lim and Oppenheim,
1979) from the voice's direction only, and nothing at all where the VAD hears nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dubwright.engines.stft import Spectrum, istft, stft
from dubwright_kit.contracts import Span

Array = npt.NDArray[np.float32]

SIZE, HOP = 4096, 1024
FLOOR = np.float32(1e-7)
"""Power of a bin in noise at -100 dBFS: what is below it is neither speech nor background."""


@dataclass(frozen=True)
class SpectralSettings:
    """Chosen on synthetic mixes (espeak-ng voices and vowel trains over composed music and noise).

    ``side_share`` made no difference there; it was kept because real mixes gained 0.1 to 0.5 dB.
    """

    median_frames: int = 8
    """Half the median's window."""
    median_gain: float = 1.5
    """A median of short-time power lies below its mean."""
    side_share: float = 0.3
    lowest_hz: float = 80.0
    highest_hz: float = 14_000.0
    """Voices have next to nothing outside these, music and noise do."""
    pad_before_s: float = 0.10
    pad_after_s: float = 0.20
    fade_s: float = 0.05


def separate_block(
    sound: Array, rate_hz: int, speech: Sequence[Span], settings: SpectralSettings | None = None
) -> Array:
    """Return the vocals [n, 2] of ``sound`` [n, 2]; the background is the rest.

    ``speech`` are the spans (seconds from the block's start) in which somebody speaks; outside
    them, padded and faded, the vocals are exactly zero.
    """
    settings = settings or SpectralSettings()
    gate = speech_gate(len(sound), rate_hz, speech, settings)
    if not gate.any() or not sound.any():
        return np.zeros_like(sound)
    left, right = stft(sound[:, 0], SIZE, HOP), stft(sound[:, 1], SIZE, HOP)
    middles = (np.arange(len(left)) + 1) * HOP - SIZE // 2
    speaking = gate[np.clip(middles, 0, len(gate) - 1)] > 0
    angle = direction(left, right, speaking, rate_hz, settings)[:, None]
    toward, beside = np.cos(angle), np.sin(angle)
    voice: Spectrum = (toward * left + beside * right).astype(np.complex64, copy=False)
    low, high = (round(hz * SIZE / rate_hz) for hz in (settings.lowest_hz, settings.highest_hz))
    side = (toward * right[:, :high] - beside * left[:, :high]).astype(np.complex64, copy=False)
    gain = wiener_gain(_power(voice[:, :high]), _power(side), speaking, settings)
    voice[:, :low], voice[:, high:] = 0, 0
    voice[:, low:high] *= gain[:, low:]
    if float(np.ptp(angle)) == 0.0:  # nearly always: a voice in the centre is inverted once
        mono = istft(voice, len(sound), SIZE, HOP) * gate
        return np.stack([mono * toward[0], mono * beside[0]], axis=1)
    return np.stack(
        [istft(voice * part, len(sound), SIZE, HOP) * gate for part in (toward, beside)], axis=1
    )


def wiener_gain(
    power: Array, side: Array, speaking: npt.NDArray[np.bool_], settings: SpectralSettings
) -> Array:
    """Share of speech in each bin [frames, bins] of ``power``, given the power beside it."""
    background = settings.median_gain * running_median(power, settings.median_frames)
    if float(side.sum()) > 1e-4 * float(power.sum()):
        wide, beside = smooth(power, 3), smooth(side, 3)
        ratio = np.log((wide + FLOOR) / (beside + FLOOR))
        # Background alone shows how it is spread; without any, the least voiced tenth must do.
        quiet = ~speaking
        learnt = (
            np.median(ratio[quiet], axis=0)
            if quiet.sum() > 20
            else np.quantile(ratio, 0.1, axis=0).astype(np.float32)
        )
        spread = np.minimum(smooth(np.exp(learnt)[None], 8), np.float32(100))
        background += settings.side_share * spread * beside
    excess = np.maximum(power / (background + FLOOR) - 1, 0)
    gain: Array = excess / (excess + 1)
    return gain


def direction(
    left: Spectrum,
    right: Spectrum,
    speaking: npt.NDArray[np.bool_],
    rate_hz: int,
    settings: SpectralSettings,
) -> Array:
    """Panning angle of the voice for each frame, [frames]: 0 left, pi/4 centre, pi/2 right (negative: out of phase).

    The principal axis of what rises above its surroundings between 150 and 4000 Hz, over a second;
    the centre where no axis stands out.
    """
    band = slice(round(150 * SIZE / rate_hz), round(4000 * SIZE / rate_hz))
    left, right = left[:, band], right[:, band]
    a, b, c = _power(left), _power(right), (left * right.conj()).real
    both = a + b
    weight = both > 4 * running_median(both, settings.median_frames)
    weight &= speaking[:, None]
    sums = [_box((part * weight).sum(axis=1), round(rate_hz / HOP / 2)) for part in (a, b, c)]
    difference, cross = sums[0] - sums[1], 2 * sums[2]
    angle = 0.5 * np.arctan2(cross, difference)
    centre = np.float32(np.pi / 4)
    plain = np.hypot(difference, cross) < 0.5 * (sums[0] + sums[1]) + 1e-12
    near = np.abs(angle - centre) < np.deg2rad(8)
    return np.where(plain | near, centre, angle).astype(np.float32)


def speech_gate(
    length: int, rate_hz: int, speech: Sequence[Span], settings: SpectralSettings
) -> Array:
    """1 in padded speech, 0 outside, linear fades between; [length]."""
    points, values = [0.0], [0.0]
    for start_s, end_s in _merged(speech, settings):
        for at, value in (
            (start_s - settings.fade_s, 0.0),
            (start_s, 1.0),
            (end_s, 1.0),
            (end_s + settings.fade_s, 0.0),
        ):
            points.append(at * rate_hz)
            values.append(value)
    if len(points) == 1:
        return np.zeros(length, dtype=np.float32)
    gate: Array = np.interp(np.arange(length), points[1:], values[1:], 0.0, 0.0).astype(np.float32)
    return gate


def running_median(power: Array, half: int) -> Array:
    """Median over ``half`` frames on both sides, [frames, bins]; every second one is computed."""
    padded = np.pad(power, ((half, half), (0, 0)), mode="reflect" if len(power) > half else "edge")
    places = np.arange(0, len(power), 2)
    medians = np.empty((len(places), power.shape[1]), dtype=np.float32)
    for row, at in enumerate(places):
        medians[row] = np.partition(padded[at : at + 2 * half + 1], half, axis=0)[half]
    after = np.concatenate([medians[1:], medians[-1:]])
    out = np.empty_like(power)
    out[::2] = medians
    out[1::2] = 0.5 * (medians + after)[: len(power) // 2]
    return out


def smooth(values: Array, half: int) -> Array:
    """Moving average over ``half`` bins on both sides, [frames, bins]."""
    padded = np.pad(values, ((0, 0), (half, half)), mode="edge")
    total = padded[:, : values.shape[1]].copy()
    for shift in range(1, 2 * half + 1):
        total += padded[:, shift : shift + values.shape[1]]
    return total / np.float32(2 * half + 1)


def _merged(speech: Sequence[Span], settings: SpectralSettings) -> list[Span]:
    """Padded spans, those that would touch while fading made one."""
    merged: list[Span] = []
    for start_s, end_s in sorted(speech):
        begin, end = start_s - settings.pad_before_s, end_s + settings.pad_after_s
        if merged and begin - merged[-1][1] <= 2 * settings.fade_s:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((begin, end))
    return merged


def _box(values: npt.NDArray[np.floating], half: int) -> npt.NDArray[np.float64]:
    """Moving sum over ``half`` frames on both sides."""
    sums = np.concatenate([[0.0], np.cumsum(values, dtype=np.float64)])
    at = np.arange(len(values))
    moving: npt.NDArray[np.float64] = (
        sums[np.minimum(at + half + 1, len(values))] - sums[np.maximum(at - half, 0)]
    )
    return moving


def _power(spectrum: Spectrum) -> Array:
    power: Array = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
    return power
