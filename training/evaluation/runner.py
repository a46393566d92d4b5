"""Runs the network over a whole sound at once, plainly: what the streaming engine is compared with.

Chunks are 512 frames long and begin every 448 from the first frame of the sound. The last one ends
with the sound, filled up with silent frames to a multiple of 8. Over the 64 frames that two chunks
share, the masks of the later one come in linearly: (i + 0.5) / 64 of it at the i-th.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from dubwright.engines.stft import Spectrum, frame_count, istft, stft
from training.evaluation.item import F32

SIZE, HOP = 4096, 1024
CHUNK, SHARED, STEP = 512, 64, 8

RunMask = Callable[[F32], F32]
"""Power spectra of mid and side, [2, T, 2049], to the share of speech in each bin, 0 to 1."""


def separate(mix: F32, run_mask: RunMask) -> F32:
    """The speech [n, 2] in ``mix`` [n, 2] at 44.1 kHz; the background is what it leaves."""
    spectra = mid_side(mix)
    power: F32 = spectra.real**2 + spectra.imag**2
    return left_right(spectra * whole_mask(power, run_mask), len(mix))


def whole_mask(power: F32, run_mask: RunMask) -> F32:
    """Masks of a whole sound, [2, frames, 2049], from its power of the same shape."""
    frames = power.shape[1]
    mask = np.zeros_like(power)
    for start in starts(frames):
        piece = power[:, start : start + CHUNK]
        length = piece.shape[1]
        filled = np.pad(piece, ((0, 0), (0, -length % STEP), (0, 0)))
        found = run_mask(filled)[:, :length]
        if start:
            fade = ((np.arange(SHARED, dtype=np.float32) + 0.5) / SHARED)[:length, None]
            found[:, :SHARED] *= fade
            mask[:, start : start + SHARED] *= 1 - fade
        mask[:, start : start + length] += found
    return mask


def starts(frames: int) -> range:
    """First frames of the chunks that cover ``frames``."""
    return range(0, max(1, frames - SHARED), CHUNK - SHARED)


def mid_side(sound: F32) -> Spectrum:
    """Spectra of (L+R)/2 and (L-R)/2, [2, frames, 2049], of a sound [n, 2]."""
    left, right = sound[:, 0], sound[:, 1]
    half = np.float32(0.5)
    return np.stack([stft(half * one, SIZE, HOP) for one in (left + right, left - right)])


def left_right(spectra: Spectrum, length: int) -> F32:
    """The inverse of :func:`mid_side`, [length, 2]."""
    mid, side = (istft(one, length, SIZE, HOP) for one in spectra)
    return np.stack([mid + side, mid - side], axis=1)


def frames_of(length: int) -> int:
    """STFT frames of so many samples."""
    return frame_count(length, SIZE, HOP)


def onnx_mask(path: Path, threads: int = 2) -> RunMask:
    """The network of a file. Raises ``ValueError`` when it is not one of format 1."""
    import onnxruntime

    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    ends = [one.name for one in (*session.get_inputs(), *session.get_outputs())]
    about = session.get_modelmeta().custom_metadata_map
    if ends != ["power", "mask"] or about.get("format") != "1":
        raise ValueError(f"{path.name} is not a separator of format 1: {ends}, {about}")

    def run(power: F32) -> F32:
        mask: npt.NDArray[np.float32] = session.run(["mask"], {"power": power})[0]
        return np.array(mask)  # its own memory: the caller fades it in place

    return run
