"""Weights of a person's own: what is said when they do not do, break, or give way to the listed ones."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.care.verify import verify
from dubwright.packs.catalog import Packs
from dubwright.packs.installing.options import InstallOptions
from dubwright.packs.installing.replacing import weights_change
from dubwright.packs.manifest import load_manifests
from dubwright_kit import Problem
from tests.packs import spleeter_weights
from tests.packs.test_models import CONTENT, quiet
from tests.packs.test_offline import MINE, OFFICIAL, WEIGHTS, Machine, laid

SHIPPED = load_manifests()
OWN = "tiny-weights"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A home with a pack of weights."""
    folder = laid(tmp_path / "packs" / "tiny_weights", {"pack.toml": WEIGHTS.encode()})
    return Machine(Home.find(tmp_path / "home").prepare(), [folder])


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    return laid(tmp_path / "mine", {f"2stems/{name}": one for name, one in MINE.items()})


def args(problem: Problem) -> Mapping[str, object]:
    assert problem.next_action is not None
    assert problem.next_action.verb == "packs install"
    return problem.next_action.args


# --- back to the listed ones ---------------------------------------------------------------------


def test_who_names_files_wants_them(machine: Machine, mine: Path, tmp_path: Path) -> None:
    machine.install(OWN, mine, own=True)
    assert machine.packs.status(OWN).why == "own weights"
    (tmp_path / "empty").mkdir()
    problem = machine.problem(OWN, tmp_path / "empty")
    assert problem.code == "pack-supply-unusable"
    wrong = laid(tmp_path / "wrong", {"2stems.tar.gz": b"something else"})
    assert machine.problem(OWN, wrong).code == "pack-supply-mismatch"
    assert machine.record(OWN).unlisted, "what failed changed nothing"
    machine.install(OWN)
    assert machine.record(OWN).unlisted, "it is installed, and nothing was named"

    listed = laid(tmp_path / "listed", {"2stems.tar.gz": OFFICIAL})
    machine.install(OWN, listed)
    assert not machine.record(OWN).unlisted
    assert machine.packs.status(OWN).why == ""
    before = machine.record(OWN).installed_at
    machine.install(OWN, listed)
    assert machine.record(OWN).installed_at == before


def test_what_the_bill_knows_of_weights(machine: Machine, mine: Path, tmp_path: Path) -> None:
    size_bytes = sum(map(len, MINE.values()))

    def change(**options: object) -> tuple[bool, int, str]:
        made = weights_change(machine.packs.status(OWN), replace(InstallOptions(), **options))  # type: ignore[arg-type]  # options by name
        return made.renewed, sum(made.own.values()), made.words

    listed = laid(tmp_path / "listed", {"2stems.tar.gz": OFFICIAL})
    assert change(supply=mine) == (False, 0, "")
    assert change(supply=mine, own_weights=True) == (False, size_bytes, "")
    assert change(supply=tmp_path / "nowhere", own_weights=True) == (False, 0, "")
    machine.install(OWN, listed)
    assert change(supply=listed) == (False, 0, "")
    words = "the installed weights are replaced by those in the files"
    assert change(supply=mine, own_weights=True) == (True, size_bytes, words)
    machine.install(OWN, mine, own=True)
    assert change() == (False, 0, "")
    words = "your own weights are replaced by the official ones"
    assert change(supply=listed) == (True, 0, words)
    (machine.home.pack(OWN) / "models" / "2stems" / "checkpoint").unlink()
    assert change() == (False, 0, words)


# --- broken --------------------------------------------------------------------------------------


def test_broken_ones_are_not_replaced_unsaid(machine: Machine, mine: Path) -> None:
    machine.install(OWN, mine, own=True)
    models = machine.home.pack(OWN) / "models" / "2stems"
    path = next(one for one in models.iterdir() if one.is_file())
    path.write_bytes(bytes(path.stat().st_size))
    wanted = {"_": [OWN], "from": "FOLDER", "own_weights": True}
    with pytest.raises(Problem, match="Its weights are your own") as caught:
        verify(machine.home, machine.packs.manifest(OWN), machine.record(OWN), quiet)
    assert args(caught.value) == wanted
    with pytest.raises(Problem, match="it has own weights") as caught:
        machine.packs.require(OWN)
    assert args(caught.value) == wanted


def test_a_guest_says_it_too(tmp_path: Path) -> None:
    from dubwright_packs.spleeter.backend import NETWORK

    models = laid(tmp_path / "pack", {"record.json": b'{"unlisted": ["2stems/model.index"]}'})
    assert NETWORK.mended(models / "models").args["own_weights"] is True
    (models / "record.json").write_text("{}", "utf-8")
    assert NETWORK.mended(models / "models") == NETWORK.again


# --- files that do not do ------------------------------------------------------------------------


@pytest.fixture
def spleeter(tmp_path: Path) -> Packs:
    packs = Packs(Home.find(tmp_path / "home").prepare())
    vars(packs)["manifests"] = {**SHIPPED, "spleeter": replace(SHIPPED["spleeter"], canary={})}
    return packs


def refused(packs: Packs, supply: Path) -> Problem:
    with pytest.raises(Problem) as caught:
        packs.install(["spleeter"], options=InstallOptions(supply=supply, own_weights=True))
    told = caught.value.message + caught.value.detail
    assert ".new-" not in told
    return caught.value


def again(supply: Path, pack: str = "spleeter") -> dict[str, object]:
    return {"_": [pack], "from": str(supply), "own_weights": True}


def test_weights_for_more_stems_go_to_their_pack(spleeter: Packs, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    spleeter_weights.write(stick / "model", spleeter_weights.variables(4))
    problem = refused(spleeter, stick)
    assert problem.code == "weights-wrong"
    assert "The pack for them is spleeter-4stems." in problem.message
    assert args(problem) == again(stick, "spleeter-4stems")


@pytest.mark.parametrize("how", ["cut index", "cut data", "changed data"])
def test_a_damaged_file_has_the_name_that_it_has(spleeter: Packs, tmp_path: Path, how: str) -> None:
    stick = tmp_path / "stick"
    prefix = spleeter_weights.write(stick / "run-7", spleeter_weights.variables(2))
    path = prefix.with_name("run-7.index" if "index" in how else "run-7.data-00000-of-00001")
    whole = path.read_bytes()
    path.write_bytes(whole[:-500] + (bytes(500) if how == "changed data" else b""))
    problem = refused(spleeter, stick)
    assert problem.code == "weights-wrong"
    assert str(stick / "run-7.") in problem.message
    assert problem.next_action is not None
    assert "choose other files" in problem.next_action.label
    assert args(problem) == again(stick)


def test_half_a_checkpoint(spleeter: Packs, tmp_path: Path) -> None:
    stick = laid(tmp_path / "stick", {"model.index": b"x"})
    problem = refused(spleeter, stick)
    assert problem.code == "pack-weights-wrong"
    assert "2stems.tar.gz" not in problem.message
    assert str(stick) in problem.message
    assert "model.data-00000-of-00001" in problem.message
    assert args(problem) == again(stick)


def archives() -> Iterator[tuple[str, bytes]]:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        entry = tarfile.TarInfo("model.index")
        entry.size = 1
        archive.addfile(entry, io.BytesIO(b"x"))
    yield "pack-weights-wrong", made.getvalue()
    yield "pack-archive-damaged", made.getvalue()[:40]


@pytest.mark.parametrize(("code", "content"), [*archives()], ids=["other", "cut"])
def test_an_archive_that_does_not_do(
    spleeter: Packs, tmp_path: Path, code: str, content: bytes
) -> None:
    stick = laid(tmp_path / "stick", {"mine.tar.gz": content})
    problem = refused(spleeter, stick)
    assert problem.code == code
    assert "mine.tar.gz" in problem.message
    assert args(problem) == again(stick)


def test_what_can_be_done_by_hand(spleeter: Packs, tmp_path: Path) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    problem = refused(spleeter, stick)
    assert problem.code == "pack-supply-unusable"
    assert "By hand:\nGet 2stems.tar.gz" in problem.detail
    assert args(problem) == again(stick)


def test_an_export_with_own_weights(machine: Machine, mine: Path, tmp_path: Path) -> None:
    machine.install(OWN, mine, own=True)
    machine.export(OWN, tmp_path / "stick.zip")
    other = Machine(Home.find(tmp_path / "other").prepare(), machine.folders)
    problem = other.problem(OWN, tmp_path / "stick.zip")
    assert problem.code == "pack-supply-incomplete"
    assert "--own-weights" in problem.message
    assert args(problem) == {"_": [OWN], "from": str(tmp_path / "stick.zip"), "own_weights": True}
    assert len(CONTENT) == len(machine.record(OWN).unlisted)
