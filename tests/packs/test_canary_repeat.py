"""A repeated canary is kept: in the record of an installed pack, in the cache for the host's own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.care.canary import (
    known_canaries,
    known_canary,
    measure_unmeasured,
    repeat_canary,
    with_canary,
)
from dubwright.packs.catalog import Packs
from dubwright.packs.record import CanaryRun, read_record, write_record
from dubwright_kit import Cancelled, Problem
from tests.packs.echo_wall import ECHO
from tests.packs.loopback import Index
from tests.packs.tiny import install_first


def test_a_pack_of_the_host_is_remembered_in_the_cache(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    packs = Packs(home, [ECHO])
    echo = packs.manifest("echo")
    assert known_canary(home, echo) is None
    report = repeat_canary(home, packs, "echo")
    assert report.name == "echo"
    assert report.rtf == pytest.approx(report.run.wall_s / 2.0)
    assert known_canary(home, echo) == report.run
    assert known_canaries(home, packs) == {"echo": report.run}
    assert "canary" in packs.log("echo")
    assert not list(home.scratch.iterdir()) if home.scratch.exists() else True
    assert known_canary(home, replace(echo, version="2")) is None, "another version, other speed"
    (home.canaries / "echo.json").write_text("{}", "utf-8")
    assert known_canary(home, echo) is None


def test_what_was_never_measured_is_measured_once(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    packs = Packs(home, [ECHO])
    names = {"builtin", "echo", "fitter", "ingest", "mixer", "muxer"}
    assert set(with_canary(packs)) == names
    repeat_canary(home, packs, "echo")
    notes: list[str] = []
    done = measure_unmeasured(home, packs, lambda at, total=None, note="": notes.append(note))
    assert {one.name for one in done} == names - {"echo"}
    assert "testing builtin" in notes
    assert measure_unmeasured(home, packs) == ()


def test_a_canary_that_is_stopped_or_fails_is_not_kept(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    packs = Packs(home, [ECHO])
    with pytest.raises(Cancelled):
        repeat_canary(home, packs, "echo", cancelled=lambda: True)
    assert known_canaries(home, packs) == {}
    assert list(home.scratch.iterdir()) == []


def test_an_installed_pack_is_remembered_in_its_record(
    home: Home, folder: Path, index: Index
) -> None:
    packs = install_first(home, folder, index)
    toml = (folder / "pack.toml").read_text("utf-8")
    with_clip = toml.replace('imports = ["tiny_fit"],', 'imports = ["tiny_fit"], clip_s = 4.0,')
    (folder / "pack.toml").write_text(with_clip, "utf-8")
    packs = Packs(home, [folder])
    before = read_record(home.pack("tiny-pack"))
    assert before is not None
    report = repeat_canary(home, packs, "tiny-pack")
    after = read_record(home.pack("tiny-pack"))
    assert after == replace(before, canary=report.run)
    assert report.run.clip_s == 4.0
    assert known_canaries(home, packs)["tiny-pack"] == report.run
    assert packs.status("tiny-pack").state == "installed"


def test_a_canary_in_a_record_survives_being_written(tmp_path: Path, version_1: Path) -> None:
    record = read_record(version_1)
    assert record is not None
    measured = replace(record, canary=CanaryRun(1.0, 2.0, 3.0, 4, 5.0))
    write_record(tmp_path, measured)
    assert read_record(tmp_path) == measured


def test_packs_that_cannot_be_tested(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    bare = tmp_path / "bare"
    bare.mkdir()
    (bare / "pack.toml").write_text(
        'id = "bare"\ntitle = "Bare"\nstage = "translate"\nenv = "host"\nlicence = "x"\n', "utf-8"
    )
    packs = Packs(home, [bare])
    for name, code in (("bare", "pack-no-canary"), ("tts-preview", "pack-not-installed")):
        with pytest.raises(Problem) as caught:
            repeat_canary(home, packs, name)
        assert caught.value.code == code
        assert caught.value.next_action is not None
