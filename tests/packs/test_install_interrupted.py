"""Installs that are cancelled, killed, or two at once: the old one or the new one, never a mix."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.fetch.store import Store
from dubwright_kit import Cancelled
from tests.packs.echo_wall import wait_until
from tests.packs.loopback import Index, fit_wheel, own_pack
from tests.packs.test_install_faults import WEIGHTS, WHEEL, Scene, scene, served
from tests.packs.test_models import sha256
from tests.packs.tiny import install_first, leftovers, value
from tests.patience import COMES_S, STOPPED_S

__all__ = ["scene", "served"]  # fixtures


def test_cancelling_stops_uv_and_leaves_the_old_one(home: Home, folder: Path, index: Index) -> None:
    packs = install_first(home, folder, index, 2_000_000)
    index.pause_s = 0.5
    raised_at: list[float] = []

    def report(done: float, total: float | None = None, note: str = "") -> None:
        if index.served:
            raised_at.append(time.monotonic())
            raise Cancelled

    with pytest.raises(Cancelled):
        packs.install(["tiny-pack"], report=report)
    assert time.monotonic() - raised_at[0] < STOPPED_S
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
import time
from pathlib import Path
from dubwright.home import Home
from dubwright.packs.catalog import Packs
def tell(event):
    print(event.step, flush=True)
    time.sleep(0.05)  # short steps take long enough to be killed in
Packs(Home.find(sys.argv[1]), [Path(sys.argv[2])]).install(["tiny-pack"], events=tell)
"""


LATER = ("resolve", "install", "prepare", "check")
"""Killed in turns, once enough was killed while it was downloading."""


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
@pytest.mark.parametrize("kills", [6, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_any_moment_either_the_old_or_the_new_one_is_there(
    scene: Scene, index: Index, kills: int
) -> None:
    home, sent = scene.home, scene.served.sent
    sizes = {name: len(scene.served.files[name]) for name in (WEIGHTS, WHEEL)}
    keys = {name: sha256(scene.served.files[name]) for name in sizes}
    for name in sizes:
        scene.served.fail(name, "slow", 0.02 if kills < 10 else 0.04)
    chance = random.Random(kills)
    hit: Counter[str] = Counter()
    verified: dict[str, int] = {}
    kept = dict.fromkeys(sizes, 0)
    looked = 0
    for number in range(kills):
        step = "download" if number < 0.4 * kills else LATER[number % len(LATER)]
        hit[killed(home, scene.packs, step, chance)] += 1
        # What was on its way to a killed process is lost, what it had kept never comes again.
        for one in scene.served.asked[looked:]:
            if one.name in kept:
                assert int(one.range.removeprefix("bytes=").rstrip("-") or 0) >= kept[one.name]
        looked = len(scene.served.asked)
        parts = Store(home.downloads).part_sizes()
        kept |= {name: parts[key] for name, key in keys.items() if key in parts}
        status = scene.packs.status("tiny-pack")
        assert status.state == "installed"
        assert value(scene.packs) == (1.0 if status.outdated else 2.0)
        if not status.outdated:
            assert index.installed is not None
            shutil.rmtree(home.pack("tiny-pack"))
            shutil.copytree(index.installed, home.pack("tiny-pack"), symlinks=True)
        for path in (home.downloads / "files").glob("*/*/*"):
            verified.setdefault(path.name, sent[path.name])
    assert hit["download"] >= 2
    assert len(hit) >= (3 if kills < 10 else 4), hit
    scene.served.faults.clear()
    scene.works()
    assert wait_until(lambda: not processes_of(home), COMES_S), processes_of(home)
    for name, size in sizes.items():
        assert sent[name] == verified.get(name, sent[name]), "what is verified comes once"
        assert size <= sent[name]


def killed(home: Home, packs: Packs, step: str, chance: random.Random) -> str:
    """Install in a process of its own, and kill it soon after ``step`` begins; return its last step."""
    process = subprocess.Popen(
        [sys.executable, "-c", INSTALL, str(home.root), str(packs.manifest("tiny-pack").folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    with process.stdout:
        for line in process.stdout:
            if line.strip() in (step, "done"):
                break
        time.sleep(0.4 * chance.random() * chance.random())
        process.kill()
        process.wait()
        return [step, *process.stdout.read().split()][-1]


def processes_of(home: Home) -> list[str]:
    """Whatever still runs with a path of this home on its command line."""
    found = []
    for one in psutil.process_iter(["cmdline"]):
        words = " ".join(one.info["cmdline"] or ())
        if str(home.root) in words:
            found.append(words)
    return found


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

    def silent() -> bool:
        served = sum(index.served.values())
        time.sleep(1.5)  # fifteen pieces, where somebody still takes them
        return sum(index.served.values()) == served

    assert wait_until(silent, COMES_S)
    assert sum(index.served.values()) < len(wheel.data)


def test_an_old_one_moved_aside_by_a_killed_swap_is_put_back(
    home: Home, folder: Path, index: Index
) -> None:
    packs = install_first(home, folder, index)
    home.pack("tiny-pack").rename(home.packs / ".old-tiny-pack-0123abcd")
    (home.packs / ".new-tiny-pack-4567cdef").mkdir()
    assert packs.status("tiny-pack").state == "installed"
    assert value(packs) == 1.0
    assert leftovers(home) == []
