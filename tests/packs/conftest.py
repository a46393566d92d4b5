"""A real uv, an index on the loopback interface, and a home that knows nothing else."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.toolchain.interpreter import find_uv
from dubwright_kit import Problem
from tests.packs.loopback import Index, fit_wheel, own_pack
from tests.packs.spleeter_environment import official_python
from tests.packs.tiny import measured

__all__ = ["official_python"]  # a fixture for more than one file


@pytest.fixture(scope="session")
def uv() -> Path:
    try:
        return find_uv(Home.find("unused"))
    except Problem:
        pytest.skip("uv is not here (dev.py brings it)")


def connect(patch: pytest.MonkeyPatch, served: Index, cache: Path, uv: Path) -> None:
    """Let uv see ``served`` and nothing else of this machine's settings."""
    for name in list(os.environ):
        if name.startswith(("UV_", "PIP_")) or name.lower().endswith("_proxy"):
            patch.delenv(name)
    patch.setenv("UV_CACHE_DIR", str(cache))
    patch.setenv("UV_HTTP_RETRIES", "0")
    patch.setenv("UV_DEFAULT_INDEX", served.url)
    patch.setenv("DUBWRIGHT_UV", str(uv))


@pytest.fixture(scope="session")
def version_1(tmp_path_factory: pytest.TempPathFactory, uv: Path) -> Path:
    """The folder of an installed version 1, to be copied: environments can be moved."""
    root = tmp_path_factory.mktemp("version-1")
    with pytest.MonkeyPatch.context() as patch, Index([fit_wheel("1.0", 1)]) as served:
        connect(patch, served, root / "cache", uv)
        home = Home.find(root / "home")
        Packs(home, [own_pack(root / "tiny_pack", served.wheels[0])]).install(["tiny-pack"])
    return home.pack("tiny-pack")


@pytest.fixture
def index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uv: Path, version_1: Path
) -> Iterator[Index]:
    with Index(installed=version_1) as served:
        connect(monkeypatch, served, tmp_path / "uv cache", uv)
        yield served


@pytest.fixture
def home(tmp_path: Path, index: Index) -> Home:
    return measured(Home.find(tmp_path / "the home"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "more packs" / "tiny_pack"
