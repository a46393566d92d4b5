"""Short-time Fourier transform with perfect reconstruction, whole or block by block.

Square-root Hann windows on both sides add up to a constant for any hop that divides the size at
least twice (Griffin and Lim, "Signal estimation from modified short-time Fourier transform", 1984).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

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


def frame_times(count: int, size: int, hop: int, rate_hz: int) -> npt.NDArray[np.float64]:
    """Middle of each frame in seconds from the sound's start, [count]."""
    return ((np.arange(count) + 1) * hop - size / 2) / rate_hz


def in_blocks(
    read: Callable[[int, int], Array],
    frames: int,
    process: Callable[[Array, int], Array],
    *,
    block: int,
    margin: int,
    hop: int,
) -> Iterator[tuple[int, Array]]:
    """Run ``process`` over a long sound with constant memory; yields (start, samples) in order.

    ``read(start, n)`` gives samples [n, channels]; ``process(sound, start)`` sees a block widened
    by ``margin`` on both sides (both rounded up to whole hops, so that its frames lie where those
    of the whole would) and returns as many samples, of which the margins are dropped. A process
    that looks no further than the margin gives the same as on the whole.
    """
    block, margin = -(-block // hop) * hop, -(-margin // hop) * hop
    for start in range(0, frames, block):
        begin, end = max(0, start - margin), min(frames, start + block + margin)
        wide = process(read(begin, end - begin), begin)
        yield start, wide[start - begin : min(frames, start + block) - begin]
