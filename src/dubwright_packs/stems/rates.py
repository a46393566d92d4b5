"""Sound of any sample rate through a network that knows one, in both directions, block by block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from dubwright.engines.intake import LOUDEST
from dubwright.media.resample import StreamResampler
from dubwright.media.wav import WavReader

F32 = npt.NDArray[np.float32]

CHUNK = 1 << 16
"""Frames that are resampled at a time, counted at the network's rate."""


def finite(film: WavReader, start: int, n: int) -> F32:
    """Read [n, channels]; not-a-number becomes silence, infinity full scale, the rest stays below what
    the network can take."""
    sound = film.read(start, n)
    if film.subtype in ("float32", "float64"):
        if not np.isfinite(sound).all():
            np.nan_to_num(sound, copy=False, nan=0.0, posinf=1.0, neginf=-1.0)
        np.clip(sound, -LOUDEST, LOUDEST, out=sound)
    return sound


class StereoSource:
    """A file as the network hears it: ``rate_hz``, two of its channels, the first two unless told;
    one channel is doubled. Nobody else may read from ``film`` meanwhile.

    ``frames`` is its length at that rate. Read it forwards: what was returned stays available for a
    second look until something that begins later has been asked for.
    """

    def __init__(
        self, film: WavReader, rate_hz: int, channels: Sequence[int] | None = None
    ) -> None:
        self._film = film
        self._channels = list(channels or range(min(2, film.channels)))
        self._stream = (
            StreamResampler(film.rate_hz, rate_hz, 2) if film.rate_hz != rate_hz else None
        )
        self.frames = round(film.frames * rate_hz / film.rate_hz)
        self._chunk = max(1, CHUNK * film.rate_hz // rate_hz)
        self._pieces: list[F32] = []
        self._begin = self._end = self._taken = 0

    def read(self, start: int, n: int) -> F32:
        """Return float32 [n, 2], silence outside of the file (``start`` may be negative)."""
        first, last = max(0, start), max(0, min(self.frames, start + n))
        part = self._within(first, last) if first < last else np.zeros((0, 2), np.float32)
        if len(part) == n:
            return part
        sound = np.zeros((n, 2), np.float32)
        sound[first - start : first - start + len(part)] = part
        return sound

    def _within(self, first: int, last: int) -> F32:
        if self._stream is None:
            return self._heard(first, last - first)
        while self._end < last and self._taken < self._film.frames:
            chunk = self._heard(self._taken, self._chunk)
            if not len(chunk):
                break  # the file has become shorter
            self._taken += len(chunk)
            self._keep(self._stream.push(chunk))
            if self._taken >= self._film.frames:
                self._keep(self._stream.flush())
        while self._pieces and self._begin + len(self._pieces[0]) <= first:
            self._begin += len(self._pieces.pop(0))
        if first < self._begin:
            raise ValueError(f"frame {first} was left behind: the source is read forwards")
        kept = np.concatenate([np.zeros((0, 2), np.float32), *self._pieces])
        return kept[first - self._begin : last - self._begin]

    def _heard(self, start: int, n: int) -> F32:
        sound = finite(self._film, start, n)
        if len(self._channels) == 1:
            return np.repeat(sound[:, self._channels], 2, axis=1)
        return sound if sound.shape[1] == 2 else sound[:, self._channels]

    def _keep(self, piece: F32) -> None:
        if len(piece):
            self._pieces.append(piece)
            self._end += len(piece)


class WayBack:
    """Stems of the network's rate as they were in the file: its rate, exactly its ``frames``."""

    def __init__(self, rate_hz: int, film: WavReader, channels: int) -> None:
        self._stream = StreamResampler(rate_hz, film.rate_hz, channels)
        self._channels = channels
        self._left = film.frames

    def push(self, sound: F32) -> F32:
        """Take [n, channels] at the network's rate, return what is ready at the file's."""
        return self._cut(self._stream.push(sound))

    def flush(self) -> F32:
        """Return the rest; what the resampler's rounding lacks is silence."""
        rest = self._cut(self._stream.flush())
        missing = np.zeros((self._left, self._channels), np.float32)
        self._left = 0
        return np.concatenate([rest, missing]) if len(missing) else rest

    def _cut(self, sound: F32) -> F32:
        sound = sound[: self._left]
        self._left -= len(sound)
        return sound
