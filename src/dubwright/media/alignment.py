"""How far the dub in a written film is from where it should be, measured in the file itself."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import soxr
from av.container import InputContainer

from dubwright.media.opening import DAMAGE, open_media
from dubwright.media.timeline import film_start, film_videos
from dubwright.media.wav import WavReader

_WINDOW_S = 2.0
_REACH_S = 0.25
"""Offsets are searched this far to both sides."""

_LOUD = 0.02
"""A window whose peak is below this (-34 dBFS) says nothing."""

_SIMILAR = 0.5
"""Normalised correlation below this is no match."""

Mono = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Alignment:
    """Seconds by which the film's first audio stream is late (negative: early) against the WAV, on
    the clock of the first picture; None where there is nothing loud to compare."""

    start_s: float | None
    end_s: float | None


def measure(film: Path, wav_path: Path) -> Alignment:
    """Compare the first and the last two seconds in which the WAV has something loud.

    Decodes only these places. Raises the Problems of opening ``film`` and ``not-wav``.
    """
    with WavReader(wav_path) as wav, open_media(film) as container:
        # A film's clock is its picture's; in a sound file it is the container's own.
        zero = film_start(film) if film_videos(container) else Fraction(0)
        first, last = _loud_windows(wav)
        return Alignment(_offset(container, zero, wav, first), _offset(container, zero, wav, last))


def _loud_windows(wav: WavReader) -> tuple[float | None, float | None]:
    """Start times of the first and the last loud window."""
    step = wav.rate_hz // 2
    blocks = -(-wav.frames // step)

    def loud(number: int) -> bool:
        block = wav.read(number * step, step)
        return bool(len(block)) and float(np.abs(block).max()) >= _LOUD

    first = next((n for n in range(blocks) if loud(n)), None)
    if first is None:
        return None, None
    last = next(n for n in range(blocks - 1, -1, -1) if loud(n))
    latest_s = max(0.0, wav.duration_s - _WINDOW_S)
    first_s = min(max(0.0, first * 0.5 - 0.25), latest_s)
    return first_s, min(max(0.0, (last + 1) * 0.5 + 0.25 - _WINDOW_S), latest_s)


def _offset(
    container: InputContainer, zero: Fraction, wav: WavReader, at_s: float | None
) -> float | None:
    if at_s is None:
        return None
    stream = container.streams.audio[0]
    rate_hz = int(stream.codec_context.sample_rate)
    given = wav.read(round(at_s * wav.rate_hz), round(_WINDOW_S * wav.rate_hz)).mean(axis=1)
    wanted = np.asarray(soxr.resample(given, wav.rate_hz, rate_hz), np.float32)
    reach = round(_REACH_S * rate_hz)
    begin = round((float(zero) + at_s) * rate_hz) - reach
    heard = _decoded(container, rate_hz, begin, len(wanted) + 2 * reach)
    lag = _best_lag(wanted, heard)
    return None if lag is None else (lag - reach) / rate_hz


def _decoded(container: InputContainer, rate_hz: int, begin: int, count: int) -> Mono:
    """Mono samples ``begin`` to ``begin + count`` of the stream's clock; silence where there are none."""
    stream = container.streams.audio[0]
    frames: list[Mono] = []
    starts: list[float] = []  # of the first frame, by each frame's own timestamp
    length = 0
    # A decoder needs a few frames to come right after a jump.
    seek_us = max(container.start_time or 0, int((begin / rate_hz - 1.0) * av.time_base))
    try:
        container.seek(seek_us, backward=True)
        for frame in container.decode(stream):
            if frame.pts is None or frame.time_base is None:
                continue
            at = float(frame.pts * frame.time_base) * rate_hz
            if at >= begin + count:
                break
            starts.append(at - length)
            frames.append(frame.to_ndarray().mean(axis=0))
            length += len(frames[-1])
    except DAMAGE:
        pass  # what could be read is compared
    out = np.zeros(count, np.float32)
    if frames:
        # Matroska rounds to milliseconds: the middle of what all frames say is exact.
        at = round(float(np.median(starts))) - begin
        heard = np.concatenate(frames)
        low, high = max(0, at), min(count, at + length)
        if low < high:
            out[low:high] = heard[low - at : high - at]
    return out


def _best_lag(wanted: Mono, heard: Mono) -> int | None:
    """Where ``wanted`` fits best in ``heard`` (normalised cross-correlation by FFT); None when
    nothing is alike."""
    size = 1 << (len(heard) + len(wanted)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(wanted, size))
    score = np.fft.irfft(spectrum, size)[: len(heard) - len(wanted) + 1]
    energy = np.concatenate([[0.0], np.cumsum(heard.astype(np.float64) ** 2)])
    local = energy[len(wanted) :] - energy[: len(energy) - len(wanted)]
    norm = np.sqrt(np.maximum(local, 1e-9) * float(np.sum(wanted.astype(np.float64) ** 2)))
    alike = score / np.maximum(norm, 1e-9)
    best = int(np.argmax(alike))
    return best if alike[best] >= _SIMILAR else None
