"""Installs with a real uv from an index on the loopback interface: what is built, and what goes wrong."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.installing.steps import InstallEvent
from dubwright.packs.record import read_record, tree_bytes
from dubwright_kit import Problem
from tests.packs.loopback import Index, fit_wheel, own_pack, tiny_wheel, write_lock
from tests.packs.tiny import install_first, leftovers, value


def test_the_plan_is_what_is_downloaded_and_what_is_installed_works(
    home: Home, folder: Path, index: Index
) -> None:
    wheel = fit_wheel("1.0", 1, 300_000)
    index.wheels.append(wheel)
    packs = Packs(home, [own_pack(folder, wheel)])
    assert packs.status("tiny-pack").state == "available"
    (plan,) = packs.plan(["tiny-pack"])
    assert (plan.download_bytes, plan.unpacked_bytes) == (len(wheel.data), wheel.unpacked_bytes)
    assert not plan.installed
    assert index.served == {}, "a plan downloads nothing"

    events: list[InstallEvent] = []
    reports: list[tuple[float, float | None]] = []
    (status,) = packs.install(
        ["tiny-pack"],
        report=lambda done, total=None, note="": reports.append((done, total)),
        events=events.append,
    )
    assert status.state == "installed"
    assert sum(index.served.values()) == plan.download_bytes
    assert [event.step for event in events][-1] == "done"
    assert {"resolve", "install", "check"} <= {event.step for event in events}
    assert reports == sorted(reports)
    assert reports[-1] == (1.0, 1)

    record = status.record
    assert record is not None
    assert record.distributions == {"tiny-fit": "1.0"}
    assert abs(record.disk_bytes - plan.disk_bytes) < 0.2 * plan.disk_bytes
    on_disk = tree_bytes(home.pack("tiny-pack"))
    assert abs(on_disk - record.disk_bytes) < 5_000, "only record.json came after the measuring"
    assert value(packs) == 1.0
    assert "ready" in packs.log("tiny-pack")
    assert leftovers(home) == []


def test_installing_again_does_nothing_and_removing_frees(
    home: Home, folder: Path, index: Index
) -> None:
    wheel = fit_wheel("1.0", 1)
    index.wheels.append(wheel)
    packs = Packs(home, [own_pack(folder, wheel)])
    packs.install(["tiny-pack"])
    made_at = (home.pack("tiny-pack") / "record.json").stat().st_mtime_ns
    index.faults[wheel.name] = "404"
    log = packs.log("tiny-pack")
    packs.install(["tiny-pack"])
    assert (home.pack("tiny-pack") / "record.json").stat().st_mtime_ns == made_at
    assert packs.log("tiny-pack") == log != ""
    assert packs.plan(["tiny-pack"])[0].installed
    assert packs.remove("tiny-pack") > 0
    assert packs.status("tiny-pack").state == "available"
    assert packs.remove("tiny-pack") == 0
    assert leftovers(home) == []


def test_an_update_replaces_and_changes_the_identity(
    home: Home, folder: Path, index: Index
) -> None:
    packs = install_first(home, folder, index)
    old = packs.status("tiny-pack")
    assert (old.state, old.outdated) == ("installed", True)
    assert "update" in old.why
    (new,) = packs.install(["tiny-pack"])
    assert new.version != old.version
    assert not new.outdated
    assert value(packs) == 2.0


@pytest.mark.parametrize(
    "setting", ['[tool.uv]\nrequired-version = "==0.0.1"', '[tool.uv.pip]\ntarget = "elsewhere"']
)
def test_uv_settings_of_other_projects_do_not_count(
    home: Home, folder: Path, index: Index, tmp_path: Path, setting: str
) -> None:
    (tmp_path / "pyproject.toml").write_text(setting + "\n", "utf-8")
    wheel = fit_wheel("1.0", 1)
    index.wheels.append(wheel)
    packs = Packs(home, [own_pack(folder, wheel)])
    packs.install(["tiny-pack"])
    assert value(packs) == 1.0
    assert not list(tmp_path.rglob("elsewhere"))


def test_an_update_takes_away_the_downloads_of_the_old_one(
    home: Home, folder: Path, index: Index
) -> None:
    first, second = fit_wheel("1.0", 1, 1000), fit_wheel("2.0", 2, 1000)
    index.wheels += [first, second]
    Packs(home, [own_pack(folder, first)]).install(["tiny-pack"])
    packs = Packs(home, [own_pack(folder, second)])
    packs.install(["tiny-pack"])
    assert [path.name for path in home.downloads.glob("files/*/*/*.whl")] == [second.name]
    assert value(packs) == 2.0


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("404", "pack-not-on-index"),
        ("503", "pack-index-down"),
        ("truncated", "pack-broken-download"),
        ("damaged", "pack-hash-mismatch"),
        ("other", "pack-hash-mismatch"),
    ],
)
def test_a_failed_update_says_why_and_the_old_one_still_works(
    home: Home, folder: Path, index: Index, fault: str, code: str
) -> None:
    packs = install_first(home, folder, index, 200_000)
    index.faults[index.wheels[1].name] = fault
    with pytest.raises(Problem) as caught:
        packs.install(["tiny-pack"])
    assert caught.value.code == code
    assert caught.value.next_action is not None
    assert caught.value.next_action.verb == "packs install"
    assert caught.value.next_action.args == {"_": ["tiny-pack"]}
    assert caught.value.detail
    assert leftovers(home) == []
    assert code in packs.log("tiny-pack")
    assert value(packs) == 1.0
    index.faults.clear()
    packs.install(["tiny-pack"])
    assert value(packs) == 2.0


def test_no_network(
    home: Home, folder: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    packs = install_first(home, folder, index)
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")  # the discard port
    with pytest.raises(Problem) as caught:
        packs.install(["tiny-pack"])
    assert caught.value.code == "pack-no-network"
    assert packs.status("tiny-pack").state == "installed"


def test_a_pack_that_does_not_work_is_not_put_in_place(
    home: Home, folder: Path, index: Index
) -> None:
    wheel = tiny_wheel(
        "tiny-fit", "1.0", {"tiny_fit/__init__.py": b"raise OSError('no library')\n"}
    )
    index.wheels.append(wheel)
    packs = Packs(home, [own_pack(folder, wheel)])
    with pytest.raises(Problem) as caught:
        packs.install(["tiny-pack"])
    assert caught.value.code == "pack-check-failed"
    assert "no library" in caught.value.detail
    assert packs.status("tiny-pack").state == "available"
    assert leftovers(home) == []


def test_weights_are_converted_and_their_wheel_is_deleted(
    home: Home, tmp_path: Path, index: Index
) -> None:
    weights = bytes(range(256)) * 64
    wheel = tiny_wheel("tiny-weights", "3.1", {"tiny_weights/pretrained.bin": weights})
    index.wheels.append(wheel)
    folder = tmp_path / "more packs" / "weighty"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    (folder / "backend.py").write_text(
        """
from pathlib import Path

def prepare(folder, report):
    data = (Path(folder) / "source" / "tiny_weights" / "pretrained.bin").read_bytes()
    report(1, 2, "half")
    (Path(folder) / "model.bin").write_bytes(data[::-1])
""",
        "utf-8",
    )
    (folder / "pack.toml").write_text(
        """
id = "weighty"
title = "Weights only"
stage = "diarize"
env = "host"
licence = "Apache-2.0"

[[downloads]]
file = "weights.txt"
requirements = ["tiny-weights==3.1"]
title = "weights"
licence = "MIT"
""",
        "utf-8",
    )
    write_lock(folder, "weights.txt", wheel)
    packs = Packs(home, [folder])
    (status,) = packs.install(["weighty"])
    models = home.pack("weighty") / "models"
    assert [path.name for path in models.iterdir()] == ["model.bin"]
    assert (models / "model.bin").read_bytes() == weights[::-1]
    assert packs.resolve("weighty").python == Path(sys.executable)
    assert packs.resolve("weighty").models == models
    assert status.record is not None
    assert list(status.record.models) == ["model.bin"]

    (models / "model.bin").write_bytes(b"short")
    assert packs.status("weighty").state == "broken"
    with pytest.raises(Problem, match=r"model\.bin") as caught:
        packs.require("weighty")
    assert caught.value.code == "pack-broken"
    (again,) = packs.install(["weighty"])
    assert (again.state, again.version) == ("installed", status.version)


def test_too_little_room_is_said_before_the_first_byte(
    home: Home, folder: Path, index: Index
) -> None:
    wheel = fit_wheel("1.0", 1)
    index.wheels.append(wheel)
    packs = Packs(home, [own_pack(folder, wheel, claimed=10**16)])
    with pytest.raises(Problem) as caught:
        packs.install(["tiny-pack"])
    assert caught.value.code == "pack-disk-full"
    assert index.served == {}


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small tmpfs")
def test_a_disk_that_fills_in_the_middle(
    tmp_path: Path, folder: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(small)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode != 0:
        pytest.skip("a tmpfs cannot be mounted here (needs root)")
    try:
        monkeypatch.setenv("UV_CACHE_DIR", str(small / "cache"))
        home = Home.find(small / "home")
        packs = install_first(home, folder, index)
        second = fit_wheel("2.0", 2, 60_000_000)
        index.wheels[1] = second
        own_pack(folder, second, claimed=1000)
        packs = Packs(home, [folder])
        with pytest.raises(Problem) as caught:
            packs.install(["tiny-pack"])
        assert caught.value.code == "pack-disk-full"
        assert leftovers(home) == []
        assert value(packs) == 1.0
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)


def test_a_python_that_cannot_be_had(home: Home, folder: Path, index: Index) -> None:
    packs = Packs(home, [own_pack(folder, fit_wheel("1.0", 1), python="3.99")])
    (plan,) = packs.plan(["tiny-pack"])
    assert plan.managed_python == "3.99"
    assert "Python 3.99" in plan.steps[0]
    with pytest.raises(Problem, match=r"3\.99") as caught:
        packs.install(["tiny-pack"])
    assert caught.value.code == "pack-no-interpreter"
    assert leftovers(home) == []


def test_a_folder_that_cannot_be_written(tmp_path: Path, folder: Path, index: Index) -> None:
    wheel = fit_wheel("1.0", 1)
    (tmp_path / "file").write_text("not a folder")
    packs = Packs(Home.find(tmp_path / "file" / "home"), [own_pack(folder, wheel)])
    with pytest.raises(Problem) as caught:
        packs.install(["tiny-pack"])
    assert caught.value.code == "pack-not-writable"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["asr-pocketsphinx", "tts-preview", "diarization"])
def test_a_real_pack_installs_from_the_configured_index(
    name: str, tmp_path: Path, uv: Path
) -> None:
    packs = Packs(Home(tmp_path / "home", str(uv)))
    plan = packs.plan([name])[-1]
    try:
        status = packs.install([name])[-1]
    except Problem as problem:
        if problem.code in ("pack-no-network", "pack-not-on-index"):
            pytest.skip(f"no package index: {problem.message}")
        raise
    assert status.state == "installed"
    assert status.record is not None
    assert abs(status.disk_bytes - plan.disk_bytes) <= 0.05 * plan.disk_bytes
    document = json.loads((packs.resolve(name).models.parent / "record.json").read_text("utf-8"))
    assert document["name"] == name
    assert read_record(packs.resolve(name).models.parent) == status.record
