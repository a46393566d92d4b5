"""Stopping a guest: orderly, by force, and when the host itself is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from dubwright.packs.wall.call import Wall
from dubwright_kit import Cancelled
from tests.packs.echo_wall import ECHO, alive, echo_wall, lines, wait_until
from tests.patience import COMES_S, STOPPED_S


def cancel_when(wall: Wall, line: str, ready: Callable[[str], bool], *, by_report: bool) -> float:
    """Run ``line``, cancel as soon as ``ready(note)``; return the seconds from then to Cancelled."""
    asked: list[float] = []

    def report(done: float, total: float | None = None, note: str = "") -> None:
        if ready(note) and not asked:
            asked.append(time.monotonic())
        if asked and by_report:
            raise Cancelled

    with pytest.raises(Cancelled):
        wall.call("echo", lines(line), report, cancelled=lambda: bool(asked) and not by_report)
    return time.monotonic() - asked[0]


def pids_in(path: Path) -> list[int]:
    return [int(word) for word in path.read_text().split() if word.isdigit()]


def is_ready(path: Path) -> bool:
    return path.exists() and "ready" in path.read_text()


@pytest.mark.parametrize("by_report", [False, True])
def test_a_backend_that_reports_stops_in_order(tmp_path: Path, by_report: bool) -> None:
    half_made = tmp_path / "half-made"
    with echo_wall(tmp_path) as wall:
        took = cancel_when(
            wall, f"!cleanup {half_made}", lambda note: note == "sleeping", by_report=by_report
        )
        assert took < STOPPED_S
        assert not half_made.exists()
        assert wall.call("echo", lines("after")).done.lines == ("AFTER",)


@pytest.mark.parametrize("line", ["!stubborn", "!native"])
def test_a_backend_that_does_not_listen_is_killed(tmp_path: Path, line: str) -> None:
    with echo_wall(tmp_path) as wall:
        pid = int(wall.call("echo", lines("!pid")).done.lines[0])
        took = cancel_when(wall, line, lambda note: note == line[1:], by_report=False)
        assert took < STOPPED_S
        assert wait_until(lambda: not alive(pid), STOPPED_S)


def test_cancel_takes_the_grandchildren_along(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    with echo_wall(tmp_path) as wall:
        stop = threading.Event()
        seen: list[float] = []

        def cancelled() -> bool:
            if is_ready(pids) and not stop.is_set():
                seen.append(time.monotonic())
                stop.set()
            return stop.is_set()

        with pytest.raises(Cancelled):
            wall.call("echo", lines(f"!grandchildren {pids} native"), cancelled=cancelled)
        assert time.monotonic() - seen[0] < STOPPED_S
    assert len(pids_in(pids)) == 3
    assert wait_until(lambda: not any(map(alive, pids_in(pids))), STOPPED_S)


def test_closing_the_wall_cancels_what_runs(tmp_path: Path) -> None:
    wall = echo_wall(tmp_path)
    runs = threading.Event()

    def close() -> None:
        runs.wait(COMES_S)
        wall.close()

    threading.Thread(target=close).start()
    with pytest.raises(Cancelled):
        wall.call("echo", lines("!sleep 600"), lambda done, total=None, note="": runs.set())


def test_an_error_of_the_report_ends_the_guest(tmp_path: Path) -> None:
    with echo_wall(tmp_path) as wall:
        pid = int(wall.call("echo", lines("!pid")).done.lines[0])

        def report(done: float, total: float | None = None, note: str = "") -> None:
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            wall.call("echo", lines("!sleep 600"), report)
        assert wait_until(lambda: not alive(pid), STOPPED_S)


_HOST = """
import sys
from pathlib import Path
from tests.packs.echo_wall import echo_wall, lines
echo_wall(Path(sys.argv[1])).call("echo", lines(sys.argv[2]))
"""


@pytest.mark.parametrize("then", ["stubborn", "native"])
def test_nothing_outlives_a_killed_host(tmp_path: Path, then: str) -> None:
    if sys.platform == "win32":
        pytest.skip("a killed host's tree needs a job object on Windows; not there yet")
    pids = tmp_path / "pids"
    root = ECHO.parents[2]
    host = subprocess.Popen(
        [sys.executable, "-c", _HOST, str(tmp_path / "home"), f"!grandchildren {pids} {then}"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "src")])},
    )
    try:
        assert wait_until(lambda: is_ready(pids), COMES_S)
        time.sleep(0.5)  # now inside the native call, whose lock stops every thread of the guest
        assert all(map(alive, pids_in(pids)))
        os.kill(host.pid, signal.SIGKILL)
        assert wait_until(lambda: not any(map(alive, pids_in(pids))), STOPPED_S)
    finally:
        host.kill()
        host.wait()
        for pid in filter(alive, pids_in(pids) if pids.exists() else []):
            os.kill(pid, signal.SIGKILL)
