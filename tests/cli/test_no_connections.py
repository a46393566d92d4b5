"""Nothing but ``packs install`` and ``packs plan --refresh`` connects, whatever is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from dubwright.home import Home
from tests.cli.program import Program
from tests.e2e.running import without_network
from tests.e2e.test_offline import HOOK
from tests.media import clips
from tests.packs.conftest import home, index, uv, version_1
from tests.packs.loopback import Index, fit_wheel, own_pack
from tests.packs.misbehaving import Misbehaving
from tests.packs.tiny import install_first, measured
from tests.patience import COMES_S

__all__ = ["home", "index", "uv", "version_1"]  # fixtures

QUIET = (
    ("--help",),
    ("packs",),
    ("packs", "plan"),
    ("packs", "plan", "tiny-pack"),
    ("packs", "licences"),
    ("packs", "verify", "tiny-pack"),
    ("diagnostics",),
    ("items",),
    ("jobs",),
)


@dataclass(frozen=True)
class Place:
    """A home with an installed pack, an outdated one; its index notes whoever asks, also uv itself."""

    program: Program
    served: Misbehaving
    film: Path

    def seen_by(self, seen: Path) -> list[str]:
        lines = seen.read_text().splitlines()
        assert lines[0] == "hooked"
        return [line for line in lines if line != "hooked"]


@pytest.fixture
def place(
    program: Program, tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Place]:
    folder = tmp_path / "packs" / "tiny_pack"
    install_first(measured(Home.find(program.home)), folder, index)
    own_pack(folder, fit_wheel("1.0", 1))
    other = own_pack(tmp_path / "packs" / "other_pack", fit_wheel("2.0", 2))
    monkeypatch.setenv("DUBWRIGHT_PACKS", os.pathsep.join((str(folder), str(other))))
    with Misbehaving() as served:
        monkeypatch.setenv("UV_DEFAULT_INDEX", served.url)
        film = clips.write_film(tmp_path / "film.mp4", clips.Film(seconds=2.0))
        yield Place(program, served, film)


@pytest.fixture
def seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every Python process from now on writes what it asks of the network into this file."""
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(HOOK)
    path = [str(site), *filter(None, [os.environ.get("PYTHONPATH")])]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path))
    monkeypatch.setenv("SEEN", str(tmp_path / "seen.txt"))
    return tmp_path / "seen.txt"


def test_looking_connects_to_nothing(place: Place, seen: Path) -> None:
    for words in QUIET:
        outcome = place.program.run(*words)
        assert outcome.code == 0, (words, outcome)
        assert place.seen_by(seen) == [], words
    assert place.served.asked == []


def test_a_worker_and_its_job_connect_to_nothing(place: Place, seen: Path) -> None:
    worked([sys.executable], place)
    assert place.seen_by(seen) == []
    assert place.served.asked == []


def test_an_install_connects(place: Place, seen: Path) -> None:
    """Else the tests above would prove nothing."""
    outcome = place.program.run("packs", "install", "other-pack", "--json")
    assert outcome.code == 1
    assert [one for one in place.seen_by(seen) if "socket.connect" in one]
    assert {one.name for one in place.served.asked} == {"/simple/tiny-fit/"}


def test_without_a_network_all_but_installing_works(place: Place) -> None:
    for words in QUIET:
        outcome = without_network(place.program, *words)
        assert outcome.code == 0, (words, outcome)
    worked(["unshare", "-n" if os.getuid() == 0 else "-rn", sys.executable], place)


def test_an_install_without_a_network_says_so_soon(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_HTTP_RETRIES")
    begun = time.monotonic()
    outcome = without_network(place.program, "packs", "install", "other-pack", "--json")
    assert time.monotonic() - begun < COMES_S, "it was not tried for minutes"
    assert outcome.code == 1
    problem = outcome.problem
    assert problem["code"] == "pack-no-network"
    assert f"no connection to {place.served.root.removeprefix('http://')}" in problem["message"]
    assert problem["next_action"]["label"] == "install again when the network is back"
    (parent,) = [job for job in place.program.ok("jobs")["jobs"] if job["type"] == "install_packs"]
    assert parent["state"] == "failed"
    assert "pack-no-network" in place.program.run("packs", "log", "other-pack").out
    assert place.program.ok("packs")["packs"]


def worked(python: list[str], place: Place) -> None:
    """Start a worker with ``python``, give it a job, and stop it when that is done."""
    program = place.program
    item = program.ok("add", place.film)["items"][0]["id"]
    worker = subprocess.Popen(
        [*python, "-m", "dubwright.cli.main", "worker"],
        env={**os.environ, "DUBWRIGHT_HOME": str(program.home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        job = program.ok("run", "separate_audio_builtin", item, "--detach")["job"]
        until = time.monotonic() + COMES_S
        states = {"queued"}
        while states & {"queued", "running"}:
            assert worker.poll() is None
            assert time.monotonic() < until, states
            time.sleep(0.2)
            states = {one["state"] for one in program.ok("jobs")["jobs"] if one["id"] == job}
        assert states == {"done"}
    finally:
        worker.terminate()
        worker.wait(COMES_S)
