"""The canaries of the packs as people get them: installed, measured, repeated."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.care.canary import known_canary, repeat_canary
from dubwright.packs.catalog import Packs
from dubwright_kit import Problem

pytestmark = pytest.mark.slow

NAMES = ("tts-preview", "asr-pocketsphinx", "diarization")


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Home, Packs]:
    home = Home.find(tmp_path_factory.mktemp("canary") / "home").prepare()
    packs = Packs(home)
    try:
        packs.install(NAMES)
    except Problem as problem:
        if "network" in problem.code or "index" in problem.code:
            pytest.skip(f"the packs cannot be downloaded here: {problem.code}")
        raise
    return home, packs


@pytest.mark.parametrize("name", NAMES)
def test_an_installed_pack_was_measured_and_can_be_again(
    packs: tuple[Home, Packs], name: str
) -> None:
    home, installed = packs
    first = known_canary(home, installed.manifest(name))
    assert first is not None
    assert first.clip_s > 3
    report = repeat_canary(home, installed, name)
    assert report.run.clip_s == first.clip_s
    assert report.run.at > first.at
    assert known_canary(home, installed.manifest(name)) == report.run
    log = installed.log_path(name)
    assert log is not None
    assert "canary" in log.read_text("utf-8")


def test_weights_that_are_damaged_are_noticed(packs: tuple[Home, Packs]) -> None:
    home, installed = packs
    model: Path = home.pack("diarization") / "models" / "ge2e.onnx"
    right = model.read_bytes()
    model.write_bytes(right[: len(right) // 2] + bytes(len(right) - len(right) // 2))
    try:
        with pytest.raises(Problem) as caught:
            repeat_canary(home, installed, "diarization")
    finally:
        model.write_bytes(right)
    assert caught.value.code == "pack-check-failed"
    assert caught.value.next_action is not None
    assert caught.value.next_action.verb == "packs install"
