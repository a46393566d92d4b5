"""The canary: a chord, and a sentence spoken over it now and then. The stems must add up to it again, and
one of them be nearer to the voice than the clip was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from dubwright.engines.scoring import si_sdr_db
from dubwright.media.resample import StreamResampler
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit.contracts import SeparateAsk, SeparateDone

F32 = npt.NDArray[np.float32]

RATE_HZ = 44100
CLIP_S = 20.0
EVERY_S = 4.0
"""From one sentence to the next; the first begins after half of it."""
VOICE = Path(__file__).with_name("canary.wav")
STEP = 1 / 32768
GAIN_DB = 3.0
"""How much nearer to the voice the speech must be: a small part of what the network reaches."""


def compose(ask: SeparateAsk) -> None:
    """Write the mixture to ``ask.wav``."""
    with WavWriter(ask.wav, RATE_HZ, 2, "float32") as writer:
        writer.write(chord() + voice())


def voice() -> F32:
    """What is spoken, [n, 2]."""
    with WavReader(VOICE) as reader:
        spoken, rate_hz = reader.read(0, reader.frames), reader.rate_hz
    stream = StreamResampler(rate_hz, RATE_HZ, 1)
    sentence = np.concatenate([stream.push(spoken), stream.flush()])
    out = np.zeros((round(CLIP_S * RATE_HZ), 2), np.float32)
    for start_s in np.arange(EVERY_S / 2, CLIP_S - EVERY_S / 2, EVERY_S):
        at = round(start_s * RATE_HZ)
        out[at : at + len(sentence)] = 0.5 * sentence
    return out


def chord() -> F32:
    """What is played, [n, 2]: four tones, struck every second."""
    t = np.arange(round(CLIP_S * RATE_HZ)) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * hz * t + hz) for hz in (220.0, 277.2, 329.6, 440.0))
    struck = tones * np.exp(-2 * (t % 1.0))
    return np.stack([0.08 * struck, 0.06 * struck], axis=1).astype(np.float32)


def check(ask: SeparateAsk, done: SeparateDone) -> None:
    """Raise ValueError unless both stems are as long as the mixture, sound, add up to it, and the
    voice was found."""
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
    spoken = voice()
    gain_db = si_sdr_db(spoken, stems["vocals"]) - si_sdr_db(spoken, mixture)
    if not gain_db >= GAIN_DB:
        raise ValueError(f"The voice was not told apart: it gained {gain_db:.1f} dB.")


def _read(path: str) -> F32:
    with WavReader(path) as reader:
        return reader.read(0, reader.frames)
