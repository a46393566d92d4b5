from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.jobs.engine import Jobs

ROOT = Path(__file__).resolve().parents[2]

WorkerStarter = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home.find(tmp_path / "home").prepare()


@pytest.fixture
def jobs(home: Home) -> Iterator[Jobs]:
    with Jobs(home) as engine:
        yield engine


@pytest.fixture
def start_worker(home: Home) -> Iterator[WorkerStarter]:
    """Start a worker process and return it once it is the worker; not ``ready``: without waiting."""
    started: list[subprocess.Popen[str]] = []

    def start(*, ready: bool = True) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.jobs.worker_process", str(home.root)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))},
        )
        started.append(process)
        assert process.stdout is not None
        if ready:
            assert process.stdout.readline() == "ready\n"
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
