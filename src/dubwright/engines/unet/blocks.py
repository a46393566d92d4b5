"""Sound to spectra and masked spectra to sound, one block of the network at a time.

The official graph puts 4096 zeros before the sound, takes an STFT (frames of 4096 samples every 1024,
periodic Hann window, the last ones filled up with zeros) and cuts it into blocks of 512 frames that
know nothing of each other. Its inverse uses the same window and 2/3, since four Hann windows squared
add up to 3/2. So a block needs the samples its first frames reach back to, and what its last frames
leave unfinished is completed by the next block's first ones.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from dubwright.engines.framing import F32, Spectrum, add_frames, groups

Extension = Literal["zeros", "average"]

FRAME, HOP = 4096, 1024
BLOCK_FRAMES, BINS = 512, 1024
BLOCK = BLOCK_FRAMES * HOP
"""Samples from one block to the next."""
TAIL = FRAME - HOP
"""Samples at a block's end in which the next block has a part."""


def hann(size: int = FRAME) -> F32:
    """Periodic Hann window, [size]."""
    window: F32 = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(size) / size)).astype(np.float32)
    return window


def count_blocks(frames: int) -> int:
    """How many blocks the official graph makes of ``frames`` samples."""
    if not frames:
        return 0
    stft_frames = -(-(frames + FRAME) // HOP)
    return -(-stft_frames // BLOCK_FRAMES)


def block_start(block: int) -> int:
    """First sample of a block in the sound; the first block begins before it."""
    return block * BLOCK - FRAME


def synthesise(spectrum: Spectrum, mask: F32, above: F32 | None, window: F32, out: F32) -> None:
    """Add one channel of a stem to ``out`` [BLOCK + TAIL], whose first and last TAIL samples it leaves
    unfinished.

    ``spectrum`` [512, 2049] times ``mask`` [512, 1024]; what lies above is taken times ``above``
    [512], or left out when that is None. ``window`` carries the factor of 2/3.
    """
    for here in groups(BLOCK_FRAMES):
        masked = np.zeros((here.stop - here.start, FRAME // 2 + 1), np.complex64)
        np.multiply(spectrum[here, :BINS], mask[here], out=masked[:, :BINS])
        if above is not None:
            np.multiply(spectrum[here, BINS:], above[here, np.newaxis], out=masked[:, BINS:])
        add_frames(masked, window, HOP, out[here.start * HOP : here.stop * HOP + TAIL])
