"""Installing packs as jobs, through the real worker, uv and a loopback index."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from dubwright import Studio
from dubwright.home import Home
from dubwright.studio.work import Handle
from dubwright_kit import Cancelled, Problem
from tests.packs.conftest import home, index, uv, version_1
from tests.packs.loopback import Index, fit_wheel, own_pack
from tests.packs.tiny import leftovers, measured
from tests.patience import STOPPED_S

__all__ = ["home", "index", "uv", "version_1"]  # fixtures

NAMES = ("one-pack", "two-pack", "three-pack")
BALLAST_BYTES = 200_000


@pytest.fixture
def studio(
    tmp_path: Path,
    index: Index,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Studio]:
    """A studio with three tiny packs more; the second requires the first."""
    folders = []
    for number, name in enumerate(NAMES):
        wheel = fit_wheel(f"{number}.0", number, BALLAST_BYTES)
        index.wheels.append(wheel)
        folders.append(own_pack(tmp_path / "packs" / name.replace("-", "_"), wheel))
    require(folders[1], "one-pack")
    monkeypatch.setenv("DUBWRIGHT_PACKS", os.pathsep.join(map(str, folders)))
    with Studio(home=measured(Home.find(tmp_path / "home")).root) as made:
        yield made


def require(folder: Path, name: str) -> None:
    path = folder / "pack.toml"
    path.write_text(f'requires = ["{name}"]\n' + path.read_text("utf-8"), "utf-8")


def wheel_of(index: Index, number: int) -> str:
    return next(one.name for one in index.wheels if one.version == f"{number}.0")


def problem_of(handle: Handle) -> Problem:
    with pytest.raises(Problem) as caught:
        handle.wait()
    return caught.value


def states(handle: Handle) -> dict[str, str]:
    return {pack.pack: pack.state for pack in handle.packs()}


def test_a_pack_brings_what_it_requires_and_every_second_there_is_news(studio: Studio) -> None:
    handle = studio.install_packs(["two-pack"])
    assert states(handle) == {"one-pack": "queued", "two-pack": "queued"}
    assert studio.install_packs(["two-pack", "one-pack"]).id == handle.id, "the same request"
    events = list(handle.events())
    assert handle.wait().state == "done"
    assert states(handle) == {"one-pack": "done", "two-pack": "done"}
    assert [studio.packs.status(name).state for name in NAMES] == [
        "installed",
        "installed",
        "available",
    ]
    heard = [event.at for event in events if event.id]
    started = next(event.at for event in events if event.note == "running")
    # Each second is what a machine keeps that is not starved of its processors: see test_events.py.
    gaps_s = [b - a for a, b in pairwise(at for at in heard if at >= started)]
    assert sum(gaps_s) / len(gaps_s) <= 1.0
    assert max(gaps_s) < STOPPED_S
    steps = [event.detail["step"] for event in events if event.detail]
    assert {"download", "check", "done"} <= set(steps)


def test_one_that_fails_stops_only_what_needs_it_and_a_retry_does_the_rest(
    studio: Studio,
    index: Index,
) -> None:
    index.faults[wheel_of(index, 0)] = "404"
    handle = studio.install_packs(NAMES)
    problem = problem_of(handle)
    assert states(handle) == {"one-pack": "failed", "two-pack": "failed", "three-pack": "done"}
    needs = next(pack.problem for pack in handle.packs() if pack.pack == "two-pack")
    assert needs is not None
    assert needs.code == "pack-needs-failed"
    assert "one-pack" in needs.message
    # One alone went wrong: its own words, with the one that waits for it.
    own = next(pack.problem for pack in handle.packs() if pack.pack == "one-pack")
    assert own is not None
    assert problem.code == own.code != "packs-failed"
    assert own.message in problem.message
    assert "two-pack" in problem.message
    assert problem.next_action is not None
    assert (problem.next_action.verb, problem.next_action.args) == (
        "job retry",
        {"_": [handle.id]},
    )
    index.faults.clear()
    served = index.served[wheel_of(index, 2)]
    assert studio.retry(handle.id).wait().state == "done"
    assert index.served[wheel_of(index, 2)] == served
    attempts = {
        job.options["name"]: job.attempt for job in studio.jobs() if job.type == "install_pack"
    }
    assert attempts == {"one-pack": 2, "two-pack": 2, "three-pack": 1}
    assert all(studio.packs.status(name).state == "installed" for name in NAMES)


def test_several_that_fail_are_all_named(
    studio: Studio,
    index: Index,
) -> None:
    index.faults.update({wheel_of(index, 0): "404", wheel_of(index, 2): "damaged"})
    handle = studio.install_packs(NAMES)
    problem = problem_of(handle)
    assert problem.code == "packs-failed"
    assert all(name in problem.message for name in NAMES)
    assert problem.next_action is not None
    assert problem.next_action.args == {"_": [handle.id]}
    index.faults.clear()
    one = studio.install_packs(["three-pack"])
    assert one.id != handle.id
    assert one.wait().state == "done", "a plain install after a failed one"


def test_cancelling_stops_it_within_two_seconds_and_leaves_nothing(
    studio: Studio,
    index: Index,
) -> None:
    index.pause_s = 5.0  # before each of four pieces
    handle = studio.install_packs(["three-pack", "one-pack"])
    asked_s = 0.0
    for event in handle.events():
        if not asked_s and event.detail and event.detail["step"] == "download":
            asked_s = time.monotonic()
            handle.cancel()
    assert asked_s
    assert time.monotonic() - asked_s < STOPPED_S
    with pytest.raises(Cancelled):
        handle.wait()
    assert set(states(handle).values()) == {"cancelled"}
    assert leftovers(studio.home) == []
    index.pause_s = 0.0
    assert studio.retry(handle.id).wait().state == "done"


def test_what_cannot_be_asked_for_is_said_at_once(studio: Studio, tmp_path: Path) -> None:
    def code(*names: str, supply: Path | None = None) -> str:
        with pytest.raises(Problem) as caught:
            studio.install_packs(names, supply=supply)
        assert caught.value.next_action is not None
        return caught.value.code

    assert code("no-such-pack") == "pack-unknown"
    assert code() == "nothing-to-install"
    assert code("one-pack", supply=tmp_path / "nowhere") == "supply-missing"
    assert studio.jobs() == []


def test_room_for_all_of_them_is_looked_at_before_the_first(
    studio: Studio, tmp_path: Path, index: Index
) -> None:
    huge = tmp_path / "packs" / "one_pack" / "sizes.json"
    sizes = json.loads(huge.read_text("utf-8"))
    for one in sizes["files"].values():
        one["unpacked_bytes"] = 10**16
    huge.write_text(json.dumps(sizes), "utf-8")
    with pytest.raises(Problem) as caught:
        studio.install_packs(NAMES)
    assert caught.value.code == "pack-disk-full"
    assert not studio.jobs()
    assert index.served == {}
