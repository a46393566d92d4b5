"""The canary: a sound file with clicks at known times. They must be there in the working sound."""

from __future__ import annotations

import json
from pathlib import Path

import av
import numpy as np

from dubwright.media.encode import aac_packets, add_aac
from dubwright.media.wav import WavReader
from dubwright_kit.contracts import IngestAsk, IngestDone

RATE_HZ = 44100
FILM_RATE_HZ = 48000
CLICKS_S = (1.0, 7.5, 18.25)
CLICK_FRAMES = 480
TOLERANCE_S = 0.02


def compose(ask: IngestAsk) -> None:
    """Write AAC sound of ``ask.duration_s`` to ``ask.source``."""
    sound = np.zeros((round(ask.duration_s * FILM_RATE_HZ), 2), np.float32)
    tone = np.sin(2 * np.pi * 1500 * np.arange(CLICK_FRAMES) / FILM_RATE_HZ)
    burst = (0.8 * tone * np.hanning(CLICK_FRAMES)).astype(np.float32)
    for at_s in CLICKS_S:
        begin = round(at_s * FILM_RATE_HZ) - CLICK_FRAMES // 2
        sound[begin : begin + CLICK_FRAMES] += burst[:, None]
    with av.open(ask.source, "w") as out:
        stream = add_aac(out)
        for packet in aac_packets(stream, [sound]):
            out.mux(packet)


def check(ask: IngestAsk, done: IngestDone) -> None:
    """Raise ValueError unless the files have their lengths and every click is in its place."""
    frames = round(ask.duration_s * RATE_HZ)
    with WavReader(ask.working_wav) as working, WavReader(ask.speech_wav) as speech:
        if (working.frames, done.frames) != (frames, frames):
            raise ValueError(f"The working sound has {working.frames} frames instead of {frames}.")
        if abs(speech.duration_s - ask.duration_s) > 0.001:
            raise ValueError(f"The speech file lasts {speech.duration_s:.3f} s.")
        loud = np.abs(working.read(0, frames)).max(axis=1)
    for at_s in CLICKS_S:
        begin = round((at_s - 0.25) * RATE_HZ)
        found_s = (begin + int(loud[begin : begin + RATE_HZ // 2].argmax())) / RATE_HZ
        if loud[begin : begin + RATE_HZ // 2].max() < 0.2 or abs(found_s - at_s) > TOLERANCE_S:
            raise ValueError(f"The click at {at_s} s was found at {found_s:.3f} s.")
    if json.loads(Path(ask.vad_json).read_text("utf-8"))["spans"] != []:
        raise ValueError("It heard somebody speak where there are only clicks.")
