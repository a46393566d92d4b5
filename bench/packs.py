"""Installing packs: against pip, against uv itself, against the bill. One run, one index on the loopback.

    python -m bench.packs [--scale 0.1] [--wheels FOLDER]

Sixty-four wheels with the sizes of the real Spleeter and TensorFlow set (see :mod:`bench.wheelset`)
are made, served by a process of their own, and installed side by side: by pip in a fresh environment,
by uv with a cache of its own, by us. ``--wheels`` keeps the wheels for the next run (making them takes
minutes). Prints a table and saves it to bench/results/packs.json.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import psutil

from bench.wheelset import Shape, SizedWheel, make_wheel, make_wheels
from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.installing.steps import InstallEvent
from dubwright.packs.record import tree_bytes
from dubwright.packs.toolchain.interpreter import find_uv

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "bench" / "results" / "packs.json"
LIMITS = {
    "cold: pip / ours": (">=", 3.0),
    "again: ours / uv": ("<=", 1.3),
    "second pack, disk": ("<=", 0.05),
    "bill, download": ("<=", 0.02),
    "bill, disk": ("<=", 0.05),
    "longest silence, s": ("<=", 1.0),
}
BACKEND = """
from dubwright_kit.contracts import FitAsk, FitDone


def run(ask: FitAsk, report: object) -> FitDone:
    import sized_top

    return FitDone(tuple(0.0 for line in ask.lines))
"""
COMPILED = "--compile-bytecode"
_NOT_SHARED = 4
"""Wheels of the first pack that the second leaves out."""


def cpu_s() -> float:
    """Processor time of this process and all that it has waited for: what a busy machine does not stretch."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


@dataclass
class Heard:
    """The events of one install, for its silences and where its time went."""

    started_s: float = field(default_factory=time.perf_counter)
    longest_s: float = 0.0
    longest_after: str = "start"
    steps_s: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))
    wall_s: float = 0.0
    cpu_s: float = field(default_factory=cpu_s)

    def __post_init__(self) -> None:
        self._at, self._step = self.started_s, "start"

    def __call__(self, event: InstallEvent) -> None:
        self._passed(event.step)

    def end(self) -> None:
        """The install has returned."""
        self._passed("end")
        self.wall_s = self._at - self.started_s
        self.cpu_s = cpu_s() - self.cpu_s

    def _passed(self, step: str) -> None:
        now = time.perf_counter()
        gap = now - self._at
        self.steps_s[self._step] += gap
        if gap > self.longest_s:
            self.longest_s, self.longest_after = gap, self._step
        self._at, self._step = now, step

    @property
    def without_canary_s(self) -> float:
        """Wall time but for the step that runs the new pack."""
        return self.wall_s - self.steps_s["check"]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The index of ``folder`` in a process of its own; yields its address."""
    popen = subprocess.Popen(
        [sys.executable, "-m", "bench.wheelserver", folder],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        assert popen.stdout is not None
        yield f"http://127.0.0.1:{int(popen.stdout.readline())}"
    finally:
        popen.kill()
        popen.wait()


def sent(url: str) -> int:
    """Bytes of wheels that have left the server."""
    with urllib.request.urlopen(f"{url}/sent") as answer:
        return int(json.load(answer)["bytes"])


def server_s(url: str, wheels: Sequence[SizedWheel]) -> float:
    """Seconds that four readers need for all wheels when they do nothing with them."""

    def drain(wheel: SizedWheel) -> None:
        with urllib.request.urlopen(f"{url}/files/{wheel.path.name}") as answer:
            while answer.read(1 << 20):
                pass

    started_s = time.perf_counter()
    with ThreadPoolExecutor(4) as readers:
        list(readers.map(drain, wheels))
    return time.perf_counter() - started_s


def timed(command: Sequence[str | Path], env: dict[str, str]) -> float:
    """Wall seconds of a command that must work. What was written before is on the disk first."""
    os.sync()
    started_s = time.perf_counter()
    done = subprocess.run(
        command, check=False, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    taken_s = time.perf_counter() - started_s
    if done.returncode != 0:
        raise SystemExit(f"{command}: {done.stdout.decode('utf-8', 'replace')[-3000:]}")
    return taken_s


def clean_environment(url: str, home: Home) -> dict[str, str]:
    """This machine's, with one index and nothing else for installers."""
    dropped = ("UV_", "PIP_", "PYTHON", "VIRTUAL_ENV", "CONDA")
    env = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(dropped) and not name.lower().endswith("_proxy")
    }
    return {
        **env,
        "UV_DEFAULT_INDEX": f"{url}/simple",
        "UV_CACHE_DIR": str(home.uv_cache),
        "DUBWRIGHT_UV": str(find_uv(home)),
    }


def write_pack(folder: Path, wheels: Sequence[SizedWheel]) -> Path:
    """A pack with an environment of its own, locked to ``wheels``."""
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "backend.py").write_text(BACKEND, "utf-8")
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    (folder / "pack.toml").write_text(
        f'id = "{folder.name.replace("_", "-")}"\ntitle = "Sized wheels"\nstage = "fit"\n'
        'env = "own"\nlicence = "Apache-2.0"\n'
        'canary = { imports = ["sized_top"], ask = { lines = [] } }\n\n'
        '[[locks]]\nfile = "lock.txt"\nrequirements = ["sized-top==1.0"]\n'
        f'python = ["{version}"]\n',
        "utf-8",
    )
    lines = [f"{one.project}=={one.version} \\\n    --hash=sha256:{one.sha256}\n" for one in wheels]
    (folder / "lock.txt").write_text("".join(lines), "utf-8")
    keys = ("size_bytes", "unpacked_bytes", "python_bytes", "sha256")
    files = {one.path.name: {key: getattr(one, key) for key in keys} for one in wheels}
    (folder / "sizes.json").write_text(json.dumps({"files": files}), "utf-8")
    return folder


def byte_code_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*.pyc"))


def pip_cold(work: Path, url: str, env: dict[str, str]) -> dict[str, Any]:
    """pip without a cache in a fresh environment; making that is not counted."""
    base, place = str(getattr(sys, "_base_executable", sys.executable)), work / "pip"
    made_s = timed([base, "-m", "venv", place], env)
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    words = ("install", "--no-cache-dir", "--disable-pip-version-check", "--index-url")
    before_s = cpu_s()
    wall_s = timed([python, "-m", "pip", *words, f"{url}/simple", "sized-top"], env)
    used_s = cpu_s() - before_s
    version = subprocess.check_output([python, "-m", "pip", "--version"], text=True).split()[1]
    return {"wall_s": wall_s, "cpu_s": used_s, "venv_s": made_s, "version": version}


def uv_install(work: Path, lock: Path, env: dict[str, str], *words: str) -> float:
    """uv alone, with a cache of its own and our options; seconds of ``venv`` and ``pip install``."""
    # Nothing is deleted between the runs: a file system that has just lost many files makes new ones
    # slowly (ext4 looks for names that were not used lately), whoever comes next.
    place, env = (
        work / f"uv-{secrets.token_hex(4)}",
        {**env, "UV_CACHE_DIR": str(work / "uv cache")},
    )
    base = str(getattr(sys, "_base_executable", sys.executable))
    uv = env["DUBWRIGHT_UV"]
    taken_s = timed([uv, "venv", "--quiet", "--relocatable", "--python", base, place], env)
    python = place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    taken_s += timed(
        [
            *(uv, "pip", "install", "--quiet", "--no-deps", "--require-hashes", *words),
            *("--only-binary", ":all:", "--python", python, "-r", lock),
        ],
        env,
    )
    return taken_s


def our_install(packs: Packs, name: str) -> Heard:
    """One install through the packs room, listened to."""
    os.sync()
    heard = Heard()
    packs.install([name], events=heard)
    heard.end()
    return heard


def measure(
    work: Path, url: str, wheels: Sequence[SizedWheel], extra: SizedWheel
) -> dict[str, Any]:
    """Everything, in an order in which nobody warms another's cache."""
    home = Home.find(work / "home")
    env = clean_environment(url, home)
    os.environ.clear()
    os.environ.update(env)
    home = Home.find(work / "home")
    first = write_pack(work / "packs" / "sized_one", wheels)
    second = write_pack(work / "packs" / "sized_two", [*wheels[_NOT_SHARED:], extra])
    packs = Packs(home, [first, second])
    bill = packs.bill(["sized-one"])
    found: dict[str, Any] = {"server_s": server_s(url, wheels), "pip": pip_cold(work, url, env)}
    before = sent(url)
    found["uv_cold_s"] = uv_install(work, first / "lock.txt", env)
    found["uv_sent_bytes"] = sent(url) - before

    start_bytes, before = tree_bytes(home.root), sent(url)
    cold = our_install(packs, "sized-one")
    found["ours_cold"] = report_of(cold)
    found["sent_bytes"] = sent(url) - before
    found["disk_bytes"] = tree_bytes(home.root) - start_bytes
    found["bill"] = {"download_bytes": bill.download_bytes, "disk_bytes": bill.disk_bytes}

    again, uv_again_s = [], []
    for _ in range(5):
        uv_again_s.append(uv_install(work, first / "lock.txt", env, "--offline"))
        # Not packs.remove: that also drops what only this pack has in the caches.
        home.pack("sized-one").rename(work / f"ours-{secrets.token_hex(4)}")
        again.append(our_install(packs, "sized-one"))
    found["uv_compiled_s"] = uv_install(work, first / "lock.txt", env, COMPILED, "--offline")
    found["ours_again"] = [report_of(one) for one in again]
    found["uv_again_s"] = uv_again_s

    one_bytes = tree_bytes(home.root) - byte_code_bytes(home.root)
    heard = our_install(packs, "sized-two")
    found["ours_second"] = report_of(heard)
    found["second_bytes"] = tree_bytes(home.root) - byte_code_bytes(home.root) - one_bytes
    found["first_bytes"] = one_bytes
    found["ratios"] = {
        "cold: pip / ours": found["pip"]["wall_s"] / cold.wall_s,
        "again: ours / uv": median(one.without_canary_s for one in again) / median(uv_again_s),
        "second pack, disk": found["second_bytes"] / one_bytes,
        "bill, download": abs(bill.download_bytes / max(1, found["sent_bytes"]) - 1),
        "bill, disk": abs(bill.disk_bytes / found["disk_bytes"] - 1),
        "longest silence, s": max(one.longest_s for one in (cold, heard, *again)),
    }
    return found


def report_of(heard: Heard) -> dict[str, Any]:
    return {
        "wall_s": round(heard.wall_s, 3),
        "cpu_s": round(heard.cpu_s, 3),
        "without_canary_s": round(heard.without_canary_s, 3),
        "longest_silence_s": round(heard.longest_s, 3),
        "after": heard.longest_after,
        "steps_s": {step: round(taken_s, 3) for step, taken_s in heard.steps_s.items()},
    }


def show(found: dict[str, Any]) -> None:
    """People's table."""
    cold = found["ours_cold"]
    rows = [
        (
            "pip, no cache",
            found["pip"]["wall_s"],
            f"pip {found['pip']['version']}, {found['pip']['cpu_s']:.1f} s of processor",
        ),
        ("uv, cold", found["uv_cold_s"], ""),
        ("ours, cold", cold["wall_s"], f"{cold['cpu_s']:.1f} s of processor, {cold['steps_s']}"),
        (
            "uv, offline",
            median(found["uv_again_s"]),
            str([round(s, 2) for s in found["uv_again_s"]]),
        ),
        ("uv, byte code", found["uv_compiled_s"], "offline, for comparison only"),
        *(("ours, again", one["wall_s"], str(one["steps_s"])) for one in found["ours_again"]),
        ("ours, second pack", found["ours_second"]["wall_s"], str(found["ours_second"]["steps_s"])),
        ("server alone", found["server_s"], "all wheels read by four readers"),
    ]
    for name, wall_s, note in rows:
        print(f"{name:<20}{wall_s:>8.2f} s  {note}")
    print(
        f"bill {found['bill']['download_bytes']:,} B down, {found['bill']['disk_bytes']:,} B disk; "
        f"measured {found['sent_bytes']:,} and {found['disk_bytes']:,}"
    )
    for name, value in found["ratios"].items():
        sign, limit = LIMITS[name]
        good = value >= limit if sign == ">=" else value <= limit
        print(f"{name:<22}{value:>9.4f}  must be {sign} {limit:<6} {'yes' if good else 'NO'}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--scale", type=float, default=1.0)
    parser.add_argument("--wheels", type=Path, help="keep the wheels here")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-packs-") as scratch:
        folder = given.wheels or Path(scratch) / "wheels"
        wheels = make_wheels(folder, given.scale)
        extra = make_wheel(folder, Shape("extra", 300_000, 20, 100_000, 5, 400_000, 300_000), "1.0")
        with served(folder) as url:
            found = measure(Path(scratch) / "work", url, wheels, extra)
    found |= {
        "scale": given.scale,
        "wheels": len(wheels),
        "wheel_bytes": sum(one.size_bytes for one in wheels),
        "unpacked_bytes": sum(one.unpacked_bytes for one in wheels),
        "cpus": os.cpu_count(),
        "memory_bytes": psutil.virtual_memory().total,
        "load": os.getloadavg() if hasattr(os, "getloadavg") else None,
    }
    show(found)
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1), "utf-8")
    print(f"saved to {RESULTS}")


if __name__ == "__main__":
    main()
