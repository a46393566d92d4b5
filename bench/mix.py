"""How fast the mix is, how much memory it takes, and whether both stay in line with length.

    python bench/mix.py            films of 1, 2 and 4 hours with 400, 1,500 and 6,000 lines
    python bench/mix.py --quick    5 minutes with 60 lines

Films are made by code in a temporary folder (up to 10 GB, deleted at the end; not timed), each mix
runs in a guest process of its own. Prints a table and saves it to bench/results/mix.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import psutil

import dubwright_packs
from dubwright.home import Home
from dubwright.media.wav import WavWriter
from dubwright.packs.wall.call import Wall
from dubwright.packs.wall.spec import GuestSpec
from dubwright_kit.contracts import MixAsk, MixLine

F32 = npt.NDArray[np.float32]

RATE_HZ = 44100
LINE_RATE_HZ = 22050
FULL = ((3600.0, 400), (7200.0, 1500), (14400.0, 6000))
QUICK = ((300.0, 60),)
NEED_X, NEED_RSS_MB = 50.0, 400.0


def background_minute(rng: np.random.Generator) -> F32:
    """[60 s, 2] of chords and noise that ends where it begins."""
    t = np.arange(60 * RATE_HZ) / RATE_HZ
    music = sum(0.04 * np.sin(2 * np.pi * hz * t) for hz in (110, 165, 220, 277, 1760, 5274))
    swell = 0.6 + 0.4 * np.sin(2 * np.pi * t / 15)
    noise = rng.standard_normal((t.size, 2)) * 0.02
    made: F32 = ((music * swell)[:, np.newaxis] + noise).astype(np.float32)
    return made


def voice(rng: np.random.Generator, seconds: float, rate_hz: int) -> F32:
    """[n] a buzz with syllables: harmonics of 130 Hz, four swells a second."""
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    f0 = 110 + 60 * rng.random()
    buzz = sum(np.sin(2 * np.pi * f0 * k * t + k) / k for k in range(1, 20))
    made: F32 = (0.12 * buzz * np.sin(np.pi * 4 * t) ** 2).astype(np.float32)
    return made


def make_film(folder: Path, duration_s: float, count: int) -> MixAsk:
    """Write the working file, the background stem and ``count`` lines; return what to mix."""
    rng = np.random.default_rng(7)
    minute = background_minute(rng)
    slot_s = duration_s / count
    length_s = min(3.0, 0.7 * slot_s)
    original_voice = voice(rng, length_s, RATE_HZ)
    lines, speech = [], []
    (folder / "lines").mkdir(parents=True)
    takes = [voice(rng, length_s * (0.8 + 0.05 * i), LINE_RATE_HZ) for i in range(9)]
    for index in range(count):
        start_s = index * slot_s + 0.1
        path = folder / "lines" / f"{index:05}.wav"
        with WavWriter(path, LINE_RATE_HZ, 1, "int16") as writer:
            writer.write(takes[index % len(takes)][:, np.newaxis])
        lines.append(MixLine(str(path), start_s))
        speech.append((start_s, start_s + length_s))
    frames = round(duration_s * RATE_HZ)
    working, background = folder / "working.wav", folder / "background.wav"
    with (
        WavWriter(working, RATE_HZ, 2, "float32") as film,
        WavWriter(background, RATE_HZ, 2, "int16") as stem,
    ):
        starts = np.array([round(start * RATE_HZ) for start, _ in speech])
        for at in range(0, frames, len(minute)):
            block = minute[: min(len(minute), frames - at)]
            stem.write(block)
            block = block.copy()
            for start in starts[(starts > at - len(original_voice)) & (starts < at + len(block))]:
                a, b = max(start - at, 0), min(start - at + len(original_voice), len(block))
                block[a:b] += original_voice[a + at - start : b + at - start, np.newaxis]
            film.write(block)
    return MixAsk(
        str(working), str(background), str(folder / "mix.wav"), tuple(lines), tuple(speech)
    )


def measure(duration_s: float, count: int) -> dict[str, Any]:
    """Mix one film in a guest process, as the program does."""
    folder_of_pack = Path(str(dubwright_packs.__file__)).parent / "mixer"
    with tempfile.TemporaryDirectory(prefix="bench-mix-") as name:
        folder = Path(name)
        spec = GuestSpec("mixer", folder_of_pack, Path(sys.executable), folder, "bench", "host")
        ask = make_film(folder, duration_s, count)
        with Wall(Home(folder / "home"), resolve=lambda home, pack_id: spec) as wall:
            result = wall.call("mixer", ask)
            guests = psutil.Process().children(recursive=True)
            cpu_s = sum(sum(guest.cpu_times()[:2]) for guest in guests)
    return {
        "duration_s": duration_s,
        "lines": count,
        "wall_s": result.wall_s,
        "cpu_s": cpu_s,
        "x_real_time": duration_s / result.wall_s,
        "peak_rss_mb": result.peak_rss_bytes / 1e6,
        "metrics": dict(result.done.metrics),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="5 minutes with 60 lines")
    chosen = parser.parse_args()
    rows = []
    print(
        f"{'film':>8} {'lines':>6} {'wall':>8} {'cpu':>8} {'x real time':>12} "
        f"{'cpu s per h':>12} {'peak RSS':>9}"
    )
    for duration_s, count in QUICK if chosen.quick else FULL:
        row = measure(duration_s, count)
        rows.append(row)
        print(
            f"{duration_s / 60:>6.0f} m {count:>6} {row['wall_s']:>6.1f} s "
            f"{row['cpu_s']:>6.1f} s {row['x_real_time']:>12.0f} "
            f"{row['cpu_s'] / duration_s * 3600:>12.1f} {row['peak_rss_mb']:>6.0f} MB",
            flush=True,
        )
    # By processor time: other programs on the machine do not count in it.
    per_hour = [row["cpu_s"] / row["duration_s"] for row in rows]
    linear = max(per_hour) / min(per_hour)
    slowest, largest = min(r["x_real_time"] for r in rows), max(r["peak_rss_mb"] for r in rows)
    print(f"slowest {slowest:.0f}x real time (needed: {NEED_X:.0f}x)")
    print(f"largest {largest:.0f} MB (allowed: {NEED_RSS_MB:.0f} MB)")
    print(f"processor time per hour of film, largest against smallest: {linear:.2f}")
    results = Path(__file__).parent / "results"
    results.mkdir(exist_ok=True)
    record: dict[str, Any] = {"rows": rows, "cpu_per_hour_ratio": linear, "cpus": os.cpu_count()}
    record["machine"] = platform.platform()
    (results / ("mix-quick.json" if chosen.quick else "mix.json")).write_text(
        json.dumps(record, indent=1), "utf-8"
    )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
