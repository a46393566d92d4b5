"""One audio stream of a film as stereo blocks on the film's own clock, at constant memory."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Discard

from dubwright.media.downmix import stereo_matrix
from dubwright.media.opening import DAMAGE, HOW_TO_ADD, open_media
from dubwright.media.resample import StreamResampler
from dubwright.media.timeline import film_start
from dubwright_kit import Problem

Block = npt.NDArray[np.float32]

TOLERANCE_S = 0.020
"""Timestamps may differ from the samples counted so far by this much (they are rounded, and jitter)
before silence is filled in or an overlap dropped."""

_SHORT_S = 1.0
"""Sound that ends this much before the film is worth a note, as are so long gaps beside damage."""

_GAP_S = 0.05
"""Gaps of so much together are worth a note: damaged FLAC shows as nothing else."""

_STEREO = ("FL", "FR")
_BLOCK_S = 1.0
_MAX_ERRORS_IN_A_ROW = 100


@dataclass(frozen=True)
class _Piece:
    """Consecutive decoded samples, interleaved, as the codec gave them."""

    rate_hz: int
    names: tuple[str, ...]
    samples: Block
    time_s: float | None


class FilmSound:
    """The sound of ``path`` from the film's time 0, exactly ``round(duration_s * rate_hz)`` frames.

    Iterate :meth:`blocks` once, then read :attr:`note`. Sound before time 0 is left out, gaps and
    what cannot be decoded are silent, overlaps are dropped, the end is padded or cut. Start-up
    samples of the codec (AAC priming, Opus pre-skip, edit lists) are FFmpeg's to skip.
    """

    def __init__(
        self, path: Path, audio_stream: int, duration_s: float, rate_hz: int = 44100
    ) -> None:
        self.path = path
        self.rate_hz = rate_hz
        self.frames = max(1, round(duration_s * rate_hz))
        self.sound_end_s = 0.0
        """Where the last decoded sample lies."""
        self.damaged = 0
        """Packets that could not be decoded."""
        self.first_damage_s = 0.0
        """Where the first of them lies: the end of what was decoded before it."""
        self.gaps_s = 0.0
        """Silence filled in where the timestamps jump, after the first sample."""
        self.first_gap_s = 0.0
        self.lost_before_s = 0.0
        """Sound before the first picture, left out."""
        self._number = audio_stream
        self._duration_s = duration_s

    @property
    def note(self) -> str:
        """Plain words about what was not as it should be; "" when all is well."""
        notes = []
        missing_s = self.frames / self.rate_hz - self.sound_end_s
        if missing_s > _SHORT_S:
            notes.append(f"the sound ends {missing_s:.1f} s before the film; the rest is silent")
        if self.damaged:
            places = "place" if self.damaged == 1 else "places"
            notes.append(
                f"{self.damaged} damaged {places} in the sound became silence, "
                f"the first at {_clock(self.first_damage_s)}"
            )
        if self.gaps_s > (_SHORT_S if self.damaged else _GAP_S):
            notes.append(
                f"{self.gaps_s:.1f} s are missing inside the sound and became silence, "
                f"the first at {_clock(self.first_gap_s)}"
            )
        if self.lost_before_s > 0.1:
            notes.append(
                f"{self.lost_before_s:.2f} s of sound before the first picture were left out"
            )
        return "; ".join(notes)

    def blocks(self) -> Iterator[Block]:
        """Yield float32 ``[n, 2]``, about a second each, ``self.frames`` frames in all.

        Raises Problem ``no-such-audio-stream``, ``unreadable-media`` (nothing could be decoded),
        and those of :func:`dubwright.media.opening.open_media`.
        """
        start = film_start(self.path)
        written = 0
        placed = _Placed(self, start)
        with open_media(self.path) as container:
            for piece in placed.stereo(self._pieces(container)):
                block = piece[: self.frames - written]
                written += len(block)
                if len(block):
                    yield block
                if written >= self.frames:
                    break
        if not placed.heard:
            raise Problem(
                "unreadable-media",
                f"No sound of {self.path.name} could be decoded.",
                HOW_TO_ADD,
                f"{self.damaged} damaged packets",
            )
        while written < self.frames:
            count = min(self.frames - written, int(_BLOCK_S * self.rate_hz))
            written += count
            yield np.zeros((count, 2), np.float32)

    def _pieces(self, container: InputContainer) -> Iterator[_Piece]:
        stream = self._stream(container)
        for other in container.streams:
            if other.index != stream.index:
                other.discard = Discard.all
        for packet in self._packets(container, stream):
            try:
                frames = stream.decode(packet)
            except DAMAGE:
                # At the end of the stream an error says nothing new.
                if packet.size:
                    self._count_damage()
                continue
            for frame in frames:
                if frame.samples and frame.sample_rate:
                    yield _piece(frame)

    def _stream(self, container: InputContainer) -> AudioStream:
        streams = container.streams.audio
        if not 0 <= self._number < len(streams):
            raise Problem(
                "no-such-audio-stream",
                f"{self.path.name} has {len(streams)} audio stream(s); there is no number "
                f"{self._number} (they count from 0).",
                HOW_TO_ADD,
            )
        return streams[self._number]

    def _packets(
        self, container: InputContainer, stream: AudioStream
    ) -> Iterator[Packet[AudioStream]]:
        """Packets to the end of the file, reading on after damage as long as that leads on."""
        errors = 0
        while errors < _MAX_ERRORS_IN_A_ROW:
            try:
                for packet in container.demux(stream):
                    errors = 0
                    yield packet
                return
            except DAMAGE:
                errors += 1
        self._count_damage()

    def _count_damage(self) -> None:
        if not self.damaged:
            self.first_damage_s = self.sound_end_s
        self.damaged += 1


class _Placed:
    """Puts pieces where their timestamps say and turns them into stereo at the film's rate."""

    def __init__(self, film: FilmSound, start: Fraction) -> None:
        self._film = film
        self._start_s = float(start)
        self._end_s = film.frames / film.rate_hz
        self._rate_hz = 0
        self._cursor = 0
        """Frames at the source's rate since the film's time 0."""
        self._out = 0
        self._resampler = StreamResampler(film.rate_hz, film.rate_hz, 2)
        self._matrices: dict[tuple[str, ...], Block] = {}
        self.heard = False

    def stereo(self, pieces: Iterator[_Piece]) -> Iterator[Block]:
        waiting: list[Block] = []
        frames = 0
        for piece in pieces:
            if piece.rate_hz != self._rate_hz:
                yield from self._push(waiting)
                yield from self._change_rate(piece.rate_hz)
                waiting, frames = [], 0
            for block in self._place(piece):
                waiting.append(block)
                frames += len(block)
                if frames >= _BLOCK_S * self._rate_hz:
                    yield from self._push(waiting)
                    waiting, frames = [], 0
            if self._cursor >= self._end_s * self._rate_hz:
                break
        yield from self._push(waiting)
        yield from self._emit(self._resampler.flush())

    def _place(self, piece: _Piece) -> Iterator[Block]:
        """Yield silence before the piece where there is a gap, and the part of it that is new."""
        samples = piece.samples
        if piece.time_s is not None and piece.time_s - self._start_s <= self._end_s + 1:
            # A timestamp beyond the film's end is damage: such a piece follows the one before.
            off = round((piece.time_s - self._start_s) * self._rate_hz) - self._cursor
            if not self.heard or abs(off) > TOLERANCE_S * self._rate_hz:
                if off < 0 and not self._cursor:
                    lost = min(-off, len(samples))
                    self._film.lost_before_s += lost / self._rate_hz
                if off > 0 and self.heard:
                    if not self._film.gaps_s:
                        self._film.first_gap_s = self._cursor / self._rate_hz
                    self._film.gaps_s += off / self._rate_hz
                while off > 0:
                    count = min(off, self._rate_hz)
                    yield np.zeros((count, 2), np.float32)
                    off -= count
                    self._cursor += count
                samples = samples[max(0, -off) :]
        if len(samples):
            self.heard = True
            self._cursor += len(samples)
            self._film.sound_end_s = min(self._end_s, self._cursor / self._rate_hz)
            # Stereo is already what is wanted.
            yield samples if piece.names == _STEREO else samples @ self._matrix(piece.names)

    def _matrix(self, names: tuple[str, ...]) -> Block:
        if names not in self._matrices:
            self._matrices[names] = stereo_matrix(names)
        return self._matrices[names]

    def _change_rate(self, rate_hz: int) -> Iterator[Block]:
        yield from self._emit(self._resampler.flush())
        self._cursor = round(self._out * rate_hz / self._film.rate_hz)
        self._rate_hz = rate_hz
        self._resampler = StreamResampler(rate_hz, self._film.rate_hz, 2)

    def _push(self, blocks: list[Block]) -> Iterator[Block]:
        if blocks:
            yield from self._emit(self._resampler.push(np.concatenate(blocks)))

    def _emit(self, block: Block) -> Iterator[Block]:
        self._out += len(block)
        if len(block):
            yield block


def _clock(time_s: float) -> str:
    """1:02:03.4, or 2:03.4 within the first hour."""
    tenths = round(time_s * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{rest // 10:02}.{rest % 10}"
    return f"{hours}:{minutes:02}:{seconds}" if hours else f"{minutes}:{seconds}"


def _piece(frame: av.AudioFrame) -> _Piece:
    stereo = frame.layout.name == "stereo"
    names = _STEREO if stereo else tuple(channel.name for channel in frame.layout.channels)
    return _Piece(frame.sample_rate, names, _samples(frame), frame.time)


def _samples(frame: av.AudioFrame) -> Block:
    """float32 ``[n, channels]`` in -1..1 of any sample format."""
    channels = frame.layout.nb_channels
    if (frame.format.is_planar and channels >= 8) or frame.format.name.startswith("s64"):
        # PyAV counts one plane too many at eight planar channels, and knows no 64-bit integers.
        resampler = av.AudioResampler("flt", frame.layout, frame.sample_rate)
        parts = [_samples(part) for part in (*resampler.resample(frame), *resampler.resample(None))]
        return np.concatenate(parts) if parts else np.zeros((0, channels), np.float32)
    raw = frame.to_ndarray()
    raw = raw.T if frame.format.is_planar else raw.reshape(-1, channels)
    if raw.dtype == np.int16:
        return raw.astype(np.float32) * np.float32(1 / 32768)
    if raw.dtype == np.int32:
        return (raw * (1 / 2147483648)).astype(np.float32)
    if raw.dtype == np.uint8:
        return (raw.astype(np.float32) - 128) * np.float32(1 / 128)
    return raw.astype(np.float32)
