"""What removing a pack frees, and that it frees nothing that another pack needs."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.care.prune import pack_places, prune, stored
from dubwright.packs.record import ModelFile, Record, tree_bytes, write_record
from tests.packs.loopback import TinyWheel, fit_wheel, tiny_wheel
from tests.packs.test_verify import SITE, install


def brought(home: Home, wheels: list[TinyWheel]) -> dict[str, ModelFile]:
    for one in wheels:
        folder = stored(home, one.sha256)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / one.name).write_bytes(one.data)
    return {one.name: ModelFile(len(one.data), one.sha256) for one in wheels}


def test_a_file_with_several_names_counts_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    (tmp_path / "a" / "x").write_bytes(bytes(1_000))
    (tmp_path / "a" / "y").write_bytes(bytes(10))
    (tmp_path / "b" / "x").hardlink_to(tmp_path / "a" / "x")
    assert tree_bytes(tmp_path / "a", tmp_path / "b", tmp_path / "gone") == 1_010


def test_only_what_nobody_else_needs(
    tmp_path: Path, uv: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(os.environ):
        if name.startswith("UV_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DUBWRIGHT_UV", str(uv))
    home = Home.find(tmp_path / "home")
    shared = tiny_wheel("shared", "1.0", {"shared.py": b"VALUE = 1\n" * 5_000})
    only = fit_wheel("1.0", 1, 300_000)
    for name, wheels in (("one", [shared, only]), ("two", [shared])):
        install(uv, home, home.pack(name), wheels)
        files = brought(home, wheels)
        write_record(
            home.pack(name),
            Record(
                name, "1", "1+x", "x", files=files,
                distributions={wheel.project: "1.0" for wheel in wheels},
            ),
        )  # fmt: skip
    waiting = fit_wheel("9.0", 9)
    brought(home, [waiting])  # of a pack whose install was stopped
    removed = Record(
        "one", "1", "1+x", "x",
        files=brought(home, [shared, only]), distributions={"shared": "1.0", "tiny-fit": "1.0"},
    )  # fmt: skip

    before = tree_bytes(*pack_places(home, "one"), home.pack("two"))
    shutil.rmtree(home.pack("one"))
    prune(home, removed)
    freed = before - tree_bytes(*pack_places(home, "one"), home.pack("two"))
    assert freed > 600_000, "the download and its one unpacked copy"
    assert not stored(home, only.sha256).exists()
    assert stored(home, shared.sha256).exists()
    assert stored(home, waiting.sha256).exists()
    kept = {path.name for path in home.uv_cache.rglob("*.dist-info")}
    assert "shared-1.0.dist-info" in kept
    assert "tiny_fit-1.0.dist-info" not in kept
    assert (home.pack("two") / "env" / SITE / "shared.py").stat().st_size > 0

    # What is left is whole: uv, without any network, makes both again.
    size = tree_bytes(home.uv_cache)
    install(uv, home, home.pack("two"), [shared])
    assert abs(tree_bytes(home.uv_cache) - size) < 50_000
    install(uv, home, home.pack("one"), [shared, only])
    assert (home.pack("one") / "env" / SITE / "tiny_fit" / "ballast.bin").stat().st_size == 300_000


def test_a_pack_that_was_alone(tmp_path: Path) -> None:
    home = Home.find(tmp_path / "home").prepare()
    prune(home, Record("one", "1", "1+x", "x", distributions={"x": "1"}))
    assert tree_bytes(*pack_places(home, "one")) == 0
