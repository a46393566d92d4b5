"""Our Spleeter engine against the official package and sherpa-onnx: one run, the same files and weights.

    python -m bench.spleeter                          everything, 1 hour of stream; makes what is missing
    python -m bench.spleeter --environment FOLDER     with an environment that holds the official package
    python -m bench.spleeter --hours 1 10 --rf64      also 10 hours, and a file beyond 4 GiB (14 GB of disk)
    python -m bench.spleeter --only machine profile --keep    two parts again, the others as they were
    python -m bench.spleeter --quick                  a trial: every part, short

Environments and random full-size weights are made once (about 2 GB) and kept in --cache. Every figure is
of a whole process (its start included) unless the table says otherwise; medians of --times turns, in which
the contestants follow each other; memory is the largest sum of resident pages over the process tree. The
machine should be idle. Results are saved after each part to bench/results/separation.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import psutil

from bench.spleeter import contest, sound, table
from bench.spleeter.environments import ROOT, Prepared, prepare
from bench.spleeter.installed import convert, install
from bench.spleeter.largefile import separate_large
from bench.spleeter.processes import Ran, run

RESULTS = ROOT / "bench" / "results" / "separation.json"
PARTS = ("machine", "contest", "profile", "stream", "large")
QUICK_S = 300


class Bench:
    """One run: what it was asked for, what it has found so far."""

    def __init__(self, given: argparse.Namespace, prepared: Prepared, work: Path) -> None:
        self.given, self.prepared, self.work = given, prepared, work
        self.found: dict[str, Any] = {}
        self.models = convert(prepared, work / "models")

    @property
    def model(self) -> Path:
        return self.models / "2stems.onnx"

    def machine(self) -> None:
        self.found["machine"], _ = self._child("machine", self.model)

    def contest(self) -> None:
        """The short file first: the machine is cold for nobody, as everybody has a turn before."""
        home = None if self.given.no_command else install(self.prepared, self.work / "home")
        everybody = contest.contestants(self.prepared, self.models, home)
        contest.contest(contest.SHORT_S, 1, everybody, self.work)
        rows = self.found["contest"] = {}
        for seconds in (contest.SHORT_S, contest.LONG_S):
            times = 1 if self.given.quick else self.given.times
            rows[str(seconds)] = contest.contest(seconds, times, everybody, self.work)
            self.save()
        self.found["sherpa_difference"] = contest.sherpa_difference(
            self.prepared, everybody, self.work
        )

    def profile(self) -> None:
        wav = sound.write(self.work / "profile.wav", contest.LONG_S * sound.RATE_HZ)
        turns = [
            self._child("profile", self.models, wav, self.work)
            for _ in range(1 if self.given.quick else 3)
        ]
        found, ran = sorted(turns, key=lambda turn: turn[1].wall_s)[len(turns) // 2]
        spans_s = {
            "start of Python": found["here_s"] - ran.began_s,
            **found["spans_s"],
            "end of the process": ran.began_s + ran.wall_s - found["end_s"],
        }
        more = {"spans_s": spans_s, "wall_s": ran.wall_s, "peak_bytes": ran.peak_bytes}
        self.found["profile"] = {**found, **more}

    def stream(self) -> None:
        rows = self.found["stream"] = {}
        lengths_s = [QUICK_S] if self.given.quick else [3600 * one for one in self.given.hours]
        for seconds in (contest.LONG_S, *lengths_s):
            rows[f"{seconds:g}"], _ = self._child("stream", self.model, f"{seconds:g}")
            self.save()

    def large(self) -> None:
        if self.given.rf64:
            self.found["large"] = separate_large(self.models, self.work)

    def save(self) -> None:
        """Beside what an earlier run found, with --keep."""
        before = json.loads(RESULTS.read_text("utf-8")) if self.given.keep else {}
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        self.found = {**before, **self.found}
        self.found["targets"] = [
            {**asdict(target), "reached": target.reached} for target in table.targets(self.found)
        ]
        RESULTS.write_text(json.dumps(self.found, indent=1), "utf-8")

    def _child(self, module: str, *words: Path | str) -> tuple[dict[str, Any], Ran]:
        """Run one of this folder's modules as a process; the last line it prints is what it found."""
        print(f"  {module} {' '.join(str(word) for word in words[1:])}", flush=True)
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        command = [sys.executable, "-m", f"bench.spleeter.{module}", *words]
        ran = run(command, env, self.work)
        return json.loads(ran.output.splitlines()[-1]), ran


def about() -> dict[str, Any]:
    """The machine and its load before anything was measured."""
    return {
        "when": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cpus": os.cpu_count(),
        "machine": f"{platform.system()} {platform.machine()}",
        "memory_bytes": psutil.virtual_memory().total,
        "load": os.getloadavg(),
        "python": platform.python_version(),
    }


def arguments() -> argparse.Namespace:
    doc = __doc__ or ""
    parser = argparse.ArgumentParser(
        prog="python -m bench.spleeter",
        description=doc,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--environment",
        type=Path,
        help="has the official package (its folder, or the one above env)",
    )
    parser.add_argument(
        "--weights", type=Path, help="a 2-stem checkpoint: model.index, model.data-*"
    )
    parser.add_argument(
        "--cache",
        type=Path,
        default=ROOT / "build" / "bench",
        help="what is made once (%(default)s)",
    )
    parser.add_argument("--work", type=Path, help="where the temporary files go")
    parser.add_argument("--times", type=int, default=5, help="turns of the contest (%(default)s)")
    parser.add_argument(
        "--hours", type=float, nargs="*", default=[1.0], help="lengths of the stream (1)"
    )
    parser.add_argument("--rf64", action="store_true", help="also one file beyond 4 GiB")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS, help="parts to run")
    parser.add_argument(
        "--keep", action="store_true", help="keep what an earlier run found of the others"
    )
    parser.add_argument("--no-command", action="store_true", help="leave out `dubwright separate`")
    parser.add_argument("--quick", action="store_true", help="one turn, 5 minutes of stream")
    return parser.parse_args()


def main() -> None:
    given = arguments()
    prepared = prepare(given.cache.absolute(), given.environment, given.weights)
    with tempfile.TemporaryDirectory(prefix="bench-spleeter-", dir=given.work) as folder:
        bench = Bench(given, prepared, Path(folder))
        bench.found["about"] = about()
        parts: dict[str, Callable[[], None]] = {
            "machine": bench.machine,
            "contest": bench.contest,
            "profile": bench.profile,
            "stream": bench.stream,
            "large": bench.large,
        }
        for name in PARTS:
            if name in given.only:
                print(name, flush=True)
                parts[name]()
                bench.save()
    print(table.show(bench.found))
    print(f"saved to {RESULTS}")


if __name__ == "__main__":
    main()
