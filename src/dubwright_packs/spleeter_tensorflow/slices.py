"""A film of any length through a network that sees 512 STFT frames at a time, in constant memory.

The official Spleeter puts 4096 zeros before the sound, takes an STFT (frames of 4096, hop 1024) and
cuts it into blocks of 512 frames, 11.9 s, that know nothing of each other. So a slice that begins at
such a block, with the samples that its first frames reach back to, gives the very same blocks; what
its last frames leave unfinished is completed by the next slice's first ones. Nothing is computed
twice, and the result is that of one long run.
"""

from __future__ import annotations

from typing import Callable, Iterator, Tuple

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
Stems = Tuple[F32, F32]
"""(vocals, background), ``[n, 2]`` each."""

FRAME = 4096
HOP = 1024
BLOCK_FRAMES = 512
BLOCK = BLOCK_FRAMES * HOP
"""Samples from one block of the network to the next."""
TAIL = FRAME - HOP
"""Samples at a slice's end that the next slice's frames have a part in."""

Network = Callable[[F32], Stems]
"""``[blocks * BLOCK + TAIL, 2]`` to what its STFT frames, masked, add up to: as long, its first and
last TAIL samples unfinished."""


def count_blocks(frames: int) -> int:
    """Return how many blocks the official Spleeter makes of a sound of ``frames`` samples."""
    if not frames:
        return 0
    stft_frames = -(-(frames + FRAME) // HOP)
    return -(-stft_frames // BLOCK_FRAMES)


def separate_in_slices(
    read: Callable[[int, int], F32], frames: int, network: Network, blocks: int
) -> Iterator[Tuple[int, Stems]]:
    """Yield (first sample, stems) one after another; together exactly ``frames`` samples.

    ``read(start, n)`` returns ``[n, 2]``, silence outside of the sound (``start`` may be negative);
    ``blocks`` is how many blocks go into one slice.
    """
    total = count_blocks(frames)
    tails = (np.zeros((TAIL, 2), np.float32), np.zeros((TAIL, 2), np.float32))
    for block in range(0, total, blocks):
        finished = min(blocks, total - block) * BLOCK
        start = block * BLOCK - FRAME
        made = network(read(start, finished + TAIL))
        for stem, tail in zip(made, tails):
            stem[:TAIL] += tail
        tails = (made[0][finished:].copy(), made[1][finished:].copy())
        first, last = max(0, start), min(frames, start + finished)
        if first < last:  # else: only the zeros before the sound
            yield (
                first,
                (made[0][first - start : last - start], made[1][first - start : last - start]),
            )
