"""Hours of sound through the engine alone: ``python -m bench.spleeter.stream MODEL.onnx SECONDS``.

The sound is generated as it is asked for and the stems are only counted, so that what is measured is
the engine: memory that grows with the length would show. Prints one line at the end; on the way, one a
minute to stderr. Figures are for sound of 44.1 kHz.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from bench.spleeter.sound import F32, RATE_HZ, Generated
from dubwright.engines.unet.net import StemNet
from dubwright.engines.unet.streaming import separate_stream
from dubwright_kit.memory import PeakMemory

SAY_EVERY_S = 60.0


class Source:
    """``frames`` of the generated sound, silence outside."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self.asked = 0
        self._sound = Generated()

    def read(self, start: int, n: int) -> F32:
        self.asked = max(self.asked, start + n)
        first, last = max(0, start), min(self.frames, start + n)
        block = np.zeros((n, 2), np.float32)
        if first < last:
            block[first - start : last - start] = self._sound.read(first, last - first)
        return block


def stream(model: Path, seconds: float) -> dict[str, float]:
    memory, started_s = PeakMemory(), time.perf_counter()
    net = StemNet.load(model, threads=os.cpu_count() or 1)
    source = Source(round(seconds * RATE_HZ))
    counted, energy, said_s = dict.fromkeys(net.stems, 0), 0.0, time.perf_counter()
    for start, stems in separate_stream(net, source.read, source.frames):
        for stem, block in stems.items():
            if start != counted[stem]:
                raise SystemExit(f"{stem} goes on at {start} after {counted[stem]} frames")
            counted[stem] += len(block)
            energy += float(np.vdot(block, block))
        if time.perf_counter() - said_s > SAY_EVERY_S:
            said_s = time.perf_counter()
            print(f"{start / RATE_HZ / 60:.0f} min, {memory.peak_bytes()} B", file=sys.stderr)
    if set(counted.values()) != {source.frames} or not np.isfinite(energy) or energy <= 0:
        raise SystemExit(f"{counted} of {source.frames} frames, energy {energy}")
    wall_s = time.perf_counter() - started_s
    return {
        "seconds": seconds,
        "wall_s": round(wall_s, 3),
        "times_real_time": round(seconds / wall_s, 2),
        "peak_bytes": memory.peak_bytes(),
    }


if __name__ == "__main__":
    print(json.dumps(stream(Path(sys.argv[1]), float(sys.argv[2]))))
