"""``plan --refresh``: what the servers say now, and what is said when they do not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.planning.bill import Bill
from dubwright_kit import Problem
from tests.packs.conftest import connect
from tests.packs.loopback import Index, fit_wheel, own_pack
from tests.packs.misbehaving import Misbehaving

FIRST, SECOND = fit_wheel("1.0", 1, 400_000), fit_wheel("2.0", 2, 700_000)


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uv: Path) -> Iterator[Misbehaving]:
    with Misbehaving() as server:
        connect(monkeypatch, Index(url=server.url), tmp_path / "cache", uv)
        for wheel in (FIRST, SECOND):
            server.add(wheel.name, wheel.data)
        yield server


@pytest.fixture
def packs(tmp_path: Path) -> Packs:
    folders = [
        own_pack(tmp_path / "packs" / name, wheel)
        for name, wheel in (("one_pack", FIRST), ("two_pack", SECOND))
    ]
    return Packs(Home.find(tmp_path / "home"), folders)


NAMES = ("one-pack", "two-pack")


def notes(bill: Bill) -> list[str]:
    return [one.note for plan in bill.plans for one in plan.files]


def test_the_servers_agree_with_what_is_shipped(packs: Packs, served: Misbehaving) -> None:
    shipped = packs.bill(NAMES)
    assert served.asked == []
    assert not shipped.asked
    asked = packs.bill(NAMES, refresh=True)
    assert asked.asked
    assert notes(asked) == ["", ""]
    assert asked.download_bytes == shipped.download_bytes == len(FIRST.data) + len(SECOND.data)
    assert asked.rate_bytes_s is not None
    # Directories of the zips and the start of the larger file: not the files.
    assert served.sent[FIRST.name] < len(FIRST.data) / 2


def test_another_size_is_taken_and_told(packs: Packs, served: Misbehaving) -> None:
    path = packs.manifest("one-pack").folder / "sizes.json"
    sizes = json.loads(path.read_text("utf-8"))
    sizes["files"][FIRST.name]["size_bytes"] = 1234
    path.write_text(json.dumps(sizes), "utf-8")
    asked = packs.bill(NAMES, refresh=True)
    size = len(FIRST.data)
    assert notes(asked) == [f"{size:,} B now, 1,234 B when this program was made", ""]
    assert asked.download_bytes == size + len(SECOND.data)


def test_a_file_that_cannot_be_asked_for_keeps_its_size(packs: Packs, served: Misbehaving) -> None:
    served.fail(FIRST.name, "status", 503)
    asked = packs.bill(NAMES, refresh=True)
    first, second = notes(asked)
    assert first.startswith("size not confirmed: ")
    assert "503" in first
    assert second == ""
    assert asked.download_bytes == len(FIRST.data) + len(SECOND.data)


def test_a_file_that_the_index_lost(packs: Packs, served: Misbehaving) -> None:
    del served.files[FIRST.name]
    assert notes(packs.bill(NAMES, refresh=True)) == ["the index does not have it now", ""]


def test_nothing_can_be_asked(
    packs: Packs, served: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")  # the discard port
    with pytest.raises(Problem) as caught:
        packs.bill(NAMES, refresh=True)
    assert caught.value.code == "pack-no-network"
    action = caught.value.next_action
    assert action is not None
    assert (action.verb, action.args) == ("packs plan", {"refresh": True})
    assert "ask again" in action.label
