"""None fits: uv's own Python as a step with its size, fetched by our fetcher, installed without network."""

from __future__ import annotations

import hashlib
import io
import json
import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.fetch.settings import uv_environment
from dubwright.packs.manifest import Manifest, load_manifests
from dubwright.packs.toolchain import places
from dubwright.packs.toolchain.choice import fit
from dubwright.packs.toolchain.interpreter import Interpreters
from dubwright.packs.toolchain.managed import ESTIMATE_BYTES, install, offered
from dubwright.packs.toolchain.settings import choose_python
from dubwright.packs.toolchain.toolchain import (
    ToolchainState,
    asked,
    ensure_toolchain,
    is_ready,
    toolchain_state,
)
from dubwright_kit import Cancelled, Problem
from tests.packs.fake_python import fake_python, script
from tests.packs.fetching import Fetching, settings
from tests.packs.misbehaving import Misbehaving
from tests.packs.test_toolchain_choice import manifest_for

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64",
    reason="the list of builds made here is for Linux on x86_64",
)
KEY = "cpython-3.10.99-linux-x86_64-gnu"
FILE = "cpython-3.10.99+20990101-x86_64-unknown-linux-gnu-install_only_stripped.tar.gz"
RELEASE = "20990101"


def archive_of(files: Path) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz", compresslevel=1) as archive:
        archive.add(files, "python")
    return out.getvalue()


@pytest.fixture(scope="module")
def small_build(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A Python 3.10.99 that is a script, as builds are packed."""
    root = tmp_path_factory.mktemp("build") / "python"
    # Where it will be is not known here: the base is found from $0, as a real one does.
    path = fake_python(root / "bin" / "python3.10", "3.10.99")
    path.write_text(path.read_text().replace(str(path), "'\"$0\"'"))
    library = root / "lib" / "python3.10"
    library.mkdir(parents=True)
    # uv writes the new place into this file, and refuses a build without it.
    header = "# system configuration generated and used by the sysconfig module\n"
    (library / "_sysconfigdata__linux_x86_64-linux-gnu.py").write_text(
        f"{header}build_time_vars = {{}}\n"
    )
    return archive_of(root)


@dataclass
class World:
    """A machine without a Python that fits, an index of builds and the server with them."""

    home: Home
    served: Misbehaving
    manifests: dict[str, Manifest]
    uv: Path
    fetching: Fetching

    def state(self) -> ToolchainState:
        return toolchain_state(self.home, self.manifests, ["tiny-pack"])

    @property
    def log(self) -> Path:
        self.home.root.mkdir(parents=True, exist_ok=True)
        return self.home.root / "log.txt"

    def ensure(self) -> ToolchainState:
        with self.log.open("a") as file:
            return ensure_toolchain(
                self.home,
                self.manifests,
                ["tiny-pack"],
                self.fetching.fetcher,
                file,
                self.fetching.states.append,
                lambda state: None,
            )


def offer(folder: Path, data: bytes, monkeypatch: pytest.MonkeyPatch, mirror: str) -> None:
    """Let uv's list hold one build, which lies on ``mirror``."""
    listed = folder / "builds.json"
    entry = {
        "name": "cpython",
        "arch": {"family": "x86_64", "variant": None},
        "os": "linux",
        "libc": "gnu",
        "major": 3,
        "minor": 10,
        "patch": 99,
        "prerelease": "",
        "variant": None,
        "url": "https://github.com/astral-sh/python-build-standalone/releases/download/"
        f"{RELEASE}/{FILE.replace('+', '%2B')}",
        "sha256": hashlib.sha256(data).hexdigest(),
        "build": RELEASE,
    }
    listed.write_text(json.dumps({KEY: entry}))
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", listed.as_uri())
    monkeypatch.setenv("UV_PYTHON_INSTALL_MIRROR", mirror)


@pytest.fixture
def world(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uv: Path, small_build: bytes
) -> Iterator[World]:
    for name in list(os.environ):
        if name.startswith(("UV_", "PIP_")) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DUBWRIGHT_UV", str(uv))
    monkeypatch.setattr(Interpreters, "host", lambda self: None)
    monkeypatch.setattr(places, "_unix", lambda version: iter(()))
    monkeypatch.setattr(places.Places, "_of_uv", lambda self: [])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("HOME", str(tmp_path))
    home = Home.find(tmp_path / "the home")
    manifest = manifest_for(tmp_path / "tiny_pack", "3.10", "3.12")
    manifests = {**load_manifests(), "tiny-pack": manifest}
    with Misbehaving() as served:
        served.add(RELEASE, small_build)
        offer(tmp_path, small_build, monkeypatch, f"{served.root}/files")
        yield World(home, served, manifests, uv, Fetching(tmp_path / "store", settings(served)))


def test_what_would_be_fetched_is_known_with_its_hash_and_without_a_connection(
    world: World, small_build: bytes
) -> None:
    state = world.state()
    (build,) = state.builds
    assert (build.version, build.key, build.name, build.release, build.minor) == (
        ("3.10.99", KEY, FILE, RELEASE, "3.10")
    )
    assert build.sha256 == hashlib.sha256(small_build).hexdigest()
    assert build.url.startswith(f"{world.served.root}/files/{RELEASE}/")
    assert not state.ready
    assert state.download_bytes == ESTIMATE_BYTES
    assert state.steps[1] == (
        "fetch Python 3.10.99 (about 30 MB; asked exactly with --refresh) for tiny-pack, "
        "because none that fits is on this machine"
    )
    assert world.served.asked == []
    exact = asked(state, world.fetching.connections)
    assert exact.download_bytes == len(small_build)
    assert f"{len(small_build):,} B" in exact.steps[1]


def test_it_is_fetched_once_installed_and_found(world: World, small_build: bytes) -> None:
    state = world.ensure()
    (found,) = (one.interpreter for one in state.pythons)
    assert found is not None
    assert found.version == "3.10.99"
    assert found.path.is_relative_to(world.home.pythons)
    assert state.ready
    assert state.builds == ()
    assert state.fetched == {FILE: hashlib.sha256(small_build).hexdigest()}
    assert state.distributions["python tiny-pack"] == "3.10.99"
    assert state.distributions["uv"]
    assert world.served.sent[RELEASE] == len(small_build)
    assert not list(world.home.pythons.glob(".mirror-*"))
    choice = fit(world.manifests["tiny-pack"], Interpreters.of(world.home))
    assert choice is not None
    assert choice.interpreter == found
    again = world.ensure()
    assert again.fetched == {}
    assert world.served.sent[RELEASE] == len(small_build)


def test_a_download_that_breaks_is_gone_on_with(world: World, small_build: bytes) -> None:
    world.served.fail(RELEASE, "status", 404)
    with pytest.raises(Problem):
        world.ensure()
    assert not world.state().ready
    world.served.faults.clear()
    assert world.ensure().ready


def test_stopping_it_leaves_nothing_half_installed(world: World, small_build: bytes) -> None:
    state = world.state()
    (fetched,) = world.fetching.fetch(state.builds[0].wanted())

    def stop(_: object) -> None:
        raise Cancelled("")

    with world.log.open("w") as log, pytest.raises(Cancelled):
        install(state.builds[0], fetched.path, world.home, world.uv, uv_environment(), log, stop)
    assert not list(world.home.pythons.glob(".mirror-*"))
    assert world.ensure().ready
    assert world.served.sent[RELEASE] == len(small_build)


def test_uv_refuses_another_file(world: World) -> None:
    build = world.state().builds[0]
    other = world.log.with_name("other.tar.gz")
    other.write_bytes(archive_of(Path(__file__)))
    with world.log.open("w") as log, pytest.raises(Problem) as caught:
        install(build, other, world.home, world.uv, uv_environment(), log, lambda state: None)
    assert caught.value.code == "pack-no-interpreter"
    assert build.sha256 in caught.value.detail


def test_a_list_on_a_server_is_said_not_to_be_known_offline(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_PYTHON_DOWNLOADS_JSON_URL", f"{world.served.root}/files/builds.json")
    state = world.state()
    assert state.builds == ()
    assert "cannot be read offline" in state.steps[1]
    assert world.served.asked == []
    with pytest.raises(Problem) as caught:
        world.ensure()
    assert caught.value.code == "pack-no-interpreter"
    assert "3.10" in caught.value.message
    assert "tiny-pack" in caught.value.message


def test_a_version_that_uv_does_not_have_is_not_offered(world: World) -> None:
    assert offered(world.uv, "3.7", uv_environment()) is None
    assert offered(world.home.root / "nothing", "3.10", uv_environment()) is None


def test_nothing_is_fetched_where_every_pack_has_a_python(world: World, tmp_path: Path) -> None:
    fake_python(tmp_path / "bin" / "python3.12", "3.12.4")
    state = world.ensure()
    assert state.ready
    assert state.steps[1:] == (f"tiny-pack: Python 3.12.4 ({tmp_path}/bin/python3.12)",)
    assert world.served.asked == []


def test_ready_needs_uv_and_a_python_for_each_ticked_pack(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_ready(world.home, world.manifests)
    fake_python(tmp_path / "bin" / "python3.11", "3.11.4")
    fake_python(tmp_path / "bin" / "python3.12", "3.12.4")
    assert is_ready(world.home, world.manifests)
    choose_python(world.home, "tiny-pack", "3.10")
    assert not is_ready(world.home, world.manifests)
    choose_python(world.home, "tiny-pack", "")
    nowhere = Home.find(world.home.root, {"DUBWRIGHT_UV": str(tmp_path / "nothing")})
    assert not is_ready(nowhere, world.manifests)
    mute = script(tmp_path / "uv", "exit 1")
    broken = Home.find(world.home.root, {"DUBWRIGHT_UV": str(mute)})
    assert "does not answer" in toolchain_state(broken, world.manifests, ["tiny-pack"]).why


@pytest.fixture(scope="module")
def real_3_10() -> Path:
    """The folder of a whole Python 3.10 of this machine."""
    for found in Interpreters().find(["3.10"]):
        folder = found.path.resolve().parent.parent
        if (folder / "lib" / "python3.10" / "os.py").exists() and folder != Path("/usr"):
            return folder
    pytest.skip("there is no Python 3.10 to pack")


@pytest.mark.slow
def test_a_real_build_makes_environments(
    real_3_10: Path, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real Python in that layout: installed, then an environment is made with it."""
    skipped = ("test", "idlelib", "tkinter", "lib2to3", "__pycache__", "site-packages", "*.a")
    ignored = shutil.ignore_patterns(*skipped)
    shutil.copytree(real_3_10, tmp_path / "python", symlinks=True, ignore=ignored)
    data = archive_of(tmp_path / "python")
    world.served.add(RELEASE, data)
    offer(tmp_path, data, monkeypatch, f"{world.served.root}/files")
    (found,) = (one.interpreter for one in world.ensure().pythons)
    assert found is not None
    env = tmp_path / "env"
    subprocess.run([world.uv, "venv", "-q", "--python", found.path, env], check=True)
    said = subprocess.run(
        [env / "bin" / "python", "-c", "import sys, json, sqlite3; print(sys.base_prefix)"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert str(world.home.pythons) in said.stdout
