"""A machine without a network is served by a zip or a folder."""

from __future__ import annotations

import http.server
import socket
import threading
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import pytest

from dubwright.home import Home
from dubwright.packs.care.export import export
from dubwright.packs.care.licences import pack_licences
from dubwright.packs.care.verify import VerifyResult, verify
from dubwright.packs.catalog import Packs
from dubwright.packs.fetch.store import Store
from dubwright.packs.installing.options import InstallOptions
from dubwright.packs.record import Record, read_record
from dubwright_kit import Problem
from tests.packs.loopback import Index, fit_wheel, own_pack
from tests.packs.test_models import CONTENT, packed, quiet, sha256
from tests.packs.tiny import leftovers

OFFICIAL = packed(CONTENT)
MINE = {name: b"mine " + one for name, one in CONTENT.items()}
WEIGHTS = f"""
id = "tiny-weights"
title = "Tiny weights"
stage = ""
kind = "weights"
env = "host"
phase = 2
licence = "MIT"

[[weights]]
name = "2stems.tar.gz"
url = "http://127.0.0.1:9/2stems.tar.gz"
title = "Two stems"
licence = "MIT"
source = "https://example.org"
sha256 = "{sha256(OFFICIAL)}"
size_bytes = {len(OFFICIAL)}
unpacked_bytes = {sum(map(len, CONTENT.values()))}
unpack = "tar.gz"
into = "2stems"

[weights.members]
""" + "\n".join(f'"{name}" = "{sha256(one)}"' for name, one in CONTENT.items())


@dataclass
class Machine:
    """One home with the two packs."""

    home: Home
    folders: list[Path]

    @property
    def packs(self) -> Packs:
        return Packs(self.home, self.folders)

    def install(self, name: str, supply: Path | None = None, own: bool = False) -> None:
        self.packs.install([name], options=InstallOptions(supply=supply, own_weights=own))

    def problem(self, name: str, supply: Path, own: bool = False) -> Problem:
        with pytest.raises(Problem) as caught:
            self.install(name, supply, own)
        assert caught.value.next_action is not None
        return caught.value

    def state(self, name: str) -> str:
        return self.packs.status(name).state

    def record(self, name: str) -> Record:
        record = read_record(self.home.pack(name))
        assert record is not None
        return record

    def verify(self, name: str) -> VerifyResult:
        return verify(self.home, self.packs.manifest(name), self.record(name), quiet)

    def export(self, name: str, out: Path) -> tuple[str, ...]:
        store = Store(self.home.downloads)
        return export(self.home, self.packs.manifests, name, out, store).packs


@pytest.fixture
def folders(tmp_path: Path, index: Index) -> list[Path]:
    """A pack with an environment, which needs one of weights."""
    index.wheels.append(fit_wheel("1.0", 1, 200_000))
    tiny = own_pack(tmp_path / "packs" / "tiny_pack", index.wheels[0])
    text = (tiny / "pack.toml").read_text("utf-8")
    (tiny / "pack.toml").write_text('requires = ["tiny-weights"]\n' + text, "utf-8")
    weights = tmp_path / "packs" / "tiny_weights"
    weights.mkdir()
    (weights / "pack.toml").write_text(WEIGHTS, "utf-8")
    return [tiny, weights]


@pytest.fixture
def near(tmp_path: Path, folders: list[Path]) -> Machine:
    return Machine(Home.find(tmp_path / "near").prepare(), folders)


@pytest.fixture
def far(tmp_path: Path, folders: list[Path]) -> Machine:
    """Another machine."""
    return Machine(Home.find(tmp_path / "far").prepare(), folders)


def _no_connection(*arguments: Any) -> NoReturn:
    raise AssertionError(f"a connection to {arguments[1:]}")


def laid(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_by_usb_stick(
    near: Machine, far: Machine, tmp_path: Path, index: Index, monkeypatch: pytest.MonkeyPatch
) -> None:
    by_hand = laid(tmp_path / "by hand", {"2stems (1).tar.gz": OFFICIAL})
    near.install("tiny-weights", by_hand)
    near.install("tiny-pack")
    stick = tmp_path / "stick.zip"
    assert near.export("tiny-pack", stick) == ("tiny-weights", "tiny-pack")
    index.served.clear()
    index.faults.update({one.name: "404" for one in index.wheels})
    with monkeypatch.context() as patch:
        patch.setattr(socket.socket, "connect", _no_connection)
        far.install("tiny-pack", stick)
    assert index.served == {}
    for name in ("tiny-pack", "tiny-weights"):
        assert far.state(name) == "installed"
        assert far.verify(name).extra == ()
        assert far.record(name).identity == near.record(name).identity
        assert far.record(name).files == near.record(name).files
    assert leftovers(far.home) == []

    # Removing frees what was only there for it: more than the environment alone.
    assert far.packs.remove("tiny-pack") > 400_000
    assert not list((far.home.downloads / "files").rglob("*.whl"))
    assert far.verify("tiny-weights").checked == len(CONTENT)


def test_what_is_missing_or_wrong_is_said(far: Machine, tmp_path: Path, index: Index) -> None:
    stick = laid(tmp_path / "stick", {"2stems.tar.gz": OFFICIAL})
    wheel = index.wheels[0]
    problem = far.problem("tiny-pack", stick)
    assert problem.code == "pack-supply-incomplete"
    assert wheel.name in problem.message
    assert wheel.sha256 in problem.detail
    assert far.state("tiny-weights") == "installed", "what was there is installed"

    laid(stick, {wheel.name: wheel.data[:-1] + b"x"})
    assert far.problem("tiny-pack", stick, own=True).code == "pack-supply-mismatch"
    assert far.state("tiny-pack") == "available"
    assert index.served == {}
    assert leftovers(far.home) == []


@pytest.mark.parametrize("form", ["archive", "folder", "zip"])
def test_own_weights(near: Machine, far: Machine, tmp_path: Path, form: str) -> None:
    files = {f"2stems/{name}": content for name, content in MINE.items()}
    if form == "archive":
        files = {"2stems.tar.gz": packed(MINE)}
    supply = laid(tmp_path / "mine", files)
    if form == "zip":
        supply = tmp_path / "mine.zip"
        with zipfile.ZipFile(supply, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
    refused = "pack-supply-mismatch" if form == "archive" else "pack-supply-incomplete"
    assert near.problem("tiny-weights", supply).code == refused
    assert near.state("tiny-weights") == "available"
    near.install("tiny-weights", supply, own=True)
    record = near.record("tiny-weights")
    assert record.unlisted == tuple(sorted(f"2stems/{name}" for name in MINE))
    for name, content in MINE.items():
        assert record.models[f"2stems/{name}"].sha256 == sha256(content)
    assert near.verify("tiny-weights").checked == len(MINE)
    found = pack_licences(near.home, near.packs.manifest("tiny-weights"))
    assert {one.licence for one in found.models} == {"unknown: brought with --own-weights"}
    near.export("tiny-weights", tmp_path / "stick.zip")
    far.install("tiny-weights", tmp_path / "stick.zip", own=True)
    assert far.record("tiny-weights").identity == record.identity


def test_weights_without_a_hash_are_pinned_the_first_time(near: Machine, tmp_path: Path) -> None:
    served = {"w.bin": b"first"}

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(served["w.bin"])))
            self.end_headers()
            self.wfile.write(served["w.bin"])

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        text = (
            WEIGHTS[: WEIGHTS.index("[[weights]]")]
            + f"""
[[weights]]
name = "w.bin"
url = "http://127.0.0.1:{server.server_address[1]}/w.bin"
title = "Weights"
licence = "MIT"
source = "https://example.org"
"""
        )
        (tmp_path / "packs" / "tiny_weights" / "pack.toml").write_text(text, "utf-8")
        near.install("tiny-weights")
        assert near.record("tiny-weights").models["w.bin"].sha256 == sha256(b"first")
        near.packs.remove("tiny-weights")
        served["w.bin"] = b"other"
        with pytest.raises(Problem) as caught:
            near.install("tiny-weights")
        assert caught.value.code == "pack-hash-mismatch"
        assert near.state("tiny-weights") == "available"
        served["w.bin"] = b"first"
        near.install("tiny-weights")
        server.shutdown()
