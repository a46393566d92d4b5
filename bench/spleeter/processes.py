"""One command as a process of its own: how long it takes and the most memory its whole tree holds."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import psutil

_EVERY_S = 0.02
_CHILDREN_EVERY = 5
"""Looking for new children reads every process of the machine, so only each fifth look does it."""


class _Held(NamedTuple):
    now_bytes: int
    peak_bytes: int


@dataclass(frozen=True)
class Ran:
    """``began_s`` as time.time() has it; ``wall_s`` from before the start to after the end; ``cpu_s`` of the process and the children it
    waited for; ``peak_bytes``: the largest sum of resident memory over the tree. Pages that several
    processes share count in each of them."""

    began_s: float
    wall_s: float
    cpu_s: float
    peak_bytes: int
    output: str


def run(command: Sequence[str | Path], env: Mapping[str, str], folder: Path) -> Ran:
    """Run ``command`` in ``folder`` and measure it. What was written before is on the disk first.

    Raises ``SystemExit`` with the end of its output when it fails.
    """
    words = [str(word) for word in command]
    os.sync()
    log = folder / "output.txt"
    with log.open("wb") as sink:
        began_s, started_s = time.time(), time.perf_counter()
        popen = subprocess.Popen(
            words, env=dict(env), cwd=folder, stdout=sink, stderr=subprocess.STDOUT
        )
        watch = _Watch(popen.pid)
        watch.start()
        _, status, usage = os.wait4(popen.pid, 0)
        wall_s = time.perf_counter() - started_s
    popen.returncode = os.waitstatus_to_exitcode(status)
    watch.ended.set()
    watch.join()
    output = log.read_text("utf-8", "replace")
    if popen.returncode != 0:
        raise SystemExit(f"{words} ended with {popen.returncode}:\n{output[-3000:]}")
    # The kernel counts what the parent held before exec as the child's, so a figure is the child's own
    # only when it is larger than that.
    own_bytes = usage.ru_maxrss * 1024
    peak_bytes = max(
        watch.peak_bytes, own_bytes if own_bytes > _held(os.getpid()).peak_bytes else 0
    )
    return Ran(began_s, wall_s, usage.ru_utime + usage.ru_stime, peak_bytes, output)


class _Watch(threading.Thread):
    """Looks at a tree of processes until ``ended`` is set."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak_bytes, self.ended = pid, 0, threading.Event()

    def run(self) -> None:
        tree, look = [self.pid], 0
        while not self.ended.wait(_EVERY_S):
            if look % _CHILDREN_EVERY == 0:
                try:
                    children = psutil.Process(self.pid).children(recursive=True)
                except psutil.NoSuchProcess:
                    continue
                tree = [self.pid, *(child.pid for child in children)]
            look += 1
            held = [_held(pid) for pid in tree]
            # One process alone: its own high-water mark misses nothing between two looks.
            seen = held[0].peak_bytes if len(tree) == 1 else sum(one.now_bytes for one in held)
            self.peak_bytes = max(self.peak_bytes, seen)


def _held(pid: int) -> _Held:
    """Resident bytes now and at most so far, of one process; zeros when it has ended (proc(5))."""
    try:
        lines = Path(f"/proc/{pid}/status").read_bytes().splitlines()
    except OSError:
        return _Held(0, 0)
    found = dict(line.split(b":", 1) for line in lines if line.startswith((b"VmRSS:", b"VmHWM:")))
    sizes = {name: int(value.split()[0]) * 1024 for name, value in found.items()}
    return _Held(sizes.get(b"VmRSS", 0), sizes.get(b"VmHWM", 0))
