"""One real file beyond 4 GiB through our pack, as a whole process: input and stems are RF64."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bench.spleeter import sound
from bench.spleeter.environments import ROOT
from bench.spleeter.processes import run
from dubwright.media.wav import WavReader

BYTES = 4_400_000_000
FRAME_BYTES = 2 * 4
ROOM = 3.2
"""Input and two stems, in sizes of the input."""
_LAST_FRAMES = 5 * sound.RATE_HZ


def separate_large(our_models: Path, work: Path, size_bytes: int = BYTES) -> dict[str, Any]:
    """Write float32 sound of ``size_bytes``, separate it, look at what came out, delete it all.

    Raises ``SystemExit`` when there is no room, or a stem is shorter, silent at its end or no RF64.
    """
    if shutil.disk_usage(work).free < ROOM * size_bytes:
        raise SystemExit(f"{work} has no room for {ROOM * size_bytes / 1e9:.0f} GB")
    folder = work / "large"
    folder.mkdir()
    try:
        frames = size_bytes // FRAME_BYTES
        wav = sound.write(folder / "film.wav", frames, "float32")
        command: list[str | Path] = [
            sys.executable,
            "-m",
            "bench.spleeter.ours",
            our_models,
            wav,
            folder,
            "float32",
        ]
        took = run(command, {**os.environ, "PYTHONPATH": str(ROOT)}, work)
        kinds = {path.name: _checked(path, frames) for path in sorted(folder.glob("*.wav"))}
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return {
        "seconds": round(frames / sound.RATE_HZ, 1),
        "bytes": size_bytes,
        "headers": kinds,
        "wall_s": round(took.wall_s, 2),
        "times_real_time": round(frames / sound.RATE_HZ / took.wall_s, 2),
        "peak_bytes": took.peak_bytes,
    }


def _checked(path: Path, frames: int) -> str:
    """The kind of the file's header."""
    with WavReader(path) as wav:
        end = wav.read(frames - _LAST_FRAMES, _LAST_FRAMES)
        if wav.frames != frames or len(end) != _LAST_FRAMES or not np.any(np.abs(end) > 1e-4):
            raise SystemExit(f"{path.name} has {wav.frames} of {frames} frames, or a silent end")
    with path.open("rb") as file:
        return file.read(4).decode("ascii")
