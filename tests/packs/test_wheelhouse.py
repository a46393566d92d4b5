"""The one folder in which uv finds all files of an install."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.installing.wheelhouse import wheelhouse
from tests.packs.loopback import Index, own_pack, tiny_wheel
from tests.packs.tiny import value


def stored(folder: Path, *names: str) -> list[Path]:
    paths = [folder / str(number) / name for number, name in enumerate(names)]
    for path in paths:
        path.parent.mkdir(parents=True)
        path.write_text(path.name, "utf-8")
    return paths


def test_all_files_lie_in_one_folder_until_the_end(home: Home, tmp_path: Path) -> None:
    files = stored(tmp_path / "store", "a.whl", "b.whl")
    changed = [path.stat().st_ctime_ns for path in files]
    with wheelhouse(home, files) as (house,):
        assert {path.name: path.read_text("utf-8") for path in house.iterdir()} == {
            "a.whl": "a.whl",
            "b.whl": "b.whl",
        }
    assert not house.exists()
    assert [path.stat().st_ctime_ns for path in files] == changed or os.name == "nt"
    assert [path.read_text("utf-8") for path in files] == ["a.whl", "b.whl"]


def test_what_a_killed_one_left_is_no_file_of_the_next(home: Home, tmp_path: Path) -> None:
    (one,) = stored(tmp_path / "store", "a.whl")
    with wheelhouse(home, [one]) as (house,):
        pass
    house.mkdir()
    (house / "old.whl").touch()
    (house / "gone.whl").symlink_to(tmp_path / "gone")
    with wheelhouse(home, [one]) as (house,):
        assert [path.name for path in house.iterdir()] == ["a.whl"]


def test_without_links_the_folders_of_the_files(
    home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(1, "no links here")

    files = stored(tmp_path / "store", "a.whl", "b.whl")
    with monkeypatch.context() as patch:
        patch.setattr(os, "symlink", refuse)
        patch.setattr(os, "link", refuse)
        with wheelhouse(home, files) as folders:
            assert folders == tuple(path.parent for path in files)
    with wheelhouse(home, stored(tmp_path / "more", "a.whl", "a.whl")) as folders:
        assert len(folders) == 2


def test_a_file_of_the_same_name_with_other_contents_is_told_apart(
    home: Home, tmp_path: Path, index: Index
) -> None:
    """uv's cache knows a wheel by folder and name; what it is given is the one with the hash."""
    for number in (1, 2, 1):
        wheel = tiny_wheel(
            "tiny-fit", "1.0", {"tiny_fit/__init__.py": f"VALUE = {number}\n".encode()}
        )
        index.wheels[:] = [wheel]
        packs = Packs(home, [own_pack(tmp_path / "tiny_pack", wheel)])
        packs.install(["tiny-pack"])
        assert value(packs) == float(number)
        assert not list(home.downloads.glob("wheelhouse*"))
