"""The canary: a chord with bursts of a voice-like sound. The stems must add up to it again."""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt

from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit.contracts import SeparateAsk, SeparateDone

RATE_HZ = 44100
CLIP_S = 20.0
BURST_S = 2.0
"""Voice and pause in turn."""
STEP = 1 / 32768


def compose(ask: SeparateAsk) -> None:
    """Write the mixture to ``ask.wav`` and where the voice is to ``ask.vad_json``."""
    t = np.arange(round(CLIP_S * RATE_HZ)) / RATE_HZ
    chord = sum(np.sin(2 * np.pi * hz * t + hz) for hz in (220.0, 277.2, 329.6, 440.0))
    pitch = 140 + 12 * np.sin(2 * np.pi * 4.5 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE_HZ
    voice = sum(np.sin(n * phase) * np.exp(-(((n * 140 - 700) / 700) ** 2)) for n in range(1, 20))
    speaks = np.floor(t / BURST_S) % 2 == 1
    left = 0.08 * chord + 0.06 * voice * speaks
    right = 0.06 * chord + 0.06 * voice * speaks
    with WavWriter(ask.wav, RATE_HZ, 2, "float32") as writer:
        writer.write(np.stack([left, right], axis=1).astype(np.float32))
    spans = [[at, at + BURST_S] for at in np.arange(BURST_S, CLIP_S, 2 * BURST_S).tolist()]
    with open(ask.vad_json, "w", encoding="utf-8") as file:  # noqa: PTH123  # a path as text
        json.dump({"frame_s": 0.032, "p": [], "spans": spans}, file)


def check(ask: SeparateAsk, done: SeparateDone) -> None:
    """Raise ValueError unless both stems are as long as the mixture, sound, and add up to it."""
    mixture = _read(ask.wav)
    stems = {name: _read(path) for name, path in done.stems.items()}
    if set(stems) != set(ask.stems):
        raise ValueError("The stems are {}.".format(", ".join(sorted(stems))))
    for name, stem in stems.items():
        if len(stem) != len(mixture):
            raise ValueError(f"{name} has {len(stem)} frames, the clip {len(mixture)}.")
        if not np.abs(stem).max() > 0.01:
            raise ValueError(f"{name} is silent.")
        if np.abs(stem - mixture).max() < 0.01:
            raise ValueError(f"{name} is the whole clip: nothing was separated.")
    off = float(np.abs(sum(stems.values()) - mixture).max())
    if off > 2 * STEP:
        raise ValueError(f"The stems do not add up to the clip (off by {off:.3g}).")


def _read(path: str) -> "npt.NDArray[np.float32]":
    with WavReader(path) as reader:
        return reader.read(0, reader.frames)
