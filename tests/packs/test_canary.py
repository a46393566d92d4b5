"""The canary of a pack: through the wall, twice, judged by the pack itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from dubwright.packs.installing.canary import run_canary
from dubwright.packs.manifest import Manifest, read_manifest
from dubwright.packs.record import CanaryRun
from dubwright.packs.wall.call import GuestBug, Wall
from dubwright_kit import Cancelled, Problem
from tests.packs.echo_wall import ECHO, echo_spec, echo_wall, lines
from tests.patience import STOPPED_S


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wall]:
    with echo_wall(tmp_path_factory.mktemp("home")) as opened:
        yield opened


def manifest(*texts: str, clip_s: float = 2.0) -> Manifest:
    ask = {"lines": list(texts), "source_language": "en", "target_language": "es"}
    return replace(read_manifest(ECHO), canary={"clip_s": clip_s, "ask": ask})


def failure(wall: Wall, scratch: Path, *texts: str) -> Problem:
    with pytest.raises(Problem) as caught:
        run_canary(wall, manifest(*texts), echo_spec(), scratch)
    assert not scratch.exists()
    assert caught.value.code == "pack-check-failed"
    assert "echo does not work" in caught.value.message
    assert caught.value.next_action is not None
    return caught.value


def test_the_canary_of_the_table_runs_in_its_scratch_folder(tmp_path: Path) -> None:
    scratch, log = tmp_path / "scratch", tmp_path / "log"

    def canary() -> CanaryRun:
        with echo_wall(tmp_path / "home") as wall:
            run = run_canary(wall, read_manifest(ECHO), echo_spec(), scratch, log_path=log)
        assert isinstance(run, CanaryRun)
        return run

    asked = time.time()
    run = canary()
    assert run.clip_s == 2.0
    assert run.wall_s > 0
    assert run.peak_rss_bytes > 5_000_000
    assert asked - 1 <= run.at <= time.time() + 1
    assert not scratch.exists()
    assert log.read_text().count("process") == 2, "two runs in one guest"
    # A new process costs more than five words, unless something kept the machine from just these.
    tries = 5
    while run.start_s <= run.wall_s:
        tries -= 1
        assert tries, run
        run = canary()


def test_the_places_in_the_table_are_filled(tmp_path: Path, wall: Wall) -> None:
    scratch = tmp_path / "scratch"
    problem = failure(wall, scratch, "said {scratch} and {pack}")
    assert f"said {scratch} and {ECHO}" in problem.message


def test_a_pack_without_a_canary_ask_has_none(tmp_path: Path, wall: Wall) -> None:
    bare = replace(read_manifest(ECHO), canary={"imports": ["os"]})
    assert run_canary(wall, bare, echo_spec(), tmp_path / "scratch") is None
    assert not (tmp_path / "scratch").exists()


def test_a_wrong_result_is_told_in_the_words_of_the_check(tmp_path: Path, wall: Wall) -> None:
    problem = failure(wall, tmp_path / "s", "one", "wrong")
    assert "The lines are in the wrong case." in problem.message
    assert "not what it must be" in failure(wall, tmp_path / "s", "one", "assert").message
    assert "There is no voice." in failure(wall, tmp_path / "s", "one", "told").message


def test_a_guest_that_judged_wrong_is_still_fit_for_work(wall: Wall) -> None:
    with pytest.raises(Problem):
        wall.canary(echo_spec(), lines("wrong"))
    assert wall.call(echo_spec(), lines("a")).done.lines == ("A",)


def test_a_check_that_breaks_is_a_failure_with_its_traceback(tmp_path: Path, wall: Wall) -> None:
    problem = failure(wall, tmp_path / "s", "one", "bug")
    assert "KeyError" in problem.message
    assert "Traceback" in problem.detail
    with pytest.raises(GuestBug):
        wall.canary(echo_spec(), lines("bug"))


@pytest.mark.parametrize("text", ["crash", "!exit 3"])
def test_a_crash_in_run_or_check_is_a_failure(tmp_path: Path, wall: Wall, text: str) -> None:
    assert "ended with" in failure(wall, tmp_path / "s", text).message
    assert wall.canary(echo_spec(), lines("right")).done.lines == ("RIGHT",)


def test_an_ordinary_call_is_not_judged(wall: Wall) -> None:
    assert wall.call(echo_spec(), lines("wrong")).done.lines == ("WRONG",)


def test_what_judging_takes_is_no_time_of_the_work(wall: Wall) -> None:
    wall.canary(echo_spec(), lines("right"))
    started = time.monotonic()
    result = wall.canary(echo_spec(), lines("late"))
    # Whatever kept the machine busy, the 0.6 s of the check are in one of them only.
    assert time.monotonic() - started - result.wall_s > 0.55


@pytest.mark.parametrize("line", ["!sleep 60", "!native"])
def test_cancel_ends_a_canary_within_two_seconds(tmp_path: Path, wall: Wall, line: str) -> None:
    asked: list[float] = []

    def cancelled() -> bool:
        if not asked:
            asked.append(time.monotonic() + 0.5)
        return time.monotonic() >= asked[0]

    with pytest.raises(Cancelled):
        run_canary(wall, manifest(line), echo_spec(), tmp_path / "scratch", cancelled=cancelled)
    assert time.monotonic() - asked[0] < STOPPED_S
    assert not (tmp_path / "scratch").exists()
