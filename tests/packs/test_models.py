"""Weights in their place."""

from __future__ import annotations

import hashlib
import io
import random
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from dubwright.packs.installing.models import place_own, place_weights
from dubwright.packs.installing.supply import OwnWeights
from dubwright.packs.manifest import Weights
from dubwright_kit import Cancelled, Problem

CONTENT = {"checkpoint": b"model", "model.index": b"index", "model.data": bytes(range(256)) * 40}


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def packed(files: Mapping[str, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return out.getvalue()


def weights(data: bytes, members: Mapping[str, bytes], **fields: Any) -> Weights:
    given: dict[str, Any] = {
        "name": "2stems.tar.gz",
        "url": "https://example.org/2stems.tar.gz",
        "title": "Two stems",
        "licence": "MIT",
        "source": "https://example.org",
        "sha256": sha256(data),
        "size_bytes": len(data),
        "unpacked_bytes": sum(len(one) for one in members.values()),
        "unpack": "tar.gz",
        "into": "2stems",
        "members": {name: sha256(one) for name, one in members.items()},
    }
    return Weights(**{**given, **fields})


def quiet() -> None:
    """Nobody stops it."""


def files_under(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    return folder


def test_an_archive_is_unpacked_and_measured(tmp_path: Path, models: Path) -> None:
    archive = tmp_path / "some name"
    archive.write_bytes(packed({**CONTENT, "extra.txt": b"more"}))
    found = place_weights(weights(b"", CONTENT), archive, models, quiet)
    assert sorted(found) == sorted([*(f"2stems/{name}" for name in CONTENT), "2stems/extra.txt"])
    for name, content in CONTENT.items():
        assert (models / "2stems" / name).read_bytes() == content
        assert found[f"2stems/{name}"].sha256 == sha256(content)
        assert found[f"2stems/{name}"].size_bytes == len(content)
    assert sorted(path.name for path in models.iterdir()) == ["2stems"]


def test_one_folder_more_in_the_archive(tmp_path: Path, models: Path) -> None:
    archive = tmp_path / "x"
    archive.write_bytes(packed({f"release/{name}": one for name, one in CONTENT.items()}))
    found = place_weights(weights(b"", CONTENT), archive, models, quiet)
    assert sorted(found) == sorted(f"2stems/{name}" for name in CONTENT)


def test_a_plain_file_beside_another(tmp_path: Path, models: Path) -> None:
    for name in ("a.onnx", "b.onnx"):
        path = tmp_path / f"{name} (1)"
        path.write_bytes(name.encode())
        one = weights(name.encode(), {}, name=name, unpack="", into="")
        assert place_weights(one, path, models, quiet)[name].sha256 == sha256(name.encode())
    assert files_under(models) == {"a.onnx": b"a.onnx", "b.onnx": b"b.onnx"}
    assert (tmp_path / "a.onnx (1)").exists()
    other = weights(b"other", {}, name="c.onnx", unpack="", into="")
    with pytest.raises(Problem, match=r"c\.onnx"):
        place_weights(other, tmp_path / "a.onnx (1)", models, quiet)
    assert not (models / "c.onnx").exists()


@pytest.mark.parametrize("change", ["missing", "other"])
def test_other_weights_in_the_archive(tmp_path: Path, models: Path, change: str) -> None:
    content = {**CONTENT, "model.index": b"INDEX"}
    if change == "missing":
        del content["model.index"]
    archive = tmp_path / "x"
    archive.write_bytes(packed(content))
    with pytest.raises(Problem) as caught:
        place_weights(weights(b"", CONTENT), archive, models, quiet, pack="spleeter")
    assert caught.value.code == "pack-weights-wrong"
    assert "model.index" in caught.value.message
    assert caught.value.next_action is not None
    assert caught.value.next_action.args == {"_": ["spleeter"]}
    assert files_under(models) == {}


def test_an_archive_larger_than_it_should_be(tmp_path: Path, models: Path) -> None:
    archive = tmp_path / "x"
    archive.write_bytes(packed({**CONTENT, "more": random.Random(1).randbytes(2_000_000)}))
    with pytest.raises(Problem) as caught:
        place_weights(weights(b"", CONTENT), archive, models, quiet)
    assert caught.value.code == "pack-archive-unsafe"
    assert files_under(models) == {}


def test_own_weights_need_the_names_only(tmp_path: Path, models: Path) -> None:
    mine = {name: b"mine " + one for name, one in CONTENT.items()}
    archive = tmp_path / "x"
    archive.write_bytes(packed({**mine, "more": random.Random(1).randbytes(2_000_000)}))
    found = place_own(OwnWeights(weights(b"", CONTENT), archive), models, quiet)
    assert found["2stems/checkpoint"].sha256 == sha256(mine["checkpoint"])

    other = tmp_path / "other"
    other.mkdir()
    paths = {}
    for name, content in mine.items():
        paths[name] = tmp_path / f"{name}.copy"
        paths[name].write_bytes(content)
    found = place_own(OwnWeights(weights(b"", CONTENT), None, paths), other, quiet)
    assert files_under(other) == {f"2stems/{name}": one for name, one in mine.items()}
    assert sorted(found) == sorted(files_under(other))

    del paths["model.index"]
    with pytest.raises(Problem) as caught:
        place_own(OwnWeights(weights(b"", CONTENT), None, paths), tmp_path / "third", quiet)
    assert caught.value.code == "pack-weights-wrong"


def test_stopped(tmp_path: Path, models: Path) -> None:
    def stop() -> None:
        raise Cancelled("")

    archive = tmp_path / "x"
    archive.write_bytes(packed(CONTENT))
    with pytest.raises(Cancelled):
        place_weights(weights(b"", CONTENT), archive, models, stop)
    assert files_under(models) == {}
