"""--from: what a folder or zip has, and what it has not."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from random import Random
from typing import Any

import pytest

from dubwright.packs.installing.models import place_own
from dubwright.packs.installing.supply import Supply, incomplete, manual_list
from dubwright.packs.wheels import Wheel
from dubwright_kit import Cancelled, Problem
from tests.packs.test_models import CONTENT, files_under, packed, quiet, sha256, weights

Make = Callable[[Mapping[str, bytes]], Path]
OFFICIAL = packed(CONTENT)
MINE = {name: b"mine " + one for name, one in CONTENT.items()}


def laid(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


@pytest.fixture(params=["folder", "zip"])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Make a supply of files as a folder or as a zip."""

    def make(files: Mapping[str, bytes]) -> Path:
        if request.param == "folder":
            return laid(tmp_path / "stick", files)
        return zipped(tmp_path / "stick.zip", files)

    return make


def test_files_are_found_by_hash(made: Make, tmp_path: Path) -> None:
    path = made({"deep/er/a-1-py3-none-any.whl": b"aaa", "b-1 (2).whl": b"bbbb", "notes.txt": b"n"})
    scratch = tmp_path / "scratch"
    with Supply.open(path, scratch=scratch) as supply:
        assert sorted(supply.wheels()) == [("a-1-py3-none-any.whl", 3), ("b-1 (2).whl", 4)]
        found = supply.find(sha256(b"aaa"), "a-1-py3-none-any.whl", 3)
        assert found is not None
        assert found.read_bytes() == b"aaa"
        renamed = supply.find(sha256(b"bbbb"), "b-1-py3-none-any.whl", 4)
        assert renamed is not None
        assert renamed.read_bytes() == b"bbbb"
        assert supply.find(sha256(b"c"), "c-1-py3-none-any.whl", 1) is None
    assert not scratch.exists()
    assert path.exists()


def test_only_files_that_could_be_it_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = laid(tmp_path / "d", {"big.iso": b"x" * 999, "a.whl": b"aaa", "same": b"zzz"})
    read: list[str] = []
    plain: Callable[..., Any] = Path.open

    def watched(self: Path, *arguments: Any, **options: Any) -> Any:
        read.append(self.name)
        return plain(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", watched)
    with Supply.open(folder) as supply:
        assert supply.find(sha256(b"aaa"), "a.whl", 3) is not None
        assert supply.find(sha256(b"aaa"), "a.whl", 3) is not None
        assert supply.find(sha256(b"other"), "b.whl", 3) is None
    assert sorted(read) == ["a.whl", "same"]


def test_a_listed_file_with_another_content(made: Make) -> None:
    path = made({"a.whl": b"damaged", "2stems.tar.gz": b"own"})
    given = weights(OFFICIAL, CONTENT)
    with Supply.open(path, pack="spleeter", weights=[given]) as supply:
        with pytest.raises(Problem) as caught:
            supply.find(sha256(b"right"), "a.whl", 5)
        assert caught.value.code == "pack-supply-mismatch"
        assert sha256(b"right") in caught.value.detail
        assert sha256(b"damaged") in caught.value.detail
        assert "7 B instead of 5" in caught.value.message
        assert caught.value.next_action is not None
        assert caught.value.next_action.args == {"_": ["spleeter"], "from": str(path)}
        with pytest.raises(Problem) as caught:
            supply.find(given.sha256, given.name, given.size_bytes)
        assert caught.value.next_action is not None
        assert caught.value.next_action.args["own_weights"] is True


def test_the_right_one_among_several_of_a_name(made: Make) -> None:
    path = made({"old/a.whl": b"old", "new/a.whl": b"new"})
    with Supply.open(path) as supply:
        found = supply.find(sha256(b"new"), "a.whl", 3)
        assert found is not None
        assert found.read_bytes() == b"new"


def test_own_archive(made: Make, tmp_path: Path) -> None:
    mine = packed(MINE)
    with Supply.open(made({"2stems.tar.gz": mine})) as supply:
        assert supply.own(weights(OFFICIAL, CONTENT), unlisted=False) is None
        own = supply.own(weights(OFFICIAL, CONTENT), unlisted=True)
        assert own is not None
        assert not own.listed
        place_own(own, tmp_path / "models", quiet)
    assert files_under(tmp_path / "models") == {f"2stems/{n}": one for n, one in MINE.items()}


@pytest.mark.parametrize("prefix", ["", "2stems/", "models/spleeter/2stems/", "odd name/"])
def test_own_folder(made: Make, tmp_path: Path, prefix: str) -> None:
    path = made({f"{prefix}{name}": one for name, one in MINE.items()} | {"other/x": b"x"})
    with Supply.open(path) as supply:
        own = supply.own(weights(OFFICIAL, CONTENT), unlisted=True)
        assert own is not None
        place_own(own, tmp_path / "models", quiet)
    assert files_under(tmp_path / "models") == {f"2stems/{n}": one for n, one in MINE.items()}


def test_the_folder_with_the_name_comes_first(made: Make, tmp_path: Path) -> None:
    path = made(
        {f"4stems/{name}": b"4" for name in CONTENT}
        | {f"a/2stems/{name}": b"2" for name in CONTENT}
    )
    with Supply.open(path) as supply:
        own = supply.own(weights(OFFICIAL, CONTENT), unlisted=True)
        assert own is not None
        place_own(own, tmp_path / "models", quiet)
    assert set(files_under(tmp_path / "models").values()) == {b"2"}


def test_the_listed_weights_unpacked_by_hand(made: Make, tmp_path: Path) -> None:
    path = made({f"2stems/{name}": one for name, one in CONTENT.items()})
    with Supply.open(path) as supply:
        own = supply.own(weights(OFFICIAL, CONTENT), unlisted=False)
        assert own is not None
        assert own.listed
        place_own(own, tmp_path / "models", quiet)
    assert files_under(tmp_path / "models") == {f"2stems/{n}": one for n, one in CONTENT.items()}


def test_own_weights_are_not_asked_for_what_is_listed(made: Make) -> None:
    files = {"x/renamed": OFFICIAL} | {f"2stems/{name}": one for name, one in MINE.items()}
    with Supply.open(made(files)) as supply:
        assert supply.own(weights(OFFICIAL, CONTENT), unlisted=True) is None


def test_own_plain_files_and_folders_without_members(made: Make, tmp_path: Path) -> None:
    path = made({"in/model.onnx": b"onnx", "voices/a/b.bin": b"b", "voices/c": b"c"})
    plain = weights(b"", {}, name="model.onnx", unpack="", into="m")
    folder = weights(b"", {}, name="voices.zip", unpack="zip", into="voices")
    with Supply.open(path) as supply:
        for one in (plain, folder):
            own = supply.own(one, unlisted=True)
            assert own is not None
            place_own(own, tmp_path / "models", quiet)
    assert files_under(tmp_path / "models") == {
        "m/model.onnx": b"onnx",
        "voices/a/b.bin": b"b",
        "voices/c": b"c",
    }


def test_nothing_of_ones_own(made: Make) -> None:
    with Supply.open(made({"2stems/checkpoint": b"alone", "x": b"y"})) as supply:
        assert supply.own(weights(OFFICIAL, CONTENT), unlisted=True) is None


def test_one_file_by_itself(tmp_path: Path) -> None:
    path = tmp_path / "2stems.tar.gz"
    path.write_bytes(OFFICIAL)
    with Supply.open(path) as supply:
        assert supply.find(sha256(OFFICIAL), "2stems.tar.gz", len(OFFICIAL)) == path


@pytest.mark.parametrize("kind", ["missing", "empty folder", "empty zip", "no zip", "cut zip"])
def test_what_cannot_be_a_supply(tmp_path: Path, kind: str) -> None:
    path = tmp_path / ("stick" if "folder" in kind else "stick.zip")
    if kind == "empty folder":
        (path / "inside").mkdir(parents=True)
    elif kind == "empty zip":
        zipped(path, {})
    elif kind == "no zip":
        path.write_bytes(b"a film" * 1_000)
    elif kind == "cut zip":
        whole = zipped(path, {"a": Random(1).randbytes(9_999)}).read_bytes()
        path.write_bytes(whole[:5_000])
    with pytest.raises(Problem) as caught:
        Supply.open(path)
    assert caught.value.code == "pack-supply-unusable"
    assert str(path) in caught.value.message
    assert caught.value.next_action is not None


def test_a_zip_that_is_not_safe(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"good": b"g", "../escaped.whl": b"e"})
    with pytest.raises(Problem) as caught:
        Supply.open(path)
    assert caught.value.code == "pack-archive-unsafe"
    bomb = zipped(tmp_path / "bomb.zip", {"a.whl": bytes(100_000_000)})
    with pytest.raises(Problem) as caught:
        Supply.open(bomb)
    assert caught.value.code == "pack-archive-unsafe"


def test_a_zip_with_a_damaged_file(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"a.whl": Random(1).randbytes(9_999)})
    data = bytearray(path.read_bytes())
    data[5_000] ^= 1
    path.write_bytes(data)
    with (
        Supply.open(path, scratch=tmp_path / "scratch") as supply,
        pytest.raises(Problem) as caught,
    ):
        supply.find("0" * 64, "a.whl", 9_999)
    assert caught.value.code == "pack-archive-damaged"


@pytest.mark.skipif(os.name == "nt", reason="needs links")
def test_links_to_folders_are_not_followed(tmp_path: Path) -> None:
    laid(tmp_path / "elsewhere", {"a.whl": b"aaa"})
    folder = laid(tmp_path / "stick", {"b.whl": b"b"})
    (folder / "round").symlink_to(folder, target_is_directory=True)
    (folder / "out").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (folder / "gone.whl").symlink_to(tmp_path / "gone")
    with Supply.open(folder) as supply:
        assert supply.wheels() == (("b.whl", 1),)


def test_everything_that_is_missing_is_said(tmp_path: Path) -> None:
    wheels = [
        Wheel(
            f"p{number}-1-py3-none-any.whl",
            1_000,
            1,
            1,
            hashlib.sha256(bytes([number])).hexdigest(),
        )
        for number in range(5)
    ]
    with Supply.open(laid(tmp_path / "stick", {"x": b"x"})) as supply:
        problem = incomplete("tiny-pack", supply, wheels)
    assert problem.code == "pack-supply-incomplete"
    assert "5 files" in problem.message
    assert "5,000 B" in problem.message
    for one in wheels:
        assert f"{one.name}  1,000 B  sha256 {one.sha256}" in problem.detail


def test_the_list_for_a_person() -> None:
    wheel = Wheel("Some_Thing-1-py3-none-any.whl", 10, 1, 1, "a" * 64)
    given = weights(OFFICIAL, CONTENT)
    assert manual_list([wheel], [given]) == (
        (wheel.name, 10, "a" * 64, "the package index, project some-thing"),
        (given.name, len(OFFICIAL), given.sha256, given.url),
    )


def test_stopped_while_reading(tmp_path: Path) -> None:
    def stop() -> None:
        raise Cancelled("")

    path = zipped(tmp_path / "x.zip", {"a.whl": b"aaa"})
    with Supply.open(path) as supply, pytest.raises(Cancelled):
        supply.find("0" * 64, "a.whl", 3, tick=stop)
