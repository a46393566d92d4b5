"""Any length of sound through the network in constant memory, with what one run over all of it gives."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np

from dubwright.engines.framing import F32
from dubwright.engines.intake import CHANNELS, Read, take
from dubwright.engines.speechnet.chunks import (
    BINS,
    CHUNK_FRAMES,
    FRAME,
    HOP,
    REACH,
    SHARED_FRAMES,
    STEP_FRAMES,
    Chunk,
    add_masked,
    chunks,
    fade_in,
    take_power,
)
from dubwright.engines.stft import sqrt_hann

SILENT = np.float32(1e-12)
"""Samples smaller than this, 240 dB below full scale, are zero: the network sees their squares."""

PIECE = 1 << 16
"""Samples that are read at a time."""


class Network(Protocol):
    """What is needed of :class:`dubwright.engines.speechnet.net.SpeechNet`."""

    def mask(self, power: F32, /) -> F32: ...


def separate_stream(
    net: Network, read: Read, frames: int
) -> Generator[tuple[int, F32], None, None]:
    """Yield (first sample, speech) one after another; together exactly ``frames`` samples, [n, 2]
    each, at 44.1 kHz. What it leaves of the sound is the background.

    What is no finite number is taken as :func:`dubwright.engines.intake.take` says. Chunks that are
    digital silence do not reach the network; their speech is exactly zero.
    """
    with ThreadPoolExecutor(CHANNELS, "separation") as pool:
        engine = _Engine(net, pool)
        plan = chunks(frames)
        chunk = next(plan, None)
        coming = pool.submit(engine.prepare, read, frames, chunk) if chunk else None
        while chunk is not None and coming is not None:
            made = engine.separate(chunk, coming.result())
            following = next(plan, None)
            # While the caller is busy with this chunk.
            coming = pool.submit(engine.prepare, read, frames, following) if following else None
            first, last = max(0, chunk.start), min(frames, chunk.start + len(made))
            if first < last:
                yield first, made[first - chunk.start : last - chunk.start]
            chunk = following


class _Engine:
    """One chunk after another; what they have in common is made once."""

    def __init__(self, net: Network, pool: ThreadPoolExecutor) -> None:
        self._net = net
        self._pool = pool
        self._window = sqrt_hann(FRAME)
        self._back = self._window * np.float32(2 * HOP / FRAME)
        self._fade = fade_in()
        # What is never written takes no memory: mono has no side.
        self._sides: F32 = np.zeros((CHANNELS, (CHUNK_FRAMES + REACH) * HOP), np.float32)
        self._power: F32 = np.zeros((CHANNELS, CHUNK_FRAMES, BINS), np.float32)
        self._written = [False] * CHANNELS
        """Whether there is anything but zeros in the power of mid and side."""
        self._before: F32 | None = None
        """Mask of the frames that the chunk before shares with this one, [2, 64, 2049]."""
        self._unfinished: F32 = np.zeros((CHANNELS, REACH * HOP), np.float32)

    def prepare(self, read: Read, frames: int, chunk: Chunk) -> tuple[bool, bool]:
        """Read a chunk and take its STFT; the chunk before must be done with. Tells for mid and side
        whether there is anything."""
        self._listen(read, frames, chunk)
        other = self._pool.submit(self._analyse, chunk, 1)
        return self._analyse(chunk, 0), other.result()

    def separate(self, chunk: Chunk, heard: tuple[bool, bool]) -> F32:
        """The speech from ``chunk.start`` on that this chunk finishes, [n, 2]."""
        made = np.zeros((CHANNELS, (chunk.finished + REACH) * HOP), np.float32)
        if any(heard):
            mask = self._mask(chunk)
            waiting: list[Future[None]] = [
                self._pool.submit(self._synthesise, chunk, side, mask, made[side])
                for side in range(CHANNELS)
                if heard[side]
            ]
            for one in waiting:
                one.result()
        else:
            self._before = None
        made[:, : REACH * HOP] += self._unfinished
        ready = made.shape[1] if chunk.last else chunk.finished * HOP
        self._unfinished = made[:, ready:].copy()
        for at in range(0, ready, PIECE):
            mid, side = made[:, at : min(ready, at + PIECE)]
            left, right = mid + side, mid - side
            mid[:], side[:] = left, right
        return made[:, :ready].T

    def _listen(self, read: Read, frames: int, chunk: Chunk) -> None:
        """Mid and side of a chunk, silence after its end; every sample is read once."""
        sides = self._sides
        kept = (SHARED_FRAMES + REACH) * HOP if chunk.first else 0
        sides[:, :kept] = sides[:, STEP_FRAMES * HOP : STEP_FRAMES * HOP + kept]
        for at in range(kept, (chunk.frames + REACH) * HOP, PIECE):
            here = sides[:, at : min((chunk.frames + REACH) * HOP, at + PIECE)]
            left, right = take(read, frames, chunk.start + at, here.shape[1], SILENT)
            for side, half in zip(here, (left + right, left - right), strict=True):
                if half.any() or side.any():
                    np.multiply(half, np.float32(0.5), out=side)

    def _mask(self, chunk: Chunk) -> F32:
        mask = self._net.mask(self._power[:, : chunk.padded])
        if not np.isfinite(mask).all():
            mask = np.nan_to_num(mask, nan=0.0, posinf=0.0, neginf=0.0)  # all of it is background
        elif not mask.flags.writeable:  # the runtime's own memory
            mask = mask.copy()
        after = None if chunk.last else mask[:, STEP_FRAMES:CHUNK_FRAMES].copy()
        if self._before is not None:
            shared = mask[:, :SHARED_FRAMES]
            shared -= self._before
            shared *= self._fade
            shared += self._before
        self._before = after
        return mask

    def _analyse(self, chunk: Chunk, side: int) -> bool:
        sound = self._sides[side, : (chunk.frames + REACH) * HOP]
        power = self._power[side, : chunk.padded]
        heard = bool(sound.any())
        if heard:
            take_power(sound, self._window, power[: chunk.frames])
            power[chunk.frames :] = 0
        elif self._written[side]:
            self._power[side] = 0
        self._written[side] = heard
        return heard

    def _synthesise(self, chunk: Chunk, side: int, mask: F32, out: F32) -> None:
        sound = self._sides[side, : (chunk.finished + REACH) * HOP]
        add_masked(sound, mask[side], self._window, self._back, out)
