"""The official Spleeter in an environment made by hand, for what only TensorFlow can do."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.manifest import load_manifests
from dubwright.packs.record import env_python
from dubwright.packs.toolchain.interpreter import find_uv
from tests.packs.test_wall_pythons import interpreter

OFFICIAL = Path(__file__).parent / "spleeter_official.py"
"""What the Python of that environment runs."""


@pytest.fixture(scope="session")
def official_python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its Python, from the pack's own lock. One for the whole run; skips where no index is."""
    folder = tmp_path_factory.mktemp("official")
    uv = find_uv(Home.find(folder / "unused"))
    python = env_python(folder)
    lock = load_manifests()["spleeter-tensorflow"].folder / "lock.txt"
    commands: list[list[str | Path]] = [
        [uv, "venv", "-q", "-p", interpreter("3.11"), folder / "env"],
        [uv, "pip", "install", "-q", "-p", python, "--no-deps", "--require-hashes", "-r", lock],
    ]
    for command in commands:
        made = subprocess.run(command, capture_output=True, text=True, check=False)
        if "error sending request" in made.stderr or "dns error" in made.stderr:
            pytest.skip("the index cannot be reached from here")
        assert made.returncode == 0, made.stderr
    return python
