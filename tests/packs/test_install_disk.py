"""Disks that fill in the middle, folders that cannot be written, packs and cache on different disks."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.installing.steps import InstallEvent
from dubwright_kit import Problem
from tests.packs.loopback import RUNNING
from tests.packs.test_install_faults import WEIGHTS, WHEEL, Scene, scene, served
from tests.packs.tiny import leftovers, value

__all__ = ["scene", "served"]  # fixtures

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="mounts small disks")

PLACES = {
    "downloads": lambda home: home.downloads,
    "unpacked": lambda home: home.uv_cache,
    "packs": lambda home: home.packs,
}
LEFT_BYTES = 300_000
"""Less than the weights have, and than the large wheel."""


def mount(*words: str | Path) -> None:
    done = subprocess.run(["mount", *map(str, words)], capture_output=True, check=False)
    if done.returncode != 0:
        pytest.skip("nothing can be mounted here (needs root)")


@pytest.fixture
def place(request: pytest.FixtureRequest, home: Home) -> Iterator[Path]:
    """A small disk of its own at one of the folders that an install writes to."""
    folder = PLACES[request.param](home)
    folder.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", "size=48m", "tmpfs", folder)
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path, left_bytes: int = LEFT_BYTES) -> None:
    """What another program writes meanwhile."""
    with (folder / "ballast").open("wb") as file:
        file.write(bytes(shutil.disk_usage(folder).free - left_bytes))


@pytest.mark.parametrize(
    ("place", "step"),
    [
        ("downloads", "download"),
        ("unpacked", "install"),
        ("packs", "install"),
        ("packs", "prepare"),
    ],
    ids=["cache of downloads", "cache of unpacked files", "environment", "models"],
    indirect=["place"],
)
def test_a_disk_that_fills_in_the_middle(place: Path, step: str, scene: Scene) -> None:
    def watch(event: InstallEvent) -> None:
        scene.events.append(event)
        if event.step == step and not (place / "ballast").exists():
            fill(place)

    with pytest.raises(Problem) as caught:
        scene.packs.install(["tiny-pack"], events=watch)
    problem = caught.value
    assert problem.code == "pack-disk-full"
    assert str(place) in problem.message
    assert problem.next_action is not None
    assert (problem.next_action.verb, problem.next_action.args) == (
        "packs install",
        {"_": ["tiny-pack"]},
    )
    assert scene.events[-1].step == step
    assert "failed: pack-disk-full" in scene.packs.log("tiny-pack")
    scene.is_clean()
    assert value(scene.packs) == 1.0

    (place / "ballast").unlink()
    scene.works()
    sizes = {name: len(data) for name, data in scene.served.files.items()}
    if step == "download":  # what did not fit had been sent all the same
        assert scene.served.sent[WEIGHTS] <= 2 * sizes[WEIGHTS] - LEFT_BYTES * 9 // 10
    else:
        assert scene.served.sent[WEIGHTS] == sizes[WEIGHTS]
    assert scene.served.sent[WHEEL] == sizes[WHEEL]


@pytest.mark.parametrize("place", ["packs"], indirect=True)
def test_a_disk_without_room_for_the_log(place: Path, scene: Scene) -> None:
    def watch(event: InstallEvent) -> None:
        if not (place / "ballast").exists():
            fill(place, 0)

    with pytest.raises(Problem) as caught:
        scene.packs.install(["tiny-pack"], events=watch)
    assert caught.value.code == "pack-disk-full"
    assert str(place) in caught.value.message
    scene.is_clean()
    assert value(scene.packs) == 1.0
    (place / "ballast").unlink()
    scene.works()


@pytest.mark.parametrize("name", PLACES)
def test_a_folder_that_cannot_be_written(name: str, scene: Scene) -> None:
    folder = PLACES[name](scene.home)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".tmp0815").touch()  # as a killed uv leaves it, which cannot be removed now
    mount("--bind", folder, folder)
    try:
        mount("-o", "remount,bind,ro", folder)
        with pytest.raises(Problem) as caught:
            scene.install()
        problem = caught.value
        assert problem.code == "pack-not-writable"
        assert str(folder) in problem.message
        assert problem.next_action is not None
        assert problem.next_action.verb == "packs install"
        assert scene.served.asked == [], "before the first byte"
        assert leftovers(scene.home) == []
        assert value(scene.packs) == 1.0
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
    scene.works()


@pytest.mark.parametrize(
    "place", ["unpacked", "packs", "downloads"], indirect=True, ids=lambda name: name
)
def test_packs_and_caches_on_different_disks(place: Path, scene: Scene) -> None:
    scene.works()
    record = scene.packs.status("tiny-pack").record
    assert record is not None
    inside = "Lib" if sys.platform == "win32" else f"lib/python{RUNNING}"
    env = scene.home.pack("tiny-pack") / "env"
    ballast = env / inside / "site-packages" / "tiny_fit" / "ballast.bin"
    linked = place == scene.home.downloads
    assert (ballast.stat().st_nlink > 1) == linked, "copied where it cannot be linked"
    with contextlib.suppress(Problem):
        scene.packs.remove("tiny-pack")
    assert not scene.home.pack("tiny-pack").exists()
