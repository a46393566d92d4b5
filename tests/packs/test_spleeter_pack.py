"""The two packs of Spleeter in the plan: the weights alone, and the official package that reads them."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.installing.options import InstallOptions
from dubwright.packs.manifest import load_manifests
from dubwright_kit import Problem

SHIPPED = load_manifests()
WEIGHTS, OFFICIAL = SHIPPED["spleeter"], SHIPPED["spleeter-tensorflow"]


def test_both_have_the_same_pinned_weights() -> None:
    (entry,) = WEIGHTS.weights
    assert OFFICIAL.weights == (entry,)
    assert len(entry.sha256) == 64
    assert set(entry.members) == {
        "checkpoint",
        "model.meta",
        "model.index",
        "model.data-00000-of-00001",
    }
    assert all(len(one) == 64 for one in entry.members.values())
    assert entry.size_bytes == 73_109_797


def test_one_is_ticked_and_the_large_one_comes_after_it() -> None:
    assert WEIGHTS.ticked
    assert not OFFICIAL.ticked
    assert WEIGHTS.order < OFFICIAL.order
    for manifest in (WEIGHTS, OFFICIAL):
        assert f"dubwright packs install {manifest.id} --from FOLDER" in manifest.manual
        assert f"{manifest.weights[0].size_bytes:,} bytes" in manifest.manual
    assert WEIGHTS.weights[0].sha256 in WEIGHTS.manual


def test_a_pack_without_a_backend_is_listed_and_planned(tmp_path: Path) -> None:
    packs = Packs(Home.find(tmp_path))
    status = packs.status("spleeter")
    assert status.state == "available"
    assert status in packs.statuses()
    assert "spleeter" not in {one.name for one in packs.for_stage("separate")}
    (bill,) = packs.plan(["spleeter"])
    assert bill.download_bytes == 73_109_797
    assert bill.unpacked_bytes == 79_424_966
    assert bill.interpreter is None
    assert any("MIT" in one for one in bill.licences)
    with pytest.raises(Problem, match=r"73\.1 MB"):
        packs.require("spleeter")


def test_weights_alone_are_installed_without_a_canary(tmp_path: Path) -> None:
    """With small weights of one's own in their place, from a folder: nothing connects."""
    supply = tmp_path / "stick"
    supply.mkdir()
    with tarfile.open(supply / "2stems.tar.gz", "w:gz") as tar:
        for name in WEIGHTS.weights[0].members:
            info = tarfile.TarInfo(name)
            info.size = 9
            tar.addfile(info, io.BytesIO(b"9 bytes.\n"))
    packs = Packs(Home.find(tmp_path / "home").prepare())
    (status,) = packs.install(["spleeter"], options=InstallOptions(supply=supply, own_weights=True))
    assert status.state == "installed"
    assert status.record is not None
    assert status.record.canary is None
    assert set(status.record.models) == {f"2stems/{name}" for name in WEIGHTS.weights[0].members}
