"""Installs that are cancelled, killed, or two at once: the old one or the new one, never a mix."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright_kit import Cancelled
from tests.packs.loopback import Index, fit_wheel, own_pack
from tests.packs.tiny import install_first, leftovers, value


def test_cancelling_stops_uv_and_leaves_the_old_one(home: Home, folder: Path, index: Index) -> None:
    packs = install_first(home, folder, index, 2_000_000)
    index.pause_s = 0.5
    stop_at = time.monotonic() + 2.0
    raised_at: list[float] = []

    def report(done: float, total: float | None = None, note: str = "") -> None:
        if time.monotonic() > stop_at:
            raised_at.append(time.monotonic())
            raise Cancelled

    with pytest.raises(Cancelled):
        packs.install(["tiny-pack"], report=report)
    assert time.monotonic() - raised_at[0] < 2.0
    assert 0 < sum(index.served.values()) < 2_000_000
    assert leftovers(home) == []
    assert value(packs) == 1.0


def test_two_installers_at_once_make_one_installation(
    home: Home, folder: Path, index: Index
) -> None:
    wheel = fit_wheel("1.0", 1, 500_000)
    index.wheels.append(wheel)
    index.pause_s = 0.1
    own_pack(folder, wheel)
    waited: list[str] = []
    results: list[str] = []

    def run() -> None:
        (status,) = Packs(home, [folder]).install(
            ["tiny-pack"], events=lambda event: waited.append(event.step)
        )
        results.append(status.state)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == ["installed", "installed"]
    assert "wait" in waited
    assert sum(index.served.values()) == len(wheel.data)


INSTALL = """
import sys
from pathlib import Path
from dubwright.home import Home
from dubwright.packs.catalog import Packs
print("begun", flush=True)
Packs(Home.find(sys.argv[1]), [Path(sys.argv[2])]).install(["tiny-pack"])
"""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
def test_killed_at_any_moment_either_the_old_or_the_new_one_is_there(
    home: Home, folder: Path, index: Index
) -> None:
    packs = install_first(home, folder, index, 400_000)
    index.pause_s = 0.05
    chance = random.Random(7)
    for _ in range(6):
        process = subprocess.Popen(
            [sys.executable, "-c", INSTALL, str(home.root), str(folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        time.sleep(chance.uniform(0.05, 1.5))
        process.kill()
        process.wait()
        process.stdout.close()
        status = packs.status("tiny-pack")
        assert status.state == "installed"
        assert value(packs) == (1.0 if status.outdated else 2.0)
    packs.install(["tiny-pack"])
    assert value(packs) == 2.0
    assert leftovers(home) == []


@pytest.mark.skipif(sys.platform == "win32", reason="uv is tethered on POSIX only")
def test_uv_ends_with_a_killed_installer(home: Home, folder: Path, index: Index) -> None:
    wheel = fit_wheel("1.0", 1, 4_000_000)
    index.wheels.append(wheel)
    index.pause_s = 0.1
    own_pack(folder, wheel)
    process = subprocess.Popen(
        [sys.executable, "-c", INSTALL, str(home.root), str(folder)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not index.served:
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    process.wait()
    time.sleep(0.5)
    served = sum(index.served.values())
    time.sleep(1.0)
    assert sum(index.served.values()) == served < len(wheel.data)


def test_an_old_one_moved_aside_by_a_killed_swap_is_put_back(
    home: Home, folder: Path, index: Index
) -> None:
    packs = install_first(home, folder, index)
    home.pack("tiny-pack").rename(home.packs / ".old-tiny-pack-0123abcd")
    (home.packs / ".new-tiny-pack-4567cdef").mkdir()
    assert packs.status("tiny-pack").state == "installed"
    assert value(packs) == 1.0
    assert leftovers(home) == []
