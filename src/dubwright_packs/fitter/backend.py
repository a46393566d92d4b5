"""Stretch each line to the length its slot allows."""

from __future__ import annotations

from pathlib import Path

from dubwright.media.storage import writing_to
from dubwright.media.stretch import stretch
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Report
from dubwright_kit.contracts import FitAsk, FitDone, StretchLine
from dubwright_packs.fitter.canary import check, compose

__all__ = ["check", "compose", "run"]


def run(ask: FitAsk, report: Report) -> FitDone:
    """Write every line's ``out_wav`` (16 bit, the rate of ``wav``) to the nearest frame.

    Raises Problem ``not-wav``, ``disk-full``; ``ValueError`` for a length below one frame.
    """
    durations = []
    for number, line in enumerate(ask.lines):
        report(number, len(ask.lines), "fitting lines to their places")
        durations.append(_fit(line))
    report(len(ask.lines), len(ask.lines), "fitting lines to their places")
    return FitDone(tuple(durations))


def _fit(line: StretchLine) -> float:
    with WavReader(line.wav) as wav:
        samples = wav.read(0, wav.frames)
        rate_hz, channels = wav.rate_hz, wav.channels
    fitted = stretch(samples, rate_hz, round(line.duration_s * rate_hz))
    with (
        writing_to(Path(line.out_wav).parent),
        WavWriter(line.out_wav, rate_hz, channels) as out,
    ):
        out.write(fitted)
    return len(fitted) / rate_hz
