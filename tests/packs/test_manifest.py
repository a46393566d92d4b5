"""pack.toml files, the locks and sizes beside them, and which wheel a Python takes."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from dubwright.packs.manifest import Manifest, load_manifests, read_manifest
from dubwright.packs.record import (
    Attempt,
    CanaryRun,
    ModelFile,
    Record,
    read_record,
    write_record,
)
from dubwright.packs.wheels import Target, read_lock
from dubwright_kit import CONTRACTS
from tests.packs.loopback import fit_wheel, own_pack

ECHO = Path(__file__).resolve().parent / "echo"
SHIPPED = load_manifests()
LINUX = Target((3, 11), "linux", "x86_64", "glibc", (2, 36))
PLATFORMS = {
    "linux": LINUX,
    "linux arm": Target((3, 11), "linux", "aarch64", "glibc", (2, 36)),
    "mac": Target((3, 11), "darwin", "arm64", "", (14, 0)),
    "old mac": Target((3, 11), "darwin", "x86_64", "", (13, 0)),
    "windows": Target((3, 11), "win32", "x86_64"),
}


def test_the_packs_of_this_issue_are_there() -> None:
    builtin = {name for name, one in SHIPPED.items() if one.builtin}
    assert {"ingest", "builtin", "fitter", "mixer", "muxer"} <= builtin
    assert {name for name, one in SHIPPED.items() if one.installable} >= {
        "asr-pocketsphinx",
        "tts-preview",
        "diarization",
        "python-toolchain",
        "spleeter",
        "spleeter-tensorflow",
    }
    assert SHIPPED["apertium"].requires_program == "apertium"
    assert "es" in SHIPPED["tts-preview"].languages
    assert set(CONTRACTS) == {one.stage for one in SHIPPED.values() if one.kind == "backend"}
    assert all(other in SHIPPED for one in SHIPPED.values() for other in one.requires)


def test_folders_of_other_packs_are_added() -> None:
    assert "echo" not in SHIPPED
    assert load_manifests([ECHO])["echo"].folder == ECHO
    with pytest.raises(ValueError, match="the same id echo"):
        load_manifests([ECHO, ECHO])


def test_a_pack_of_ones_own_takes_the_place_of_a_shipped_one(tmp_path: Path) -> None:
    shipped = SHIPPED["spleeter"]
    own = tmp_path / "spleeter"
    shutil.copytree(shipped.folder, own)
    found = load_manifests([own])
    assert list(found) == list(SHIPPED)
    assert found["spleeter"] == replace(shipped, folder=own)
    elsewhere = tmp_path / "elsewhere" / "spleeter"
    shutil.copytree(own, elsewhere)
    with pytest.raises(ValueError, match="the same id spleeter"):
        load_manifests([own, elsewhere])


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("stage", '"dream"'), "no stage"),
        (("env", '"cloud"'), "env must be"),
        (("licence", '""'), "licence"),
        (("id", '"other"'), "folder"),
        (("colour", '"red"'), "colour"),
        (("builtin", "true"), "builtin"),
        (("env", '"host"'), "locks need"),
    ],
)
def test_a_manifest_that_breaks_the_schema_is_refused(
    tmp_path: Path, change: tuple[str, str], complaint: str
) -> None:
    folder = own_pack(tmp_path / "tiny_pack", fit_wheel("1.0", 1))
    path = folder / "pack.toml"
    key, value = change
    lines = [line for line in path.read_text().splitlines() if not line.startswith(f"{key} =")]
    path.write_text(f"{key} = {value}\n" + "\n".join(lines))
    with pytest.raises(ValueError, match=complaint) as caught:
        read_manifest(folder)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("manifest", SHIPPED.values(), ids=SHIPPED.keys())
def test_locks_name_no_host_and_know_the_size_of_every_file(manifest: Manifest) -> None:
    for name in manifest.lock_files:
        text = (manifest.folder / name).read_text("utf-8")
        assert not re.search(r"https?:|index-url|find-links", text)
        lock = read_lock(manifest.folder / name)
        for pin in lock.pins:
            assert len(lock.wheels[pin]) == len(pin.sha256)
            assert all(wheel.size_bytes > 0 for wheel in lock.wheels[pin])
    if manifest.lock_files:
        sizes = json.loads((manifest.folder / "sizes.json").read_text("utf-8"))
        assert sizes["files"]


@pytest.mark.parametrize("platform", PLATFORMS.values(), ids=PLATFORMS.keys())
@pytest.mark.parametrize(
    "name", ["asr-pocketsphinx", "tts-preview", "diarization", "spleeter-tensorflow"]
)
def test_every_platform_gets_each_pack(name: str, platform: Target) -> None:
    manifest = SHIPPED[name]
    for entry in manifest.downloads:
        assert read_lock(manifest.folder / entry.file).choose(platform)
    candidates = [
        read_lock(manifest.folder / entry.file).choose(platform.with_python(version))
        for entry in manifest.locks
        for version in entry.python
    ]
    assert any(candidates) or not manifest.locks


@pytest.mark.parametrize(
    ("wheel", "target", "fits"),
    [
        ("a-1-py3-none-any.whl", LINUX, True),
        ("a-1-py2.py3-none-any.whl", LINUX, True),
        ("a-1-py2-none-any.whl", LINUX, False),
        ("a-1-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", LINUX, True),
        ("a-1-cp311-cp311-manylinux_2_39_x86_64.whl", LINUX, False),
        ("a-1-cp311-cp311-musllinux_1_2_x86_64.whl", LINUX, False),
        ("a-1-cp311-cp311-manylinux_2_17_aarch64.whl", LINUX, False),
        ("a-1-cp312-cp312-manylinux_2_17_x86_64.whl", LINUX, False),
        ("a-1-cp311-cp311t-manylinux_2_17_x86_64.whl", LINUX, False),
        ("a-1-cp39-abi3-manylinux_2_17_x86_64.whl", LINUX, True),
        ("a-1-cp312-abi3-manylinux_2_17_x86_64.whl", LINUX, False),
        ("a-1-cp311-cp311-win_amd64.whl", PLATFORMS["windows"], True),
        ("a-1-cp311-cp311-win_arm64.whl", PLATFORMS["windows"], False),
        ("a-1-cp311-cp311-macosx_10_9_universal2.whl", PLATFORMS["mac"], True),
        ("a-1-cp311-cp311-macosx_15_0_arm64.whl", PLATFORMS["mac"], False),
        ("a-1-cp311-cp311-macosx_11_0_arm64.whl", PLATFORMS["old mac"], False),
    ],
)
def test_which_wheels_fit(wheel: str, target: Target, fits: bool) -> None:
    assert (target.rank(wheel) is not None) is fits


def test_the_closest_wheel_wins() -> None:
    offered = [
        "a-1-py3-none-any.whl",
        "a-1-cp39-abi3-manylinux_2_17_x86_64.whl",
        "a-1-cp311-cp311-manylinux_2_17_x86_64.whl",
        "a-1-cp311-cp311-manylinux_2_28_x86_64.whl",
    ]
    ranked = sorted(offered, key=lambda name: LINUX.rank(name) or (9, 9))
    assert ranked == offered[::-1]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("tiny-fit==1.0\n", "not a pinned"),
        ("tiny-fit>=1.0 --hash=sha256:" + "0" * 64 + "\n", "not a pinned"),
        ("tiny-fit==1.0 ; python > 3 --hash=sha256:" + "0" * 64 + "\n", "not a marker"),
        ("tiny-fit==1.0 --hash=sha256:" + "0" * 64 + "\n", "no file"),
    ],
)
def test_a_lock_that_is_not_exact_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    folder = own_pack(tmp_path / "tiny_pack", fit_wheel("1.0", 1))
    (folder / "lock.txt").write_text(text)
    with pytest.raises(ValueError, match=complaint):
        read_lock(folder / "lock.txt")


def test_a_record_comes_back_as_it_was_written(tmp_path: Path) -> None:
    record = Record(
        name="tiny-pack",
        version="1",
        identity="1+abc",
        lock_sha256="abc",
        files={"tiny.whl": ModelFile(3, "f" * 64)},
        attempts=(Attempt("shipped lock", "a file is gone"), Attempt("wheels only")),
        canary=CanaryRun(2.0, 1.5, 0.5, 100_000_000, 5.0),
    )
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record
