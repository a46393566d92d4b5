"""Short-time Fourier transform of a whole sound, with perfect reconstruction.

Square-root Hann windows on both sides add up to a constant for any hop that divides the size at
least twice (Griffin and Lim, "Signal estimation from modified short-time Fourier transform", 1984).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Spectrum = npt.NDArray[np.complex64]


def sqrt_hann(size: int) -> Array:
    """Periodic square-root Hann window, [size]."""
    window: Array = np.sin(np.pi * np.arange(size) / size).astype(np.float32)
    return window


def stft(sound: Array, size: int, hop: int) -> Spectrum:
    """Return complex spectra [frames, size // 2 + 1] of ``sound`` [n].

    Frame i holds samples ``(i + 1) * hop - size`` to ``(i + 1) * hop``, silence outside the sound, so
    that every sample lies in ``size / hop`` frames. ``size`` must be a multiple of ``hop``, twice at
    least.
    """
    if size % hop or size < 2 * hop:
        raise ValueError(f"a window of {size} cannot be taken every {hop} samples")
    count = frame_count(len(sound), size, hop)
    padded = np.zeros((count - 1) * hop + size, dtype=np.float32)
    padded[size - hop : size - hop + len(sound)] = sound
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop]
    spectrum: Spectrum = np.fft.rfft(windows * sqrt_hann(size), axis=1).astype(np.complex64)
    return spectrum


def istft(spectrum: Spectrum, length: int, size: int, hop: int) -> Array:
    """The inverse of :func:`stft`: samples [length]. Raises ``ValueError`` for too few frames."""
    count = frame_count(length, size, hop)
    if len(spectrum) != count:
        raise ValueError(f"{length} samples have {count} frames, got {len(spectrum)}")
    parts = size // hop
    sound = (np.fft.irfft(spectrum, size, axis=1) * sqrt_hann(size)).astype(np.float32)
    pieces = sound.reshape(count, parts, hop)
    total = np.zeros((count + parts - 1, hop), dtype=np.float32)
    for part in range(parts):
        total[part : part + count] += pieces[:, part]
    flat = total.reshape(-1)[size - hop : size - hop + length]
    return flat * np.float32(2 / parts)


def frame_count(length: int, size: int, hop: int) -> int:
    """How many frames :func:`stft` gives for ``length`` samples."""
    return -(-length // hop) + size // hop - 1
