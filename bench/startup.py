"""How long a person waits for a listing: every command in a new process, against bare Python.

    python -m bench.startup [--times 15]

Prints a table (median, and as a ratio to ``python -c pass``) and writes bench/results/startup.json.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

COMMANDS = ("--help", "items", "jobs", "packs", "packs plan", "diagnostics")
LIMITS_S = {"--help": 0.35, "items": 0.8, "jobs": 0.8, "packs": 0.8}
RESULTS = Path(__file__).resolve().parent / "results" / "startup.json"


def median_s(command: list[str], env: dict[str, str], times: int) -> float:
    """Median wall time of ``times`` runs, after one that warms the file cache."""
    taken = []
    for number in range(times + 1):
        started_s = time.perf_counter()
        subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=True)
        if number:
            taken.append(time.perf_counter() - started_s)
    return statistics.median(taken)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=15)
    times = parser.parse_args().times
    program = str(Path(sys.executable).with_name("dubwright"))
    with tempfile.TemporaryDirectory() as home:
        env = {**os.environ, "DUBWRIGHT_HOME": home}
        bare_s = median_s([sys.executable, "-c", "pass"], env, times)
        figures = {name: median_s([program, *name.split()], env, times) for name in COMMANDS}
    print(f"{'command':<14}{'median':>9}{'x python':>10}{'at most':>10}")
    print(f"{'python':<14}{bare_s:>8.3f}s{1:>10.1f}")
    for name, wall_s in figures.items():
        limit = f"{LIMITS_S[name]:.2f}s" if name in LIMITS_S else ""
        print(f"{name:<14}{wall_s:>8.3f}s{wall_s / bare_s:>10.1f}{limit:>10}")
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"python_s": bare_s, "commands_s": figures}, indent=1))


if __name__ == "__main__":
    main()
