"""Lay the dub over the preserved background in two passes: measure, then render.

Both passes stream the working file, the background stem and the lines in blocks of a second; what
stays in memory is a few numbers per 100 ms (loudness gating needs them) and the lines' positions.
"""

from __future__ import annotations

import errno
import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List, Optional, Tuple

import numpy as np
import numpy.typing as npt

from dubwright.engines.dubtrack import DubPlan, DubTrack, LineShape, plan_dub
from dubwright.engines.limiter import Limiter, LimiterSettings
from dubwright.engines.loudness import HopMeter, gated_loudness, hop_frames
from dubwright.engines.mixing import (
    Curve,
    HopPowers,
    choose_gain,
    duck,
    duck_curve,
    lay_bed,
    merge_spans,
    ratio_db,
    spans_within,
    voice_curve,
    with_gain,
)
from dubwright.engines.truepeak import TruePeakMeter
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import NextAction, Problem
from dubwright_kit.contracts import MixAsk, MixDone, Span
from dubwright_kit.report import Report
from dubwright_packs.mixer.canary import check, compose

__all__ = ["check", "compose", "run"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

BLOCK_FRAMES = 44100
REPORT_BLOCKS = 5
MEASURE_SHARE = 0.5


def run(ask: MixAsk, report: Report) -> MixDone:
    """Mix. Raises Problems ``not-wav`` (a damaged input), ``disk-full``; ValueError for stems of
    another length."""
    return mix(ask, report)


def mix(ask: MixAsk, report: Report, block_frames: int = BLOCK_FRAMES) -> MixDone:
    """:func:`run` with a block size, on which the result does not depend."""
    started = time.monotonic()
    _reuse_freed_memory()
    with WavReader(ask.working_wav) as film, WavReader(ask.background_wav) as background:
        if (film.frames, film.channels) != (background.frames, background.channels):
            raise ValueError(
                f"background has {background.frames} x {background.channels} samples, "
                f"the film {film.frames} x {film.channels}"
            )
        source = _Source(film, background, _plan(ask, film), ask, block_frames)
        powers, energies = _measure(source, report)
        levels = choose_gain(powers)
        try:
            rendered = _render(source, levels.dub_gain_db, report)
        except OSError as error:
            if error.errno != errno.ENOSPC:
                raise
            raise _disk_full(ask, film) from error
    metrics: Dict[str, Optional[float]] = {
        "original_lufs": levels.original_lufs,
        "original_speech_lufs": levels.original_speech_lufs,
        "target_speech_lufs": levels.target_speech_lufs,
        "dub_lufs": with_gain(powers.dub, levels.dub_gain_db),
        "dub_gain_db": levels.dub_gain_db,
        "speech_move_db": levels.move_db,
        "leakage_db": ratio_db(energies.bed, energies.original),
        "leakage_to_voice_db": ratio_db(energies.bed, energies.voice),
        "lines": float(len(source.plan.dub.placements)),
        "lines_cut": float(source.plan.dub.lines_cut),
        "lines_outside": float(source.plan.dub.lines_outside),
        "cut_s": source.plan.dub.cut_s,
        "wall_s": time.monotonic() - started,
    }
    return MixDone(frames=source.film.frames, metrics={**metrics, **rendered})


def _disk_full(ask: MixAsk, film: WavReader) -> Problem:
    return Problem(
        "disk-full",
        f"The disk that holds {Path(ask.out_wav).parent} is full; the mix needs "
        f"{film.frames * film.channels * 2:,} bytes.",
        NextAction("see what there is, remove what can go, then retry the job", "items", {}),
    )


# --- the plan -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Plan:
    dub: DubPlan
    dub_spans: I64
    voice: Curve
    bed_spans: I64
    """Padded speech and lines: where the bed is not the original."""
    vad_spans: I64
    """Where leakage is measured."""
    ducking: Curve


def _plan(ask: MixAsk, film: WavReader) -> _Plan:
    rate_hz, frames = film.rate_hz, film.frames
    shapes: List[LineShape] = []
    for line in ask.lines:
        with WavReader(line.wav) as reader:  # only the header
            shapes.append(LineShape(line.start_s, reader.frames, reader.rate_hz))
    dub = plan_dub(shapes, rate_hz, frames)
    dub_spans = merge_spans(dub.spans_s(), rate_hz, frames)
    # Under a line too: words that nobody noticed must not be heard beside it, and what the
    # separation does to the music is not.
    covered = [*ask.speech, *dub.spans_s()]
    voice, bed_spans = voice_curve(covered, rate_hz, frames, ask.pad_before_s, ask.pad_after_s)
    vad = _vad_spans(ask.vad_json) or list(ask.speech)
    return _Plan(
        dub=dub,
        dub_spans=dub_spans,
        voice=voice,
        bed_spans=bed_spans,
        vad_spans=merge_spans(vad, rate_hz, frames),
        ducking=duck_curve(dub_spans, rate_hz, ask.duck_db, ask.attack_s, ask.release_s),
    )


def _vad_spans(path: str) -> List[Span]:
    if not path:
        return []
    spans = json.loads(Path(path).read_text("utf-8")).get("spans", [])
    return [(float(start), float(end)) for start, end in spans]


def _reuse_freed_memory() -> None:
    """Let the C library keep what is freed instead of giving each block's arrays back.

    glibc learns from the first large chunk that is freed which sizes to serve from its own heap.
    Without this every array of a block is mapped anew and its pages cleared: measured, four times
    slower. Elsewhere it is an allocation of 30 MB that is never touched.
    """
    ballast = np.empty(30 << 20, np.uint8)
    del ballast


# --- reading ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Block:
    """One block; arrays are [n, channels], the dub [n]."""

    start: int
    original: F32
    background: Optional[F32]
    """None where the block touches no padded or measured speech."""
    bed: F32
    """Before ducking."""
    ducked: F32
    dub: Optional[F32]
    """At the lines' own level; None where no line sounds."""


class _Source:
    """Everything that is read, block by block; both passes see the same blocks."""

    def __init__(
        self, film: WavReader, background: WavReader, plan: _Plan, ask: MixAsk, block_frames: int
    ) -> None:
        self.film, self.plan, self.ask = film, plan, ask
        self._background = background
        self._block_frames = block_frames

    def blocks(self) -> Iterator[_Block]:
        plan, ask = self.plan, self.ask
        track = DubTrack(plan.dub, lambda index: WavReader(ask.lines[index].wav))
        try:
            for start in range(0, self.film.frames, self._block_frames):
                stop = min(start + self._block_frames, self.film.frames)
                original = _finite(self.film.read(start, stop - start))
                background = None
                if any(
                    next(spans_within(spans, start, stop), None)
                    for spans in (plan.bed_spans, plan.vad_spans)
                ):
                    background = _finite(self._background.read(start, stop - start))
                bed = lay_bed(original, background, start, plan.voice)
                if ask.bed_gain != 1.0:
                    bed *= np.float32(ask.bed_gain)
                ducked = duck(bed, start, plan.ducking)
                yield _Block(start, original, background, bed, ducked, track.mix(start, len(bed)))
        finally:
            track.close()

    def report(self, report: Report, block: _Block, offset: float, share: float, note: str) -> None:
        """Progress in seconds of film, both passes together as one film length."""
        if (block.start // self._block_frames) % REPORT_BLOCKS == 0:
            total = self.film.frames / self.film.rate_hz
            done = total * offset + share * block.start / self.film.rate_hz
            report(done, total, note)


def _finite(block: F32) -> F32:
    """Float files can hold values that are no numbers; one of them would poison every filter."""
    if math.isfinite(float(block.sum())):
        return block
    return np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)


# --- measure ------------------------------------------------------------------------------------


@dataclass
class _Energies:
    """Sums of squares while somebody speaks in the original."""

    original: float = 0.0
    bed: float = 0.0
    voice: float = 0.0


def _measure(source: _Source, report: Report) -> Tuple[HopPowers, _Energies]:
    """First pass: loudness of original, voice, bed and dub, and what of the voice the bed holds."""
    film, spans = source.film, source.plan.vad_spans
    count = film.channels
    dub_at = 3 * count
    cross = tuple((2 * count + channel, dub_at) for channel in range(count))
    meter = HopMeter(film.rate_hz, dub_at + 1, cross)
    energies = _Energies()
    for block in source.blocks():
        source.report(report, block, 0.0, MEASURE_SHARE, "measuring")
        signals = np.zeros((dub_at + 1, block.original.shape[0]), np.float32)
        signals[:count] = block.original.T
        signals[2 * count : dub_at] = block.ducked.T
        if block.dub is not None:
            signals[dub_at] = block.dub
        if block.background is not None:
            for a, b in spans_within(spans, block.start, block.start + signals.shape[1]):
                voice = block.original[a:b] - block.background[a:b]
                signals[count : 2 * count, a:b] = voice.T
                energies.original += _energy(block.original[a:b])
                energies.bed += _energy(block.bed[a:b])
                energies.voice += _energy(voice)
        meter.add(signals)
    powers = meter.powers()
    hops = powers.shape[1]
    speaking = np.zeros(hops, np.bool_)
    hop = hop_frames(film.rate_hz)
    for a, b in spans.tolist():
        speaking[a // hop : -(-b // hop)] = True
    return HopPowers(
        original=powers[:count].sum(axis=0),
        voice=powers[count : 2 * count].sum(axis=0),
        bed=powers[2 * count : dub_at].sum(axis=0),
        dub=powers[dub_at] * count,
        cross=powers[dub_at + 1 :].sum(axis=0),
        speaking=speaking,
    ), energies


def _energy(samples: F32) -> float:
    flat = samples.reshape(-1)
    return float(np.dot(flat, flat))


# --- render -------------------------------------------------------------------------------------


class _Output:
    """Writes what the limiter gives, without its delay, and measures exactly that."""

    def __init__(self, writer: WavWriter, source: _Source, delay: int) -> None:
        self._writer = writer
        self._dub_spans = source.plan.dub_spans
        self._skip = delay
        self._loudness = HopMeter(writer.rate_hz, writer.channels)
        self._true_peak = TruePeakMeter(writer.channels)
        self._limited = self._bed_limited = 0
        self._deepest = 0.0

    def write(self, block: F32, reduction: Optional[F64]) -> None:
        skipped = min(self._skip, block.shape[0])
        self._skip -= skipped
        block = block[skipped:]
        if reduction is not None:
            self._account(reduction[skipped:])
        channels = np.ascontiguousarray(block.T)
        self._loudness.add(channels)
        self._true_peak.add(channels)
        self._writer.write(block)

    def _account(self, reduction: F64) -> None:
        # Below this a 16-bit sample does not change.
        limited = reduction > 1e-6
        if not limited.any():
            return
        self._deepest = max(self._deepest, float(reduction.max()))
        self._limited += int(limited.sum())
        start = self._writer.frames
        for a, b in spans_within(self._dub_spans, start, start + limited.size):
            limited[a:b] = False
        self._bed_limited += int(limited.sum())

    def metrics(self) -> Dict[str, Optional[float]]:
        rate_hz = self._writer.rate_hz
        return {
            "programme_lufs": gated_loudness(self._loudness.powers().sum(axis=0)),
            "true_peak_dbtp": self._true_peak.peak_dbtp(),
            "limited_s": self._limited / rate_hz,
            "bed_limited_s": self._bed_limited / rate_hz,
            "limited_max_db": 20.0 * math.log10(1.0 / (1.0 - self._deepest)),
        }


def _render(source: _Source, dub_gain_db: float, report: Report) -> Dict[str, Optional[float]]:
    """Second pass: write the mix and return what was measured on it."""
    film, ask = source.film, source.ask
    limiter = Limiter(film.rate_hz, film.channels, LimiterSettings(ask.true_peak_dbtp))
    gain = np.float32(10.0 ** (dub_gain_db / 20.0))
    with WavWriter(ask.out_wav, film.rate_hz, film.channels, "int16") as writer:
        output = _Output(writer, source, limiter.delay)
        for block in source.blocks():
            source.report(report, block, MEASURE_SHARE, 1.0 - MEASURE_SHARE, "mixing")
            mixed = block.ducked
            if block.dub is not None:
                mixed = mixed + (block.dub * gain)[:, np.newaxis]
            output.write(*limiter.process(mixed))
        output.write(*limiter.flush())
        if writer.frames != film.frames:
            raise ValueError(f"wrote {writer.frames} of {film.frames} frames")
    return output.metrics()
