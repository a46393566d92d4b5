"""Reads a sound file of any format and rate whole."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np

from training.evaluation.item import F32, RATE_HZ


def read(path: Path) -> F32:
    """Float32 [n, 2] at 44.1 kHz, a mono sound in both channels. Raises ``OSError``,
    ``av.error.FFmpegError`` for what is no sound."""
    with av.open(str(path)) as container:
        mono = container.streams.audio[0].channels == 1
        # FFmpeg makes mono 3 dB quieter on its way to two channels; copied it stays as loud.
        resampler = av.AudioResampler("flt", "mono" if mono else "stereo", RATE_HZ)
        blocks = [
            block.to_ndarray().reshape(-1, 1 if mono else 2)
            for frame in [*container.decode(audio=0), None]
            for block in resampler.resample(frame)
        ]
    whole = np.concatenate(blocks).astype(np.float32)
    return np.repeat(whole, 2, axis=1) if mono else whole
