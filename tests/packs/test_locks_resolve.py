"""Every shipped lock still resolves, for every platform and Python: asked of the configured index."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dubwright.packs.manifest import load_manifests
from dubwright.packs.wheels import Target, read_lock

ROOT = Path(__file__).resolve().parents[2]
LOCKED = [one.id for one in load_manifests().values() if one.lock_files]
OFFICIAL = load_manifests()["spleeter-tensorflow"]
REAL_BYTES = 100_000_000
"""The wheels called tensorflow that only point to others have some kilobytes."""


@pytest.mark.slow
@pytest.mark.parametrize("name", LOCKED)
def test_it_resolves(name: str, uv: Path) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "tools" / "lock_packs.py", "--check", name],
        env={**os.environ, "DUBWRIGHT_UV": str(uv)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", ["3.11", "3.10", "3.9", "3.8"])
@pytest.mark.parametrize(
    "platform",
    [
        Target((3, 11), "linux", "x86_64", "glibc", (2, 28)),
        Target((3, 11), "linux", "aarch64", "glibc", (2, 28)),
        Target((3, 11), "darwin", "arm64", "", (14, 0)),
        Target((3, 11), "darwin", "x86_64", "", (13, 0)),
        Target((3, 11), "win32", "x86_64"),
    ],
    ids=["linux", "linux-arm", "mac-arm", "mac", "windows"],
)
def test_the_official_spleeter_gets_one_real_tensorflow_everywhere(
    platform: Target, version: str
) -> None:
    (entry,) = (one for one in OFFICIAL.locks if version in one.python)
    wheels = read_lock(OFFICIAL.folder / entry.file).choose(platform.with_python(version))
    assert wheels is not None
    engines = [
        one for one in wheels if one.name.startswith("tensorflow") and "estimator" not in one.name
    ]
    assert len(engines) == 1
    assert engines[0].size_bytes > REAL_BYTES
    projects = [one.name.partition("-")[0] for one in wheels]
    assert len(projects) == len(set(projects))
    assert not [one for one in projects if "gcs" in one]
    assert {"spleeter", "numpy", "httpx", "h2", "norbert", "pandas"} <= set(projects)
