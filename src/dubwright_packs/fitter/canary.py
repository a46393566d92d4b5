"""The canary: five seconds of a tone, made a fifth shorter. Its pitch must stay."""

from __future__ import annotations

import numpy as np

from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit.contracts import FitAsk, FitDone

RATE_HZ = 22050
CLIP_S = 5.0
TONE_HZ = 200.0


def compose(ask: FitAsk) -> None:
    """Write the tone to each line's ``wav``."""
    t = np.arange(round(CLIP_S * RATE_HZ)) / RATE_HZ
    tone = np.sum([np.sin(2 * np.pi * n * TONE_HZ * t) / n for n in range(1, 8)], axis=0)
    for line in ask.lines:
        with WavWriter(line.wav, RATE_HZ, 1) as writer:
            writer.write((0.3 * tone).astype(np.float32))


def check(ask: FitAsk, done: FitDone) -> None:
    """Raise ValueError unless every line has its length and the tone its pitch."""
    for line, duration_s in zip(ask.lines, done.durations_s):
        with WavReader(line.out_wav) as reader:
            sound = reader.read(0, reader.frames)[:, 0]
        for said_s in (duration_s, len(sound) / RATE_HZ):
            if abs(said_s - line.duration_s) > 0.001:
                raise ValueError(f"A line of {line.duration_s} s became {said_s:.3f} s.")
        spectrum = np.abs(np.fft.rfft(sound * np.hanning(len(sound))))
        found_hz = float(spectrum.argmax()) * RATE_HZ / len(sound)
        if not np.abs(sound).max() > 0.05 or abs(found_hz / TONE_HZ - 1) > 0.05:
            raise ValueError(f"A tone of {TONE_HZ:.0f} Hz became {found_hz:.0f} Hz.")
