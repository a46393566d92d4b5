"""The canary: a voice over a hum, to be replaced by another voice. The first must be gone."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt

from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit.contracts import MixAsk, MixDone

RATE_HZ = 44100
CLIP_S = 20.0
SPEECH_S = (8.0, 12.0)
VOICE_HZ, HUM_HZ, DUB_HZ = 700.0, 150.0, 1100.0


def compose(ask: MixAsk) -> None:
    """Write the original, its background, the line and where somebody speaks."""
    t = np.arange(round(CLIP_S * RATE_HZ)) / RATE_HZ
    hum = 0.05 * np.sin(2 * np.pi * HUM_HZ * t)
    voice = 0.2 * np.sin(2 * np.pi * VOICE_HZ * t) * ((t >= SPEECH_S[0]) & (t < SPEECH_S[1]))
    for path, sound in ((ask.working_wav, hum + voice), (ask.background_wav, hum)):
        with WavWriter(path, RATE_HZ, 2, "float32" if path == ask.working_wav else "int16") as out:
            out.write(np.repeat(sound.astype(np.float32)[:, None], 2, axis=1))
    with WavWriter(ask.lines[0].wav, RATE_HZ, 1) as out:
        spoken = t[: round((SPEECH_S[1] - SPEECH_S[0] - 0.5) * RATE_HZ)]
        out.write((0.2 * np.sin(2 * np.pi * DUB_HZ * spoken)).astype(np.float32))
    with open(ask.vad_json, "w", encoding="utf-8") as file:  # noqa: PTH123  # a path as text
        json.dump({"frame_s": 0.032, "p": [], "spans": [SPEECH_S]}, file)


def check(ask: MixAsk, done: MixDone) -> None:
    """Raise ValueError unless the mix is as long, keeps the hum, and has only the new voice."""
    with WavReader(ask.out_wav) as reader:
        frames, mix = reader.frames, reader.read(0, reader.frames)[:, 0]
    if {frames, done.frames} != {round(CLIP_S * RATE_HZ)}:
        raise ValueError(f"The mix has {frames} frames instead of {round(CLIP_S * RATE_HZ)}.")
    within = mix[round((SPEECH_S[0] + 1) * RATE_HZ) : round((SPEECH_S[0] + 3) * RATE_HZ)]
    voice, hum, dub = (_level(within, hz) for hz in (VOICE_HZ, HUM_HZ, DUB_HZ))
    if dub < 0.02 or hum < 0.005:
        raise ValueError(f"The dub (level {dub:.3f}) or the background ({hum:.3f}) is missing.")
    if voice > 0.1 * dub:
        raise ValueError(f"The first voice is still heard (level {voice:.3f} beside {dub:.3f}).")


def _level(sound: "npt.NDArray[np.float32]", hz: float) -> float:
    """Amplitude of one tone."""
    t = np.arange(len(sound)) / RATE_HZ
    return float(2 * abs(np.mean(sound * np.exp(-2j * np.pi * hz * t))))
