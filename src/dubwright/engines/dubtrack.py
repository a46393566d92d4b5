"""The dub as one mono stream: thousands of lines at their places, only the sounding ones in memory.

Each line is read in fixed portions and resampled as a stream (soxr, whose output starts at the
input's first sample), so memory does not grow with the number or the length of lines, and the
result does not depend on the block size. Files are opened when their line begins; when many lines
sound together only the ones used last stay open.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import soxr

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

MAX_OPEN = 32
"""Some systems allow 256 open files in a process."""
PORTION_FRAMES = 4096
END_FADE_S = 0.050


class LineSource(Protocol):
    """A line's samples, such as ``media.wav.WavReader``."""

    rate_hz: int
    channels: int
    frames: int

    def read(self, start_frame: int, n: int) -> F32:
        """Frames [k, channels], fewer than ``n`` at the end."""

    def close(self) -> None: ...


@dataclass(frozen=True)
class LineShape:
    """What a line's header says, and where it goes."""

    start_s: float
    frames: int
    rate_hz: int


@dataclass(frozen=True)
class Placement:
    index: int
    """Among the lines as given."""
    start: int
    end: int
    """Frames of the film; the end may lie past the film's."""


@dataclass(frozen=True)
class DubPlan:
    """Lines in the order in which they begin, and what of them the film has no room for."""

    rate_hz: int
    film_frames: int
    placements: tuple[Placement, ...]
    lines_cut: int
    """Lines that would sound past the film's end: faded out there."""
    lines_outside: int
    """Lines that would begin after it: left out."""
    cut_s: float
    """The longest overhang."""

    def spans_s(self) -> list[tuple[float, float]]:
        """When the dub sounds, line by line."""
        return [(p.start / self.rate_hz, p.end / self.rate_hz) for p in self.placements]


def plan_dub(lines: Sequence[LineShape], rate_hz: int, film_frames: int) -> DubPlan:
    """Place lines on the film's frames. A line that would start before the film starts with it."""
    placements: list[Placement] = []
    cut = outside = overhang = 0
    for index, line in enumerate(lines):
        start = max(0, round(line.start_s * rate_hz))
        end = start + round(line.frames * rate_hz / line.rate_hz)
        if start >= film_frames:
            outside += 1
            continue
        if end > film_frames:
            cut += 1
            overhang = max(overhang, end - film_frames)
        if end > start:
            placements.append(Placement(index, start, end))
    placements.sort(key=lambda p: (p.start, p.index))
    return DubPlan(rate_hz, film_frames, tuple(placements), cut, outside, overhang / rate_hz)


class _SoundingLine:
    """A line part-way through: its place in the file, its resampler, what is ready to be mixed."""

    def __init__(self, placement: Placement, rate_hz: int) -> None:
        self.placement = placement
        self._rate_hz = rate_hz
        self._at = 0
        self._resampler: soxr.ResampleStream | None = None
        self._ready: F32 = np.zeros(0, np.float32)
        self._ended = False

    def take(self, n: int, source: LineSource) -> F32:
        """The next ``n`` frames at the film's rate, fewer when the line ends."""
        parts, have = [self._ready], self._ready.size
        while have < n and not self._ended:
            portion = self._portion(source)
            parts.append(portion)
            have += portion.size
        whole = np.concatenate(parts)
        self._ready = whole[n:].copy()
        return whole[:n]

    def _portion(self, source: LineSource) -> F32:
        block = source.read(self._at, PORTION_FRAMES)
        self._at += block.shape[0]
        self._ended = block.shape[0] < PORTION_FRAMES or self._at >= source.frames
        mono: F32 = block[:, 0] if source.channels == 1 else block.mean(axis=1)
        if not np.isfinite(mono).all():
            mono = np.nan_to_num(mono, nan=0.0, posinf=0.0, neginf=0.0)
        if source.rate_hz == self._rate_hz:
            return mono
        if self._resampler is None:
            self._resampler = soxr.ResampleStream(source.rate_hz, self._rate_hz, 1, dtype="float32")
        made: F32 = self._resampler.resample_chunk(np.ascontiguousarray(mono), last=self._ended)
        return made


class DubTrack:
    """Sums the lines of a plan block by block, from the film's start on; :meth:`close` at the end.

    ``open_line(index)`` opens the line's file; it may be called more than once for a line.
    """

    def __init__(self, plan: DubPlan, open_line: Callable[[int], LineSource]) -> None:
        self._plan = plan
        self._open_line = open_line
        self._open: OrderedDict[int, LineSource] = OrderedDict()
        self._next = 0
        self._sounding: list[_SoundingLine] = []
        self._fade = round(END_FADE_S * plan.rate_hz)

    def mix(self, start: int, n: int) -> F32 | None:
        """The dub [n] of frames start.., None when no line sounds. Blocks must follow each other."""
        stop = start + n
        placements = self._plan.placements
        while self._next < len(placements) and placements[self._next].start < stop:
            self._sounding.append(_SoundingLine(placements[self._next], self._plan.rate_hz))
            self._next += 1
        if not self._sounding:
            return None
        block: F32 = np.zeros(n, np.float32)
        for line in self._sounding:
            place = line.placement
            a, b = max(place.start, start), min(place.end, stop)
            samples = line.take(b - a, self._source(place.index))
            if place.end > self._plan.film_frames:
                samples = self._faded(samples, a, place)
            block[a - start : a - start + samples.size] += samples
        ended = [line for line in self._sounding if line.placement.end <= stop]
        for line in ended:
            self._drop(line.placement.index)
        self._sounding = [line for line in self._sounding if line.placement.end > stop]
        return block

    def close(self) -> None:
        for source in self._open.values():
            source.close()
        self._open.clear()

    def _faded(self, samples: F32, at: int, place: Placement) -> F32:
        """A line that the film's end cuts off leaves in a short fade, not with a click."""
        end = self._plan.film_frames
        fade = min(self._fade, end - place.start)
        left = end - at - np.arange(samples.size)
        gain = np.sin(math.pi / 2 * np.clip(left / fade, 0.0, 1.0))
        return samples * gain.astype(np.float32)

    def _source(self, index: int) -> LineSource:
        source = self._open.pop(index, None)
        if source is None:
            source = self._open_line(index)
        self._open[index] = source
        if len(self._open) > MAX_OPEN:
            self._drop(next(iter(self._open)))
        return source

    def _drop(self, index: int) -> None:
        source = self._open.pop(index, None)
        if source is not None:
            source.close()
