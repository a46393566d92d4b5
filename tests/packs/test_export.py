"""packs export: a zip from which another machine installs, and what stops it."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from dubwright.home import Home
from dubwright.packs.care.export import MANIFEST_NAME, ExportResult, export
from dubwright.packs.installing.models import place_own
from dubwright.packs.installing.supply import Supply
from dubwright.packs.manifest import Manifest, read_manifest
from dubwright.packs.record import CanaryRun, ModelFile, Record, write_record
from dubwright_kit import Cancelled, Problem
from tests.packs.loopback import fit_wheel, own_pack
from tests.packs.test_models import CONTENT, files_under, packed, quiet, sha256, weights


@dataclass
class Kept:
    """A home with two installed packs, and the downloads that are kept."""

    home: Home
    manifests: dict[str, Manifest]
    downloads: dict[str, Path]

    def find(self, sha256: str, name: str) -> Path | None:
        return self.downloads.get(sha256)

    def distrust(self, sha256: str) -> None:
        del self.downloads[sha256]

    def export(self, name: str, out: Path, **options: Any) -> ExportResult:
        return export(self.home, self.manifests, name, out, self, **options)

    def problem(self, name: str, out: Path) -> Problem:
        before = sorted(out.parent.rglob("*"))
        with pytest.raises(Problem) as caught:
            self.export(name, out)
        assert sorted(out.parent.rglob("*")) == before
        assert caught.value.next_action is not None
        return caught.value


WHEEL = fit_wheel("1.0", 1, 3_000_000)
ARCHIVE = packed(CONTENT)


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    home = Home.find(tmp_path / "home")
    store = tmp_path / "store"
    store.mkdir()
    downloads = {}
    for data in (WHEEL.data, ARCHIVE):
        path = store / sha256(data)
        path.write_bytes(data)
        downloads[path.name] = path
    tiny = read_manifest(own_pack(tmp_path / "tiny_pack", WHEEL))
    tiny = replace(tiny, requires=("official",))
    folder = tmp_path / "official"
    folder.mkdir()
    (folder / "pack.toml").write_text("# weights\n")
    official = Manifest(
        "official", "Weights", "", folder, "host", "MIT", kind="weights",
        weights=(weights(ARCHIVE, CONTENT),),
    )  # fmt: skip
    wheel = {WHEEL.name: ModelFile(len(WHEEL.data), WHEEL.sha256)}
    archive = {"2stems.tar.gz": ModelFile(len(ARCHIVE), sha256(ARCHIVE))}
    ran = CanaryRun(1.0, 1.0, 1.0, 1, 1.0)
    for record in (
        Record("tiny-pack", "1", "1+x", "x", "lock.txt", "/a/python", files=wheel, canary=ran),
        Record("official", "1", "1+y", "y", files=archive, wall_s=3.0),
    ):
        home.pack(record.name).mkdir(parents=True)
        write_record(home.pack(record.name), record)
    return Kept(home, {"tiny-pack": tiny, "official": official}, downloads)


def test_everything_that_it_was_installed_from(kept: Kept, tmp_path: Path) -> None:
    told: list[tuple[float, float | None]] = []
    out = tmp_path / "stick" / "tiny.zip"
    result = kept.export(
        "tiny-pack", out, report=lambda done, total=None, note="": told.append((done, total))
    )
    assert result.path == out
    assert result.packs == ("official", "tiny-pack")
    assert result.size_bytes == out.stat().st_size
    assert told == sorted(told)
    assert told[-1][0] == told[-1][1]
    with zipfile.ZipFile(out) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert archive.read(f"files/{WHEEL.name}") == WHEEL.data
        assert archive.read("files/2stems.tar.gz") == ARCHIVE
        listing = json.loads(archive.read(MANIFEST_NAME))
        everything = b"".join(archive.read(name) for name in names if name.endswith("json"))
    assert {
        "packs/tiny-pack/pack.toml", "packs/tiny-pack/lock.txt", "packs/tiny-pack/record.json",
        "packs/official/pack.toml", MANIFEST_NAME,
    } <= set(names)  # fmt: skip
    assert len(names) == result.files
    assert b"/a/python" not in everything, "where this machine's Python lies is nobody's business"
    files = {one["path"]: one for one in listing["files"]}
    assert files[f"files/{WHEEL.name}"]["sha256"] == WHEEL.sha256
    assert files["files/2stems.tar.gz"]["licence"] == "MIT"
    assert files["files/2stems.tar.gz"]["packs"] == ["official"]
    assert [path.name for path in out.parent.iterdir()] == ["tiny.zip"]


def test_the_same_bytes_each_time(kept: Kept, tmp_path: Path) -> None:
    first = kept.export("tiny-pack", tmp_path / "1.zip").path.read_bytes()
    assert kept.export("tiny-pack", tmp_path / "2.zip").path.read_bytes() == first
    again = kept.export("tiny-pack", tmp_path / "1.zip")
    assert again.size_bytes == len(first)
    (tmp_path / "folder").mkdir()
    inside = kept.export("tiny-pack", tmp_path / "folder")
    assert inside.path == tmp_path / "folder" / "tiny-pack.zip"


def test_it_is_a_supply(kept: Kept, tmp_path: Path) -> None:
    out = kept.export("tiny-pack", tmp_path / "x.zip").path
    with Supply.open(out, scratch=tmp_path / "scratch") as supply:
        wheel = supply.find(WHEEL.sha256, WHEEL.name, len(WHEEL.data))
        assert wheel is not None
        assert wheel.read_bytes() == WHEEL.data
        archive = supply.find(sha256(ARCHIVE), "2stems.tar.gz", len(ARCHIVE))
        assert archive is not None
        assert archive.read_bytes() == ARCHIVE
        assert supply.wheels() == ((WHEEL.name, len(WHEEL.data)),)
    assert not (tmp_path / "scratch").exists()


@pytest.mark.parametrize("unlisted", [True, False])
def test_weights_of_ones_own_travel_too(kept: Kept, tmp_path: Path, unlisted: bool) -> None:
    """And so do the listed ones when they came unpacked, without their archive."""
    models, mine = {}, {}
    for name in CONTENT:
        path = kept.home.pack("official") / "models" / "2stems" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"mine " + name.encode() if unlisted else CONTENT[name])
        mine[f"2stems/{name}"] = path.read_bytes()
        models[f"2stems/{name}"] = ModelFile(path.stat().st_size, sha256(path.read_bytes()))
    own_names = tuple(models) if unlisted else ()
    record = Record("official", "1", "1+y", "y", models=models, unlisted=own_names)
    write_record(kept.home.pack("official"), record)
    out = kept.export("official", tmp_path / "x.zip").path
    with Supply.open(out, scratch=tmp_path / "scratch") as supply:
        own = supply.own(kept.manifests["official"].weights[0], unlisted=unlisted)
        assert own is not None
        assert own.listed is not unlisted
        place_own(own, tmp_path / "models", quiet)
    assert files_under(tmp_path / "models") == mine


def test_two_files_of_one_name(kept: Kept, tmp_path: Path) -> None:
    other = packed({"other": b"o"})
    path = tmp_path / "other"
    path.write_bytes(other)
    kept.downloads[sha256(other)] = path
    files = {
        WHEEL.name: ModelFile(len(WHEEL.data), WHEEL.sha256),
        "2stems.tar.gz": ModelFile(len(other), sha256(other)),
    }
    write_record(
        kept.home.pack("tiny-pack"), Record("tiny-pack", "1", "1+x", "x", "lock.txt", files=files)
    )
    out = kept.export("tiny-pack", tmp_path / "x.zip").path
    with Supply.open(out, scratch=tmp_path / "scratch") as supply:
        for data in (other, ARCHIVE):
            found = supply.find(sha256(data), "2stems.tar.gz", len(data))
            assert found is not None
            assert found.read_bytes() == data


def test_not_installed(kept: Kept, tmp_path: Path) -> None:
    (kept.home.pack("tiny-pack") / "record.json").unlink()
    problem = kept.problem("tiny-pack", tmp_path / "x.zip")
    assert problem.code == "pack-not-installed"
    assert kept.problem("nothing", tmp_path / "x.zip").code == "pack-unknown"


@pytest.mark.parametrize("how", ["gone", "unreadable", "damaged"])
def test_a_download_that_is_not_kept(kept: Kept, tmp_path: Path, how: str) -> None:
    path = kept.downloads[WHEEL.sha256]
    if how == "gone":
        del kept.downloads[WHEEL.sha256]
    elif how == "unreadable":
        path.unlink()
    else:
        path.write_bytes(WHEEL.data[:-1] + b"x")
    problem = kept.problem("tiny-pack", tmp_path / "x.zip")
    assert problem.code == "pack-export-incomplete"
    assert WHEEL.name in problem.message
    assert (WHEEL.sha256 in kept.downloads) == (how == "unreadable"), "damaged: never used again"


def test_nothing_else_is_overwritten(kept: Kept, tmp_path: Path) -> None:
    film = tmp_path / "film.zip"
    film.write_bytes(b"a film")
    assert kept.problem("tiny-pack", film).code == "pack-export-exists"
    assert film.read_bytes() == b"a film"
    kept.export("official", tmp_path / "x.zip")
    problem = kept.problem("tiny-pack", tmp_path / "x.zip")
    assert problem.code == "pack-export-exists"
    assert problem.next_action is not None
    assert problem.next_action.args["out"] == str(tmp_path / "x-2.zip")


@pytest.mark.parametrize(
    ("number", "code"), [(errno.ENOSPC, "disk-full"), (errno.EROFS, "out-not-writable")]
)
def test_no_room_and_no_right(
    kept: Kept, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, code: str
) -> None:
    def fails(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fails)
    problem = kept.problem("tiny-pack", tmp_path / "x.zip")
    assert problem.code == code
    assert str(tmp_path) in problem.message


def test_a_folder_that_is_a_file(kept: Kept, tmp_path: Path) -> None:
    (tmp_path / "f").write_text("")
    assert kept.problem("tiny-pack", tmp_path / "f" / "x.zip").code == "out-not-writable"


def test_stopped(kept: Kept, tmp_path: Path) -> None:
    def stop(done: float, total: float | None = None, note: str = "") -> None:
        raise Cancelled("")

    (tmp_path / "out").mkdir()
    with pytest.raises(Cancelled):
        kept.export("tiny-pack", tmp_path / "out" / "x.zip", report=stop)
    assert list((tmp_path / "out").iterdir()) == []


def test_hashes_of_the_listing_are_those_of_the_zip(kept: Kept, tmp_path: Path) -> None:
    out = kept.export("tiny-pack", tmp_path / "x.zip").path
    with zipfile.ZipFile(out) as archive:
        listing = json.loads(archive.read(MANIFEST_NAME))
        for one in listing["files"]:
            data = archive.read(one["path"])
            assert (hashlib.sha256(data).hexdigest(), len(data)) == (
                one["sha256"],
                one["size_bytes"],
            )
