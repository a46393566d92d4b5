"""Which stretches of a sound the network sees, and how spectra become a voice again.

Frames of 4096 samples every 1024, with a square-root Hann window on both sides, as
:func:`dubwright.engines.stft.stft` counts them: frame i ends with sample ``(i + 1) * 1024``. The
network sees 512 frames at once, 11.9 s; chunks begin every 448 frames from the sound's first one, and
over the 64 frames that two of them share the later one's mask is faded in. So what comes out does not
depend on where reading or writing cuts the sound.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dubwright.engines.framing import F32, add_frames, spectra_of
from dubwright.engines.stft import frame_count

RATE_HZ = 44_100
FRAME, HOP, BINS = 4096, 1024, 2049
CHUNK_FRAMES, SHARED_FRAMES = 512, 64
STEP_FRAMES = CHUNK_FRAMES - SHARED_FRAMES
MULTIPLE = 8
"""The network takes so many frames or a multiple of it."""
REACH = FRAME // HOP - 1
"""Blocks of HOP samples before the one it ends with that a frame has a part in."""


@dataclass(frozen=True)
class Chunk:
    """Frames that the network sees together."""

    first: int
    """Its first frame."""
    frames: int
    """Its length; fewer than CHUNK_FRAMES only where the sound ends."""
    last: bool

    @property
    def padded(self) -> int:
        """Its length for the network: what is missing is silence."""
        return -(-self.frames // MULTIPLE) * MULTIPLE

    @property
    def start(self) -> int:
        """First sample of its first frame; that of the first chunk lies before the sound."""
        return (self.first - REACH) * HOP

    @property
    def finished(self) -> int:
        """How many of its frames have their whole mask: the others wait for the next chunk's."""
        return self.frames if self.last else STEP_FRAMES


def chunks(samples: int) -> Iterator[Chunk]:
    """The chunks of a sound, in order; none for one without samples."""
    total = frame_count(samples, FRAME, HOP) if samples else 0
    for first in range(0, max(min(total, 1), total - SHARED_FRAMES), STEP_FRAMES):
        frames = min(CHUNK_FRAMES, total - first)
        yield Chunk(first, frames, first + frames == total)


def fade_in() -> F32:
    """Share of the later chunk's mask in the frames that two share, [64, 1]."""
    share: F32 = (np.arange(SHARED_FRAMES, dtype=np.float32) + 0.5) / np.float32(SHARED_FRAMES)
    return share[:, np.newaxis]


def take_power(sound: F32, window: F32, out: F32) -> None:
    """Power of the spectra of one channel, [(frames + 3) * 1024], to ``out`` [frames, 2049]."""
    for here, spectra in spectra_of(sound, window, HOP):
        np.square(spectra.real, out=out[here])
        out[here] += np.square(spectra.imag)


def add_masked(sound: F32, mask: F32, window: F32, back: F32, out: F32) -> None:
    """Add what the masks [frames, 2049] leave of one channel, [(frames + 3) * 1024], to ``out``, which
    is as long. ``window`` before the mask, ``back`` after it.

    Taking the spectra again costs less than keeping them would: 17 MB.
    """
    for here, spectra in spectra_of(sound, window, HOP):
        masked = spectra * mask[here]
        add_frames(masked, back, HOP, out[here.start * HOP : (here.stop + REACH) * HOP])
