"""The canary: a sentence over a chord, again and again. The stems must add up to it, and one of them be
nearer to the voice than the clip was.

All of it goes phrase by phrase: the memory that is measured should be that of the separation.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dubwright.media.resample import StreamResampler
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit.contracts import SeparateAsk, SeparateDone

F32 = npt.NDArray[np.float32]

RATE_HZ = 44100
PHRASE_S, PHRASES = 4, 5
BEFORE_S = 1
"""Of a phrase, before the sentence."""
VOICE = Path(__file__).with_name("canary.wav")
"""A sentence spoken by espeak-ng for this: a cut of the recogniser's canary, which tools/make_canaries.py makes."""
STEP = 1 / 32768
GAIN_DB = 3.0
"""How much nearer to the voice the speech must be: a small part of what the network reaches."""


def compose(ask: SeparateAsk) -> None:
    """Write the mixture to ``ask.wav``."""
    phrase = voice() + chord()
    with WavWriter(ask.wav, RATE_HZ, 2, "float32") as writer:
        for _ in range(PHRASES):
            writer.write(phrase)


def voice() -> F32:
    """What is spoken in a phrase, [n, 2]."""
    with WavReader(VOICE) as reader:
        spoken, rate_hz = reader.read(0, reader.frames), reader.rate_hz
    stream = StreamResampler(rate_hz, RATE_HZ, 1)
    sentence = np.concatenate([stream.push(spoken), stream.flush()])
    out = np.zeros((PHRASE_S * RATE_HZ, 2), np.float32)
    at = BEFORE_S * RATE_HZ
    out[at : at + len(sentence)] = 0.5 * sentence
    return out


def chord() -> F32:
    """What is played in a phrase, [n, 2]: four tones, struck every second."""
    t = np.arange(RATE_HZ) / RATE_HZ
    tones = sum(np.sin(2 * np.pi * hz * t + hz) for hz in (220, 277, 330, 440))
    struck = tones * np.exp(-2 * t)
    second = np.stack([0.08 * struck, 0.06 * struck], axis=1).astype(np.float32)
    return np.tile(second, (PHRASE_S, 1))


def check(ask: SeparateAsk, done: SeparateDone) -> None:
    """Raise ValueError unless both stems are as long as the mixture, sound, add up to it, and the
    voice was found."""
    if set(done.stems) != set(ask.stems):
        raise ValueError("The stems are {}.".format(", ".join(sorted(done.stems))))
    spoken = voice()
    with contextlib.ExitStack() as files:
        film = files.enter_context(WavReader(ask.wav))
        stems = {
            name: files.enter_context(WavReader(path)) for name, path in sorted(done.stems.items())
        }
        for name, stem in stems.items():
            if stem.frames != film.frames:
                raise ValueError(f"{name} has {stem.frames} frames, the clip {film.frames}.")
        found = {name: _Heard() for name in stems}
        mixture, off = _Heard(), 0.0
        for start in range(0, film.frames, len(spoken)):
            mix = film.read(start, len(spoken))
            parts = {name: stem.read(start, len(spoken)) for name, stem in stems.items()}
            mixture.add(mix, mix, spoken)
            for name, part in parts.items():
                found[name].add(part, mix, spoken)
            off = max(off, float(np.abs(sum(parts.values()) - mix).max()))
    for name, heard in found.items():
        if not heard.peak > 0.01:
            raise ValueError(f"{name} is silent.")
        if heard.change < 0.01:
            raise ValueError(f"{name} is the whole clip: nothing was separated.")
    if off > 2 * STEP:
        raise ValueError(f"The stems do not add up to the clip (off by {off:.3g}).")
    gain_db = found["vocals"].si_sdr_db() - mixture.si_sdr_db()
    if not gain_db >= GAIN_DB:
        raise ValueError(f"The voice was not told apart: it gained {gain_db:.1f} dB.")


class _Heard:
    """What is known of a stem, phrase after phrase."""

    def __init__(self) -> None:
        self.peak = self.change = 0.0
        self._sums = np.zeros(3)

    def add(self, stem: F32, mix: F32, spoken: F32) -> None:
        self.peak = max(self.peak, float(np.abs(stem).max()))
        self.change = max(self.change, float(np.abs(stem - mix).max()))
        pairs = ((spoken, stem), (spoken, spoken), (stem, stem))
        self._sums += [float(np.vdot(one, other)) for one, other in pairs]

    def si_sdr_db(self) -> float:
        """How near it is to what was spoken (Le Roux et al., 2019)."""
        both, spoken, stem = self._sums
        wanted = both**2 / max(spoken, 1e-12)
        return float(10 * np.log10(max(wanted, 1e-12) / max(stem - wanted, 1e-12)))
