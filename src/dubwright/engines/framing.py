"""Overlapping frames of a sound: to spectra and back, a few frames at a time, into memory that is there.

What the networks that separate share; :mod:`dubwright.engines.stft` does a whole sound at once.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]

_AT_ONCE = 32
"""Frames that are transformed together: half a megabyte, which stays in the processor's cache."""


def groups(frames: int) -> Iterator[slice]:
    """The frames, some at a time."""
    for at in range(0, frames, _AT_ONCE):
        yield slice(at, min(frames, at + _AT_ONCE))


def analyse(sound: F32, window: F32, hop: int, out: Spectrum) -> None:
    """Spectra of one channel, [(frames - 1) * hop + size], to ``out`` [frames, size // 2 + 1]."""
    for here, spectra in spectra_of(sound, window, hop):
        out[here] = spectra


def spectra_of(sound: F32, window: F32, hop: int) -> Iterator[tuple[slice, Spectrum]]:
    """Yield the spectra of one channel, [(frames - 1) * hop + size], some frames at a time."""
    frames = np.lib.stride_tricks.sliding_window_view(sound, len(window))[::hop]
    for here in groups(len(frames)):
        yield here, np.fft.rfft(frames[here] * window).astype(np.complex64, copy=False)


def add_frames(spectra: Spectrum, window: F32, hop: int, out: F32) -> None:
    """Add the sounds of ``spectra``, [frames, size // 2 + 1], times ``window`` to ``out``,
    [(frames - 1) * hop + size]; ``hop`` divides the size."""
    pieces = np.fft.irfft(spectra, len(window))
    pieces *= window
    rows = out.reshape(-1, hop)
    for part in range(len(window) // hop):
        rows[part : part + len(pieces)] += pieces[:, part * hop : (part + 1) * hop]
