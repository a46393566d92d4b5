"""Any length of sound through the network in constant memory, with what one long run would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from typing import Protocol

import numpy as np

from dubwright.engines.framing import F32, Spectrum, analyse
from dubwright.engines.intake import CHANNELS, Read, processors, take
from dubwright.engines.unet.blocks import (
    BINS,
    BLOCK,
    BLOCK_FRAMES,
    FRAME,
    HOP,
    TAIL,
    Extension,
    block_start,
    count_blocks,
    hann,
    synthesise,
)
from dubwright.engines.unet.net import Masks

RATE_HZ = 44_100
"""What the official weights were trained on."""
SILENT = np.float32(1e-30)
"""Samples smaller than this, 600 dB below full scale, are zero."""


class Network(Protocol):
    """What is needed of :class:`dubwright.engines.unet.net.StemNet`."""

    @property
    def stems(self) -> tuple[str, ...]: ...

    def masks(self, magnitude: F32, /) -> Masks: ...


def separate_stream(
    net: Network, read: Read, frames: int, extension: Extension = "zeros", threads: int = 0
) -> Iterator[tuple[int, Mapping[str, F32]]]:
    """Yield (first sample, stems) one after another; together exactly ``frames`` samples, [n, 2] each.

    ``extension`` says what becomes of the sound above 11 kHz, which the network does not see:
    "zeros" leaves it out of every stem, as the official configuration does; with "average" each
    stem has of it what it has below, and all stems add up to the original (the last stem is what
    the others leave). What is no finite number is taken as :func:`~dubwright.engines.intake.take`
    says. ``threads``: 0 for one a processor.
    """
    total = count_blocks(frames)
    with ThreadPoolExecutor(max(2, threads or processors()), "separation") as pool:
        engine = _Engine(net, extension, pool)
        tails = np.zeros((engine.inverted, CHANNELS, TAIL), np.float32)
        coming = pool.submit(engine.prepare, read, frames, 0)
        for block in range(total):
            sound = coming.result()
            made = engine.separate(sound)
            # While the caller is busy with this block; after the last there is only silence.
            coming = pool.submit(engine.prepare, read, frames, block + 1)
            made[:, :, :TAIL] += tails
            tails = made[:, :, BLOCK:].copy()
            start = block_start(block)
            first, last = max(0, start), min(frames, start + BLOCK)
            if first < last:  # else: nothing but the zeros before the sound
                piece = slice(first - start, last - start)
                yield first, engine.named(sound[:, piece], made[:, :, piece])


class _Engine:
    """One block after another; what the blocks have in common is made once."""

    def __init__(self, net: Network, extension: Extension, pool: ThreadPoolExecutor) -> None:
        self._net = net
        self._average = extension == "average"
        self._pool = pool
        self._window = hann()
        self._back = hann() * np.float32(2 / 3)
        self._spectrum: Spectrum = np.zeros((CHANNELS, BLOCK_FRAMES, FRAME // 2 + 1), np.complex64)
        self._magnitude: F32 = np.zeros((CHANNELS, BLOCK_FRAMES, BINS), np.float32)
        self.inverted = len(net.stems) - self._average
        """How many stems are transformed back; with "average" the last is what they leave."""

    def prepare(self, read: Read, frames: int, block: int) -> F32:
        """Read a block, [2, BLOCK + TAIL], and take its STFT; the block before must be done with."""
        sound = take(read, frames, block_start(block), BLOCK + TAIL, SILENT)
        if sound.any():
            other = self._pool.submit(self._analyse, sound, 1)
            self._analyse(sound, 0)
            other.result()
        return sound

    def separate(self, sound: F32) -> F32:
        """The stems of the block that was prepared, [inverted stems, 2, BLOCK + TAIL], both ends
        unfinished."""
        made = np.zeros((self.inverted, *sound.shape), np.float32)
        if sound.any():
            masks = self._net.masks(self._magnitude)
            places = product(range(self.inverted), range(CHANNELS))
            waiting = [self._pool.submit(self._synthesise, masks, at, made[at]) for at in places]
            for one in waiting:
                one.result()
        return made

    def named(self, sound: F32, made: F32) -> dict[str, F32]:
        """Finished samples by stem, [n, 2] each."""
        if self._average:
            made = np.concatenate([made, (sound - made.sum(axis=0))[np.newaxis]])
        return {stem: one.T for stem, one in zip(self._net.stems, made, strict=True)}

    def _analyse(self, sound: F32, channel: int) -> None:
        spectrum = self._spectrum[channel]
        analyse(sound[channel], self._window, HOP, spectrum)
        np.abs(spectrum[:, :BINS], out=self._magnitude[channel])

    def _synthesise(self, masks: Masks, place: tuple[int, int], out: F32) -> None:
        above = masks.means[place] if self._average else None
        spectrum = self._spectrum[place[1]]
        synthesise(spectrum, masks.bins[place], above, self._back, out)
