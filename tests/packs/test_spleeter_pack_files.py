"""A person's own checkpoint under whatever name, as a folder, a zip or an archive."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from dubwright.packs.installing.checkpoint_files import find_checkpoint
from dubwright.packs.installing.models import place_own
from dubwright.packs.installing.supply import OwnWeights, Supply
from dubwright.packs.manifest import Weights, load_manifests
from dubwright_kit import Problem
from tests.packs.test_models import files_under, packed, quiet
from tests.packs.test_supply import laid, zipped

Make = Callable[[Mapping[str, bytes]], Path]
WEIGHTS = load_manifests()["spleeter"].weights[0]
INDEX, DATA = ".index", ".data-00000-of-00001"
TWO = (".data-00000-of-00002", ".data-00001-of-00002")


@pytest.fixture(params=["folder", "zip", "archive"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Make of files what ``--from`` is given."""

    def make(files: Mapping[str, bytes]) -> Path:
        if request.param == "folder":
            return laid(tmp_path / "stick", files)
        if request.param == "zip":
            return zipped(tmp_path / "stick.zip", files)
        path = tmp_path / "of my own.tar.gz"
        path.write_bytes(packed(files))
        return path

    return make


def place(path: Path, models: Path, weights: Weights = WEIGHTS) -> dict[str, bytes] | None:
    with Supply.open(path, pack="spleeter", weights=[weights]) as supply:
        own = supply.own(weights, unlisted=True)
        if own is None:
            return None
        assert not own.listed
        placed = place_own(own, models, quiet, pack="spleeter")
    found = files_under(models)
    assert set(placed) == set(found)
    return found


def problem(path: Path, models: Path) -> str:
    with pytest.raises(Problem) as caught:
        place(path, models)
    assert caught.value.code == "pack-weights-wrong"
    assert caught.value.next_action is not None
    assert caught.value.next_action.args == {"_": ["spleeter"]}
    assert files_under(models) == {}
    return caught.value.message


@pytest.mark.parametrize(
    "prefix",
    ["model", "model-1000", "2stems/model", "runs/a/model.ckpt-7", "odd name/x.y"],
)
def test_any_prefix_becomes_the_packs(made: Make, tmp_path: Path, prefix: str) -> None:
    path = made({prefix + INDEX: b"i", prefix + DATA: b"d", "notes.txt": b"n"})
    found = place(path, tmp_path / "models")
    assert found == {"2stems/model.index": b"i", "2stems/model.data-00000-of-00001": b"d"}


def test_every_shard_comes_along(made: Make, tmp_path: Path) -> None:
    files = {f"x{ending}": ending.encode() for ending in (INDEX, *TWO)}
    found = place(made(files), tmp_path / "models")
    assert found == {f"2stems/model{end}": end.encode() for end in (INDEX, *TWO)}


@pytest.mark.parametrize(
    ("prefixes", "taken"),
    [
        (["model-900", "model-1000"], "model-1000"),
        (["model", "model-1000"], "model-1000"),
        (["b/model", "a/deep/model"], "b/model"),
        (["4stems/model", "z/2stems/model"], "z/2stems/model"),
        (["2stems/model.ckpt-3", "model.ckpt-9"], "2stems/model.ckpt-3"),
    ],
)
def test_which_of_several(made: Make, tmp_path: Path, prefixes: list[str], taken: str) -> None:
    files = {one + ending: one.encode() for one in prefixes for ending in (INDEX, DATA)}
    found = place(made(files), tmp_path / "models")
    assert found is not None
    assert set(found.values()) == {taken.encode()}


def test_a_whole_one_is_taken_before_a_later_half(made: Make, tmp_path: Path) -> None:
    files = {"m-1" + INDEX: b"1", "m-1" + DATA: b"1", "m-2" + INDEX: b"2"}
    found = place(made(files), tmp_path / "models")
    assert found is not None
    assert set(found.values()) == {b"1"}


@pytest.mark.parametrize(
    ("files", "missing"),
    [
        (["m-5.index"], "m-5.data-00000-of-00001"),
        (["m-5.data-00000-of-00001"], "m-5.index"),
        (["m-5.index", "m-5.data-00001-of-00002"], "m-5.data-00000-of-00002"),
    ],
)
def test_half_a_checkpoint_says_what_is_missing(
    made: Make, tmp_path: Path, files: list[str], missing: str
) -> None:
    assert missing in problem(made(dict.fromkeys(files, b"x")), tmp_path / "models")


def test_no_checkpoint_at_all(tmp_path: Path) -> None:
    files = {"model.onnx": b"o", ".index": b"?", "x.data-00000-of-00000": b"?"}
    assert place(laid(tmp_path / "stick", files), tmp_path / "models") is None
    archive = tmp_path / "mine.tar.gz"
    archive.write_bytes(packed(files))
    assert "no checkpoint" in problem(archive, tmp_path / "models")


def test_one_archive_among_other_files(tmp_path: Path) -> None:
    mine = packed({"m" + INDEX: b"i", "m" + DATA: b"d"})
    stick = laid(tmp_path / "stick", {"tuned.tgz": mine, "readme.txt": b"r"})
    assert place(stick, tmp_path / "models") is not None
    laid(stick, {"other.tar.gz": mine})
    assert place(stick, tmp_path / "more") is None  # which one?


def test_the_listed_names_still_do(tmp_path: Path) -> None:
    """A whole folder as published brings only what is read."""
    files = {name: name.encode() for name in WEIGHTS.members}
    found = place(laid(tmp_path / "stick", files), tmp_path / "models")
    assert found is not None
    assert set(found) == {"2stems/model.index", "2stems/model.data-00000-of-00001"}
    archive = tmp_path / "unnamed"
    archive.write_bytes(packed(files))
    assert set(place_own(OwnWeights(WEIGHTS, archive), tmp_path / "again", quiet)) == set(found)


def test_without_own_weights_a_name_is_not_enough(tmp_path: Path) -> None:
    stick = laid(tmp_path / "stick", {"2stems/model" + INDEX: b"i", "2stems/model" + DATA: b"d"})
    with Supply.open(stick) as supply:
        assert supply.own(WEIGHTS, unlisted=False) is None


def test_a_folder_of_any_name_may_lie_beside_it(made: Make, tmp_path: Path) -> None:
    files = {"model" + INDEX: b"i", "model" + DATA: b"d", ".chosen/x": b"x", "model.x/y": b"y"}
    with Supply.open(made(files), scratch=tmp_path / "scratch") as supply:
        own = supply.own(WEIGHTS, unlisted=True)
        assert own is not None
        placed = place_own(own, tmp_path / "models", quiet)
    assert set(placed) == {"2stems/model" + INDEX, "2stems/model" + DATA}


def test_shards_beyond_reason_are_no_checkpoint() -> None:
    assert find_checkpoint(["m.index", "m.data-00000-of-99999"]) is not None
    found = find_checkpoint(["m.data-00000-of-99999"])
    assert found is None
    assert find_checkpoint([]) is None


def test_what_macos_puts_beside_a_file_is_none() -> None:
    whole = [name + ending for name in ("model", "._model") for ending in (INDEX, DATA)]
    found = find_checkpoint([*whole, "__MACOSX/._model" + INDEX, "__MACOSX/model" + DATA])
    assert found is not None
    assert found.prefix == "model"
    assert find_checkpoint(["._model" + INDEX, "._model" + DATA]) is None


def test_the_nearest_to_the_top_is_taken() -> None:
    paths = [name + ending for name in ("backup/weights", "weights") for ending in (INDEX, DATA)]
    found = find_checkpoint(paths)
    assert found is not None
    assert found.prefix == "weights"


def test_a_zip_is_only_unpacked_where_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "stick.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for name in ("m-1", "m-2"):
            archive.writestr(name + INDEX, name)
            archive.writestr(name + DATA, name)
    scratch = tmp_path / "scratch"
    with Supply.open(path, scratch=scratch) as supply:
        assert supply.own(WEIGHTS, unlisted=True) is not None
        assert sorted(p.name for p in scratch.rglob("*") if p.is_file()) == [
            "m-2" + DATA,
            "m-2" + INDEX,
        ]
