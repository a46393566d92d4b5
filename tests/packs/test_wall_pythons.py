"""Guests on other interpreters than the host's: the kit runs from Python 3.8 on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.packs.echo_wall import echo_wall, lines


def interpreter(version: str) -> Path:
    """Return python ``version`` from PATH or pyenv's folder; skips the test when there is none."""
    own = Path(sys.executable).parent  # the tests' own environment, which holds the program
    folders = [one for one in os.get_exec_path() if Path(one) != own]
    candidates = [shutil.which(f"python{version}", path=os.pathsep.join(folders))]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    candidates += [str(p) for p in sorted(pyenv.glob(f"{version}.*/bin/python"))]
    for candidate in filter(None, candidates):
        probe = subprocess.run(
            [candidate, "--version"], capture_output=True, text=True, check=False
        )
        if f"{version}." in probe.stdout:
            return Path(candidate)
    pytest.skip(f"no Python {version} on this machine")


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10", "3.12", "3.13"])
def test_a_guest_of_its_own_environment(tmp_path: Path, version: str) -> None:
    python = interpreter(version)
    with echo_wall(tmp_path, python) as wall:
        ask = lines("!python", "!garbage", "!raw_connect 127.0.0.1 9", "!imports dubwright", "é")
        result = wall.call("echo", ask)
        assert result.done.lines[0].startswith(f"{version}.")
        assert result.done.lines[1:] == ("survived", "PermissionError", "no", "É")
        assert len(result.blocked) == 1
        assert result.peak_rss_bytes > 1_000_000
        again = wall.call("echo", lines("warm"))
        assert again.done.lines == ("WARM",)
