"""The separation that ships, through its pack as a film goes: quality by kind, then speed and memory.

    python -m bench.separation_quality [--only KIND ...] [--minutes N ...] [--no-quality]

Quality is the table of training/EVALUATION.md with the pack in the model's place: on clips of
../shared/data and, where training data lies in build/training/data, on what is held out of it. Speed
and memory are those of a file of each length, 1 and 20 minutes unless told (600 is ten hours and takes
20 GB in the temporary folder), the shared mixes repeated, each in a process of its own. Prints the
tables and saves them to bench/results/separation_quality.json.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
import multiprocessing
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit.contracts import SeparateAsk, SeparateDone
from dubwright_kit.memory import PeakMemory
from dubwright_kit.report import silent
from dubwright_packs.builtin.backend import run
from training.evaluation.command import KEPT, report
from training.evaluation.goals import verdicts
from training.evaluation.heldout import held_out_items
from training.evaluation.item import RATE_HZ, Item
from training.evaluation.keeping import Kept
from training.evaluation.methods import Contender, from_vocals, ideal, mix_itself
from training.evaluation.results import as_json, kinds, measure
from training.evaluation.shared import MIXES, SHARED_DATA, shared_items, stems_of

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "separation_quality.json"
BUILD = ROOT / "build" / "training" / "data"
CODE = ("dubwright_packs/builtin", "dubwright_packs/stems", "dubwright/engines")
F32 = npt.NDArray[np.float32]


def through_the_pack(item: Item) -> F32:
    """The vocals [n, 2] as a user gets them."""
    with tempfile.TemporaryDirectory() as folder:
        mix = Path(folder) / "mix.wav"
        with WavWriter(mix, RATE_HZ, 2, "float32") as writer:
            writer.write(item.mix)
        done = run(SeparateAsk(str(mix), folder), silent)
        with WavReader(done.stems["vocals"]) as wav:
            return wav.read(0, wav.frames)


def pack() -> Contender:
    """By everything it is made of, so that figures are kept as long as nothing changes."""
    whole = hashlib.sha256()
    for folder in CODE:
        for path in sorted((ROOT / "src" / folder).rglob("*")):
            if path.suffix in (".py", ".onnx", ".toml"):
                whole.update(path.read_bytes())
    return from_vocals("model", whole.hexdigest(), through_the_pack)


def quality(data: Path, only: list[str]) -> dict[str, Any]:
    """Prints the table; returns it for JSON."""
    kept, contenders = Kept(data / KEPT), [mix_itself(), ideal(), pack()]
    items = itertools.chain(shared_items(), held_out_items(data))
    results = list(measure(items, contenders, kept, only))
    kept.save()
    found = verdicts(kinds(results), "model")
    print(report(results, [one.name for one in contenders], found))
    return {"items": as_json(results)}


def speed(minutes: float) -> dict[str, Any]:
    """Real-time factor and peak memory on a file of this length."""
    with tempfile.TemporaryDirectory() as folder:
        film = Path(folder) / "long.wav"
        mixes = [np.add(*stems_of(SHARED_DATA, name)) for name in MIXES]
        with WavWriter(film, RATE_HZ, 2) as writer:
            while writer.frames < 60 * minutes * RATE_HZ:
                for mix in mixes:
                    writer.write(mix[: round(60 * minutes * RATE_HZ) - writer.frames])
        context = multiprocessing.get_context("spawn")
        with context.Pool(1) as pool:
            measured = pool.apply(timed, (str(film), folder))
    return {"minutes": minutes, **measured}


def timed(film: str, folder: str) -> dict[str, Any]:
    """One separation, in a process that did nothing before."""
    memory, started, busy = PeakMemory(), time.perf_counter(), time.process_time()
    done: SeparateDone = run(SeparateAsk(film, folder), silent)
    length_s = done.frames / RATE_HZ
    return {
        "rtf": round((time.perf_counter() - started) / length_s, 4),
        "rtf_of_one_core": round((time.process_time() - busy) / length_s, 4),
        "peak_rss_mb": round(memory.peak_bytes() / 1e6),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, nargs="*", default=[1.0, 20.0])
    parser.add_argument("--only", nargs="+", default=[], metavar="KIND")
    parser.add_argument("--data", type=Path, default=BUILD)
    parser.add_argument("--no-quality", action="store_true")
    arguments = parser.parse_args()
    table = {} if arguments.no_quality else quality(arguments.data, arguments.only)
    fast = []
    for minutes in arguments.minutes:
        fast.append(speed(minutes))
        print(
            f"{minutes:g} minutes: RTF {fast[-1]['rtf']} ({fast[-1]['rtf_of_one_core']} of one core), "
            f"peak {fast[-1]['peak_rss_mb']} MB"
        )
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps({"quality": table, "speed": fast}, indent=1), "utf-8")
    print(f"saved to {RESULTS}")


if __name__ == "__main__":
    main()
