"""The worker is killed while it installs: the old pack or the new one, and the next worker goes on."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from dubwright import Studio
from dubwright.home import Home
from tests.packs.conftest import folder, home, index, uv, version_1
from tests.packs.loopback import Index
from tests.packs.tiny import install_first, leftovers, value
from tests.patience import COMES_S

__all__ = ["folder", "home", "index", "uv", "version_1"]  # fixtures


def killed_worker(home: Home, after_s: float, studio: Studio) -> None:
    """Let a worker process begin, and kill it ``after_s`` after it became the worker."""
    process = subprocess.Popen(
        [sys.executable, "-m", "dubwright.cli.main", "worker"],
        env={**os.environ, "DUBWRIGHT_HOME": str(home.root)},
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + COMES_S
    while not studio.job_engine.worker_running():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(after_s)
    assert process.poll() is None, "another process was the worker: nothing was killed"
    process.kill()
    process.wait()


def finish(home: Home) -> None:
    """Let the open install end, with a worker that is gone afterwards: the next one is to be killed."""
    with Studio(home=home.root) as studio:
        studio.install_packs(["tiny-pack"]).wait()


def back_to_first(home: Home, index: Index) -> None:
    assert index.installed is not None
    shutil.rmtree(home.pack("tiny-pack"))
    shutil.copytree(index.installed, home.pack("tiny-pack"), symlinks=True)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is a POSIX signal")
@pytest.mark.parametrize("kills", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_killed_at_any_moment_the_old_or_the_new_one_is_there(
    home: Home,
    folder: Path,
    index: Index,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kills: int,
) -> None:
    temp = tmp_path / "temp"
    temp.mkdir()
    monkeypatch.setenv("TMPDIR", str(temp))
    monkeypatch.setenv("DUBWRIGHT_PACKS", str(folder))
    packs = install_first(home, folder, index, 400_000)
    index.pause_s = 0.1
    chance = random.Random(3)
    seen: set[float] = set()
    with Studio(home=home.root) as studio:
        for _ in range(kills):
            studio.install_packs(["tiny-pack"])  # the open job, or a new one
            killed_worker(home, chance.uniform(0.1, 3.0), studio)
            status = packs.status("tiny-pack")
            assert status.state == "installed"
            assert value(packs) == (1.0 if status.outdated else 2.0)
            seen.add(value(packs))
            if not status.outdated:
                finish(home)  # it may have been killed on the way out
                back_to_first(home, index)
        job = studio.install_packs(["tiny-pack"]).wait()
        assert job.state == "done"
        assert value(packs) == 2.0
    assert 1.0 in seen
    assert leftovers(home) == []
    assert list(temp.iterdir()) == []
