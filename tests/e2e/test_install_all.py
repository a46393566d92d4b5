"""``packs install --all`` on an empty home, from a server on this machine that has the real wheels."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dubwright.home import Home
from dubwright.media.wav import WavWriter
from dubwright.packs.manifest import load_manifests
from dubwright.packs.planning.order import ticked
from dubwright.packs.record import tree_bytes
from tests.cli.program import Program
from tests.e2e.mirror import OwnWeights, mirror
from tests.e2e.running import assert_nobody_left, without_network
from tests.packs.misbehaving import Misbehaving

pytestmark = pytest.mark.slow

ARCHIVE = "2stems.tar.gz"
SHIPPED = load_manifests()
TICKED = ticked(SHIPPED)
STAGED = [name for name in TICKED if SHIPPED[name].kind == "backend"]
RATE_HZ = 44100


def disk_bytes(home: Path) -> int:
    """What packs and downloads take together: environments are hard links into the cache."""
    return tree_bytes(home) - tree_bytes(home / "db") - tree_bytes(home / "jobs")


def records(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The packs of ``diagnostics --json`` by name."""
    return {one["name"]: one for one in document["packs"]}


def test_every_ticked_pack_ends_ready(
    tmp_path: Path, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = Program(tmp_path / "home")
    weights = OwnWeights.make(tmp_path / "checkpoint")
    with Misbehaving() as served:
        mirror(served, wheels, Home.find(tmp_path / "elsewhere"), TICKED)
        served.add(ARCHIVE, weights.data)
        own = weights.pack(
            SHIPPED["spleeter"].folder, tmp_path / "spleeter", served.file_url(ARCHIVE)
        )
        for name in list(os.environ):
            if name.startswith(("UV_", "PIP_")) or name.lower().endswith("_proxy"):
                monkeypatch.delenv(name)
        monkeypatch.setenv("UV_DEFAULT_INDEX", served.url)
        monkeypatch.setenv("DUBWRIGHT_PACKS", str(own))
        bill = the_bill(program, served)
        install(program, served, bill)
        again(program, served)
    # The server is gone, and so is every network: what was installed is all that is needed.
    work_without_network(program, tmp_path)
    assert_nobody_left(program.home)


def the_bill(program: Program, served: Misbehaving) -> dict[str, Any]:
    """It lists the plan, and asking the servers changes nothing of it."""
    bill: dict[str, Any] = program.ok("packs", "plan")
    assert served.asked == []
    assert [one["name"] for one in bill["packs"] if one["ticked"]] == TICKED
    assert not any(one["installed"] or one["blocked"] for one in bill["packs"])
    assert bill["download_bytes"] == sum(map(len, served.files.values()))
    asked = program.ok("packs", "plan", *TICKED, "--refresh")
    assert asked["asked"]
    assert [one for pack in asked["packs"] for one in pack["files"] if one["note"]] == []
    assert asked["download_bytes"] == bill["download_bytes"]
    assert asked["disk_bytes"] == bill["disk_bytes"]
    assert asked["rate_bytes_s"] > 0
    return bill


def install(program: Program, served: Misbehaving, bill: dict[str, Any]) -> None:
    """Every pack is ready, cost what the bill said, and the diagnostics have it all."""
    before, disk_before = program.ok("diagnostics"), disk_bytes(program.home)
    served.heal()
    done = program.ok("packs", "install", "--all", "--yes")
    assert {one["name"]: one["state"] for one in done["packs"]} == dict.fromkeys(
        TICKED, "installed"
    )
    # Each byte once, and not one more than the bill said.
    assert dict(served.sent) == {name: len(data) for name, data in served.files.items()}
    assert sum(served.sent.values()) == bill["download_bytes"]
    for one in done["packs"]:
        if one["estimated_disk_bytes"]:
            assert one["disk_bytes"] == pytest.approx(one["estimated_disk_bytes"], rel=0.05), one
    grown = disk_bytes(program.home) - disk_before
    assert grown == pytest.approx(bill["disk_bytes"], rel=0.05)

    after = program.ok("diagnostics")
    assert after["versions"] == before["versions"]
    assert after["toolchain"]["uv_version"]
    assert before["toolchain"]["pythons"] == {}
    assert after["toolchain"]["pythons"]
    packs = records(after)
    for name in TICKED:
        assert records(before)[name]["state"] == "available"
        assert packs[name]["state"] == "installed", packs[name]
        assert packs[name]["installed_at"] > 0
        assert (packs[name]["canary"] is not None) == (name in STAGED)
    assert sum(packs[name]["download_bytes"] for name in TICKED) == bill["download_bytes"]
    more = {
        kind: after["storage"][kind] - before["storage"][kind]
        for kind in after["storage"]
        if kind.endswith("_bytes")
    }
    installed = sum(packs[name]["disk_bytes"] for name in TICKED)
    assert more["packs_bytes"] == pytest.approx(installed, rel=0.01)  # and logs and records
    assert more["downloads_bytes"] == pytest.approx(bill["download_bytes"], rel=0.001)
    assert more["cache_bytes"] >= more["downloads_bytes"] + more["uv_cache_bytes"]


def again(program: Program, served: Misbehaving) -> None:
    """Nothing is asked for, nothing is built."""
    served.heal()
    # The tools are looked at each time: a Python may have gone since.
    built = [name for name in TICKED if SHIPPED[name].kind != "toolchain"]
    written = {name: written_at(program, name) for name in built}
    done = program.ok("packs", "install", "--all", "--yes")
    assert {one["state"] for one in done["packs"]} == {"installed"}
    assert served.asked == []
    assert {name: written_at(program, name) for name in built} == written


def written_at(program: Program, name: str) -> int:
    return (program.home / "packs" / name / "record.json").stat().st_mtime_ns


def work_without_network(program: Program, tmp_path: Path) -> None:
    sound = tmp_path / "sound.wav"
    with WavWriter(sound, RATE_HZ, 2, "float32") as writer:
        noise = np.random.default_rng(1).standard_normal((4 * RATE_HZ, 2))
        writer.write((0.1 * noise).astype(np.float32))
    lines: list[tuple[str | Path, ...]] = [
        ("separate", sound, "--out", tmp_path / "stems"),
        *(("packs", "canary", name) for name in STAGED),
        *(("packs", "verify", name) for name in TICKED),
    ]
    for words in lines:
        outcome = without_network(program, *words, "--json")
        assert outcome.code == 0, (words, outcome)
    assert len(list((tmp_path / "stems").rglob("*.wav"))) == 2
    demo = without_network(program, "demo", "--json")
    assert demo.code == 0, demo
    assert Path(demo.json["film"]).stat().st_size > 100_000
