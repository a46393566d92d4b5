"""The built-in separation on mixes with known stems: SI-SDR against doing nothing, speed, memory.

    python bench/separation_quality.py [--minutes 20]

Mixes are those of ../shared/data. One setting was kept because of them (``side_share``: 0.1 to 0.5 dB),
the others come from synthetic mixes. The long file for speed and memory is
the mixes repeated, in a temporary folder. Prints a table and saves it to bench/results/separation_quality.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from dubwright.engines.scoring import si_sdr_db
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit.contracts import SeparateAsk
from dubwright_kit.memory import PeakMemory
from dubwright_kit.report import silent
from dubwright_packs.builtin.backend import run

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data" / "mixes"
RESULTS = ROOT / "bench" / "results" / "separation_quality.json"
RATE_HZ = 44_100
F32 = npt.NDArray[np.float32]


def decode(path: Path) -> F32:
    """The whole file as float32 [frames, 2] at 44.1 kHz."""
    resampler = av.AudioResampler(format="flt", layout="stereo", rate=RATE_HZ)
    with av.open(str(path)) as container:
        blocks = [
            block.to_ndarray().reshape(-1, 2)
            for frame in container.decode(audio=0)
            for block in resampler.resample(frame)
        ]
    return np.concatenate(blocks).astype(np.float32)


def read(path: str) -> F32:
    with WavReader(path) as wav:
        return wav.read(0, wav.frames)


def quality(name: str, folder: Path) -> dict[str, Any]:
    """SI-SDR of both stems and of the untouched mix, in dB."""
    mix = decode(DATA / f"{name}.mix.flac")
    with WavWriter(folder / "mix.wav", RATE_HZ, 2, "float32") as writer:
        writer.write(mix)
    done = run(SeparateAsk(str(folder / "mix.wav"), str(folder)), silent)
    row: dict[str, Any] = {"mix": name}
    for stem, path in done.stems.items():
        truth, found = decode(DATA / f"{name}.{stem}.flac"), read(path)
        row[f"{stem}_si_sdr_db"] = round(si_sdr_db(truth, found), 2)
        row[f"{stem}_si_sdr_mix_db"] = round(si_sdr_db(truth, mix), 2)
    together = read(done.stems["vocals"]) + read(done.stems["background"])
    row["largest_sum_error"] = float(np.abs(together - mix).max())
    return row


def speed(minutes: float, folder: Path) -> dict[str, Any]:
    """Times real time and peak memory on a long file."""
    mixes = [decode(path) for path in sorted(DATA.glob("*.mix.flac"))]
    with WavWriter(folder / "long.wav", RATE_HZ, 2, "float32") as writer:
        while writer.frames < 60 * minutes * RATE_HZ:
            for mix in mixes:
                writer.write(mix)
    del mixes
    memory, started, busy = PeakMemory(), time.perf_counter(), time.process_time()
    done = run(SeparateAsk(str(folder / "long.wav"), str(folder)), silent)
    length_s = done.frames / RATE_HZ
    return {
        "minutes": round(length_s / 60, 1),
        "times_real_time": round(length_s / (time.perf_counter() - started), 1),
        "times_real_time_of_one_core": round(length_s / (time.process_time() - busy), 1),
        "peak_rss_mb": round(memory.peak_bytes() / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=20.0)
    minutes = parser.parse_args().minutes
    with tempfile.TemporaryDirectory() as scratch:
        rows = []
        for path in sorted(DATA.glob("*.mix.flac")):
            row = quality(path.name.removesuffix(".mix.flac"), Path(scratch))
            rows.append(row)
            print(
                f"{row['mix']}: vocals {row['vocals_si_sdr_mix_db']:6.2f} -> "
                f"{row['vocals_si_sdr_db']:6.2f} dB, background "
                f"{row['background_si_sdr_mix_db']:6.2f} -> {row['background_si_sdr_db']:6.2f} dB "
                f"(mix -> stem), sum within {row['largest_sum_error']:.1e}"
            )
        fast = speed(minutes, Path(scratch))
    print(
        f"{fast['minutes']} minutes: {fast['times_real_time']} x real time "
        f"({fast['times_real_time_of_one_core']} x of one core), peak {fast['peak_rss_mb']} MB"
    )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"quality": rows, "speed": fast}, indent=1), "utf-8")
    print(f"saved to {RESULTS}")


if __name__ == "__main__":
    main()
