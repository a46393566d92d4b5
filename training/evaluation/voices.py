"""What may happen to a voice before it is mixed: a room, a telephone, whispering, shouting."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from dubwright.engines.stft import istft, stft
from training.evaluation.item import F32, RATE_HZ

F64 = npt.NDArray[np.float64]


def band(sound: F32, low_hz: float, high_hz: float) -> F32:
    """``sound`` [n] without what lies outside, by gentle flanks of 12 and 24 dB an octave."""
    spectrum = np.fft.rfft(sound)
    hz = np.maximum(np.fft.rfftfreq(len(sound), 1 / RATE_HZ), 1e-3)
    shape = 1 / np.sqrt((1 + (low_hz / hz) ** 4) * (1 + (hz / high_hz) ** 8))
    return np.fft.irfft(spectrum * shape, len(sound)).astype(np.float32)


def telephone(sound: F32) -> F32:
    """300 to 3400 Hz and the steps of 8-bit companding (ITU-T G.711, mu-law), [n]."""
    narrow = band(sound, 300, 3400)
    scaled = narrow / max(float(np.abs(narrow).max()), 1e-9)
    pressed = np.sign(scaled) * np.log1p(255 * np.abs(scaled)) / np.log(256)
    steps = np.rint(pressed * 127) / 127
    back = np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255
    return band(back.astype(np.float32), 300, 3400)


def whispered(sound: F32, seed: int) -> F32:
    """The resonances of ``sound`` [n] over noise instead of a tone: the envelope of its spectrum by
    the cepstrum, phases drawn."""
    size, hop = 1024, 256
    spectrum = stft(sound, size, hop)
    level = np.log(np.abs(spectrum) + 1e-5)
    cepstrum = np.fft.irfft(level, size, axis=1)
    kept = RATE_HZ // 700  # quefrencies of voices begin at 1/500 s
    cepstrum[:, kept : size - kept + 1] = 0
    envelope = np.exp(np.fft.rfft(cepstrum, axis=1).real)
    noise = np.random.default_rng(seed).standard_normal(len(sound)).astype(np.float32)
    breath = istft((stft(noise, size, hop) * envelope).astype(np.complex64), len(sound), size, hop)
    return band(breath, 500, 8000)


def shouted(sound: F32) -> F32:
    """Higher by a fifth of an octave, brighter and pressed, [n] (shorter by that much)."""
    ratio = 2**0.2
    places = np.arange(0, len(sound) - 1, ratio)
    higher = np.interp(places, np.arange(len(sound)), sound)
    spectrum = np.fft.rfft(higher)
    hz = np.fft.rfftfreq(len(higher), 1 / RATE_HZ)
    bright = np.fft.irfft(spectrum * (np.clip(hz, 200, 3000) / 200) ** 0.6, len(higher))
    pressed: F32 = np.tanh(3 * bright / np.abs(bright).max()).astype(np.float32)
    return pressed


def in_room(sound: F32, decay_s: float, seed: int) -> F32:
    """``sound`` [n] heard in a room whose echo falls by 60 dB in ``decay_s``, [n, 2].

    The response is the voice itself, six early echoes and noise that dies away, treble first.
    """
    random = np.random.default_rng(seed)
    length = round(1.2 * decay_s * RATE_HZ)
    t = np.arange(length) / RATE_HZ
    sides = []
    for _ in range(2):
        tail = random.standard_normal(length)
        dark = np.asarray(band(tail.astype(np.float32), 100, 2500), np.float64)
        fallen = 0.4 * tail * 10 ** (-3 * t / (0.5 * decay_s)) + dark * 10 ** (-3 * t / decay_s)
        response = 0.03 * fallen * np.minimum(t / 0.015, 1)
        for _ in range(6):
            at = int(random.uniform(0.004, 0.035) * RATE_HZ)
            response[at] += random.choice([-1, 1]) * random.uniform(0.1, 0.35)
        response[0] = 1.0
        sides.append(convolved(np.asarray(sound, np.float64), response)[: len(sound)])
    return np.stack(sides, axis=1).astype(np.float32)


def convolved(sound: F64, response: F64) -> F64:
    """Both [n]; as long as both together less one sample."""
    length = len(sound) + len(response) - 1
    size = 1 << (length - 1).bit_length()
    product = np.fft.rfft(sound, size) * np.fft.rfft(response, size)
    whole: F64 = np.fft.irfft(product, size)[:length]
    return whole
