"""Laying a dub over a film's own sound: what the bed is, how it ducks, how loud the dub becomes.

**The bed** is the original, sample for sample, wherever nobody speaks in it and no line lies, and the
background stem elsewhere. Original and background are the same music and noise; they differ by the voice alone.
An equal-power crossfade between the two (a law for unrelated signals) would therefore swell by
3 dB in its middle. Written as ``background + c (original - background)`` the common part keeps its
level whatever ``c`` does, and only the voice is faded: ``c`` is the equal-power law's quarter cosine,
applied to what really differs. Measured on a bed of noise: within 0.1 dB across the fade, where the
plain law gives +3.0 dB. The fade lies in the outer half of the pad, where the voice is not expected.

**Ducking** is a curve in dB over time made from the dub lines' positions, so both passes and any
block size see the same one.

**Levels**: see :func:`choose_gain`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dubwright.engines.loudness import gated_loudness

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

SHORTEST_FADE_S = 0.005
FALLBACK_SPEECH_LUFS = -23.0
"""EBU R 128's programme level: where a film without any sound has its dub put."""
DEEPEST_SPEECH_LU = 6.0
"""The voice counts as at most this far under the original's level while somebody speaks: a
separation that finds next to no voice must not make the dub inaudible."""
HIGHEST_SPEECH_LU = 3.0
"""Nor may stems in opposite phase make the voice louder than the film it came from."""
LARGEST_MATCH_DB = 24.0
LARGEST_MOVE_DB = 6.0
MOVE_STEP_DB = 0.05
CLOSE_ENOUGH_LU = 0.2


# --- spans and curves ---------------------------------------------------------------------------


def merge_spans(spans_s: Sequence[tuple[float, float]], rate_hz: int, frames: int) -> I64:
    """Sorted, disjoint [n, 2] frame spans inside 0..frames from spans in seconds in any order."""
    found: list[list[int]] = []
    for start_s, end_s in sorted(spans_s):
        start = max(0, math.floor(start_s * rate_hz + 1e-6))
        end = min(frames, math.ceil(end_s * rate_hz - 1e-6))
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1][1] = max(found[-1][1], end)
        else:
            found.append([start, end])
    return np.array(found, np.int64).reshape(-1, 2)


def spans_within(spans: I64, start: int, stop: int) -> Iterator[tuple[int, int]]:
    """The parts of disjoint sorted ``spans`` inside start..stop, relative to ``start``."""
    first = int(np.searchsorted(spans[:, 1], start, side="right"))
    for a, b in spans[first:]:
        if a >= stop:
            return
        yield max(int(a), start) - start, min(int(b), stop) - start


@dataclass(frozen=True)
class Curve:
    """A piecewise linear function of the frame number: ``values[i]`` at ``frames[i]``, both sorted
    by frame; constant before the first and after the last; equal frames make a step."""

    frames: I64
    values: F64

    def pieces(self, start: int, stop: int) -> Iterator[tuple[int, int, float, float]]:
        """Cut start..stop at the corners: (from, to, value at from, value at to), relative frames."""
        at = start
        corner = int(np.searchsorted(self.frames, start, side="right"))
        while at < stop:
            end = min(stop, int(self.frames[corner])) if corner < self.frames.size else stop
            if end > at:
                yield at - start, end - start, self._value(corner, at), self._value(corner, end)
            at = end
            corner += 1

    def _value(self, corner: int, frame: int) -> float:
        """Value at ``frame``, which lies before corner number ``corner`` and not before the last."""
        if corner == 0:
            return float(self.values[0]) if self.values.size else 0.0
        before, level = int(self.frames[corner - 1]), float(self.values[corner - 1])
        if corner == self.frames.size or self.values[corner] == level:
            return level
        share = (frame - before) / (int(self.frames[corner]) - before)
        return level + share * (float(self.values[corner]) - level)


def voice_curve(
    speech_s: Sequence[tuple[float, float]],
    rate_hz: int,
    frames: int,
    pad_before_s: float,
    pad_after_s: float,
) -> tuple[Curve, I64]:
    """How much of the original voice the bed keeps (1 outside speech, 0 in it) and the padded spans.

    Outside the returned spans [n, 2] the curve is exactly 1.
    """
    padded = [(start - pad_before_s, end + pad_after_s) for start, end in speech_s if end > start]
    spans = merge_spans(padded, rate_hz, frames)
    fade_in = round(max(pad_before_s / 2, SHORTEST_FADE_S) * rate_hz)
    fade_out = round(max(pad_after_s / 2, SHORTEST_FADE_S) * rate_hz)
    at: list[int] = []
    values: list[float] = []
    for start, end in spans.tolist():
        # A span cut by the film's edge has nothing to fade from there.
        first = 0 if start == 0 else min(fade_in, (end - start) // 2)
        last = 0 if end == frames else min(fade_out, (end - start) // 2)
        at += [start, start + first, end - last, end]
        values += [1.0, 0.0, 0.0, 1.0]
    if not at:
        at, values = [0], [1.0]
    return Curve(np.array(at, np.int64), np.array(values)), spans


def duck_curve(
    lines: I64, rate_hz: int, depth_db: float, attack_s: float, release_s: float
) -> Curve:
    """Attenuation of the bed in dB (>= 0) under merged dub spans ``lines`` [n, 2] in frames.

    From a line's first frame it grows to ``depth_db`` within ``attack_s``, and from its last frame
    it is gone within ``release_s``; a line that starts during a release takes over from there.
    """
    attack = max(attack_s * rate_hz, 1.0) / max(depth_db, 1e-9)
    release = max(release_s * rate_hz, 1.0) / max(depth_db, 1e-9)
    at: list[int] = [0]
    values: list[float] = [0.0]
    for start, end in lines.tolist() if depth_db > 0 else []:
        level = 0.0
        if values[-1] == 0.0 and at[-1] > start:  # still releasing from the line before
            level = (at[-1] - start) / release
            at[-1], values[-1] = start, level
        elif at[-1] < start:
            at.append(start)
            values.append(0.0)
        full = start + round((depth_db - level) * attack)
        if full <= end:
            at += [full, end]
            values += [depth_db, depth_db]
        else:
            at.append(end)
            values.append(level + (end - start) / attack)
        at.append(end + math.ceil(values[-1] * release))
        values.append(0.0)
    return Curve(np.array(at, np.int64), np.array(values))


def lay_bed(original: F32, background: F32 | None, start: int, voice: Curve) -> F32:
    """The bed of one block [n, channels] at frame ``start``, unducked.

    ``background`` None means that the block lies outside every padded span.
    """
    bed = original.copy()
    if background is None:
        return bed
    for a, b, first, last in voice.pieces(start, start + original.shape[0]):
        if first == last == 1.0:
            continue
        if first == last == 0.0:
            bed[a:b] = background[a:b]
            continue
        keep = np.sin(math.pi / 2 * np.linspace(first, last, b - a, endpoint=False))
        bed[a:b] -= background[a:b]
        bed[a:b] *= keep[:, np.newaxis].astype(np.float32)
        bed[a:b] += background[a:b]
    return bed


def duck(bed: F32, start: int, curve: Curve) -> F32:
    """``bed`` [n, channels] with the attenuation of ``curve``; itself where that is zero."""
    ducked = bed
    for a, b, first, last in curve.pieces(start, start + bed.shape[0]):
        if first == last == 0.0:
            continue
        if ducked is bed:
            ducked = bed.copy()
        if first == last:
            ducked[a:b] *= np.float32(10.0 ** (-first / 20.0))
        else:
            gain_db = -np.linspace(first, last, b - a, endpoint=False)
            ducked[a:b] *= (10.0 ** (gain_db / 20.0))[:, np.newaxis].astype(np.float32)
    return ducked


# --- levels -------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HopPowers:
    """K-weighted powers [hops] per 100 ms, summed over channels, as measured in the first pass."""

    original: F64
    voice: F64
    """Original minus background while somebody speaks, else nothing."""
    bed: F64
    """Ducked."""
    dub: F64
    """At the lines' own level."""
    cross: F64
    """Mean product of ducked bed and dub: how far the two are not independent."""
    speaking: npt.NDArray[np.bool_]
    """Hops in which somebody speaks in the original."""


@dataclass(frozen=True)
class Levels:
    """What :func:`choose_gain` decided. Loudness in LUFS, None where there is none to measure."""

    original_lufs: float | None
    original_speech_lufs: float | None
    target_speech_lufs: float
    match_db: float
    move_db: float

    @property
    def dub_gain_db(self) -> float:
        return self.match_db + self.move_db


def _speech_target(powers: HopPowers, original: float | None) -> tuple[float | None, float]:
    """Loudness of the original voice, and the loudness that the dub should have."""
    voice = gated_loudness(powers.voice)
    while_speaking = gated_loudness(np.where(powers.speaking, powers.original, 0.0))
    if while_speaking is not None:
        floor, roof = while_speaking - DEEPEST_SPEECH_LU, while_speaking + HIGHEST_SPEECH_LU
        return voice, floor if voice is None else min(max(voice, floor), roof)
    return voice, FALLBACK_SPEECH_LUFS if original is None else original


def choose_gain(powers: HopPowers) -> Levels:
    """Decide the dub's gain: first the original voice's loudness, then the programme's.

    Both voices are measured alike (BS.1770 with both gates over their own signal alone), so pauses
    count in neither. Then the gain moves by the least amount, at most 6 dB either way, that brings
    the programme's integrated loudness to the original's within 0.2 LU (or as near as those 6 dB
    allow, less 0.05 LU: a film that is mostly music must not have its speech moved for nothing).
    The programme's loudness for a gain ``g`` follows from ``bed + 2 g cross + g^2 dub``, exact but
    for what the limiter does.
    """
    original = gated_loudness(powers.original)
    voice, target = _speech_target(powers, original)
    dub = gated_loudness(powers.dub)
    if dub is None:
        return Levels(original, voice, target, 0.0, 0.0)
    match_db = min(LARGEST_MATCH_DB, max(-LARGEST_MATCH_DB, target - dub))
    if original is None:
        return Levels(original, voice, target, match_db, 0.0)
    steps = round(LARGEST_MOVE_DB / MOVE_STEP_DB)
    moves = sorted((MOVE_STEP_DB * i for i in range(-steps, steps + 1)), key=abs)
    errors = [_programme_error(powers, match_db + move, original) for move in moves]
    allowed = max(min(errors) + 0.05, CLOSE_ENOUGH_LU)
    move_db = next(move for move, error in zip(moves, errors, strict=True) if error <= allowed)
    return Levels(original, voice, target, match_db, move_db)


def _programme_error(powers: HopPowers, gain_db: float, original: float) -> float:
    gain = 10.0 ** (gain_db / 20.0)
    programme = gated_loudness(powers.bed + 2 * gain * powers.cross + gain * gain * powers.dub)
    return math.inf if programme is None else abs(programme - original)


def with_gain(hop_power: F64, gain_db: float) -> float | None:
    """Integrated loudness of a signal with ``hop_power`` after a gain."""
    return gated_loudness(hop_power * 10.0 ** (gain_db / 10.0))


def ratio_db(part: float, whole: float) -> float | None:
    """10 log10 of two energies; None when one of them is nothing."""
    return 10.0 * math.log10(part / whole) if part > 0.0 and whole > 0.0 else None


__all__ = [
    "Curve",
    "HopPowers",
    "Levels",
    "choose_gain",
    "duck",
    "duck_curve",
    "lay_bed",
    "merge_spans",
    "ratio_db",
    "spans_within",
    "voice_curve",
    "with_gain",
]
