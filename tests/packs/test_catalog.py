"""States of packs, what to do about each, and that looking costs nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs, resolve
from dubwright.packs.record import ModelFile, Record, identity, read_record, write_record
from dubwright.packs.state import lock_hashes
from dubwright_kit import Problem
from tests.packs.loopback import fit_wheel, own_pack


@pytest.fixture
def packs(tmp_path: Path) -> Packs:
    return Packs(Home(tmp_path / "home"))


def record_of(packs: Packs, name: str, root: Path, version: str = "") -> Record:
    """Write what an install would have written, without one."""
    manifest = packs.manifest(name)
    (lock_sha256,) = sorted(lock_hashes(manifest))[:1]
    found = Record(
        name, version or manifest.version, identity(manifest.version, lock_sha256, {}), lock_sha256
    )
    (root / "home" / "packs" / name).mkdir(parents=True)
    write_record(root / "home" / "packs" / name, found)
    return found


def test_a_pack_that_is_not_installed_says_how_large_it_is(packs: Packs) -> None:
    with pytest.raises(Problem) as caught:
        packs.require("tts-preview")
    problem = caught.value
    assert problem.code == "pack-not-installed"
    assert "10.1 MB" in problem.message or " 9." in problem.message
    assert problem.next_action is not None
    assert problem.next_action.verb == "packs install"
    assert problem.next_action.args == {"_": ["tts-preview"]}


def test_builtin_packs_run_in_this_python(tmp_path: Path, packs: Packs) -> None:
    spec = resolve(Home(tmp_path / "home"), "mixer")
    assert (spec.python, spec.env) == (Path(sys.executable), "host")
    assert packs.status("mixer").state == "builtin"
    assert packs.identity("mixer") == spec.version
    with pytest.raises(Problem) as caught:
        packs.remove("mixer")
    assert caught.value.code == "pack-not-removable"


@pytest.mark.parametrize("verb", ["status", "require", "resolve", "remove", "log", "identity"])
def test_an_unknown_name_is_a_problem_that_lists_the_names(packs: Packs, verb: str) -> None:
    with pytest.raises(Problem, match="tts-preview") as caught:
        getattr(packs, verb)("tts-previw")
    assert caught.value.code == "pack-unknown"


def test_unknown_names_are_refused_before_anything_is_installed(packs: Packs) -> None:
    for verb in (packs.plan, packs.install):
        with pytest.raises(Problem) as caught:
            verb(["nothing-such", "tts-preview"])
        assert caught.value.code == "pack-unknown"


def test_a_program_of_the_machine_decides_about_its_pack(
    packs: Packs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert packs.status("apertium").state == "unavailable"
    for verb in (packs.plan, packs.install):
        with pytest.raises(Problem, match="apertium") as caught:
            verb(["apertium"])
        assert caught.value.code == "pack-unavailable"
    program = tmp_path / "bin" / ("apertium.bat" if sys.platform == "win32" else "apertium")
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    assert packs.status("apertium").state == "installed"
    assert packs.resolve("apertium").env == "host"
    assert packs.plan(["apertium"])[0].installed
    assert packs.install(["apertium"])[0].state == "installed"


def test_an_environment_that_lost_its_python_is_broken(packs: Packs, tmp_path: Path) -> None:
    record_of(packs, "tts-preview", tmp_path)
    status = packs.status("tts-preview")
    assert status.state == "broken"
    assert "Python" in status.why
    with pytest.raises(Problem) as caught:
        packs.resolve("tts-preview")
    assert caught.value.code == "pack-broken"
    assert caught.value.next_action is not None
    assert caught.value.next_action.verb == "packs install"


def test_a_pack_of_another_version_of_the_program_is_broken(packs: Packs, tmp_path: Path) -> None:
    record_of(packs, "diarization", tmp_path, version="0")
    assert packs.status("diarization").state == "broken"


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"record": 99}', '{"record": 1, "models": {"a": 1}}']
)
def test_a_record_that_cannot_be_read_is_no_record(packs: Packs, tmp_path: Path, text: str) -> None:
    folder = tmp_path / "home" / "packs" / "diarization"
    folder.mkdir(parents=True)
    (folder / "record.json").write_text(text)
    assert read_record(folder) is None
    assert packs.status("diarization").state == "available"


def test_a_record_survives_its_file(tmp_path: Path) -> None:
    written = Record(
        "a",
        "1",
        "1+x",
        "x",
        distributions={"b": "2"},
        models={"c/d": ModelFile(3, "e")},
        wall_s=1.5,
    )
    write_record(tmp_path, written)
    assert read_record(tmp_path) == written


def test_weights_count_in_the_identity() -> None:
    plain = identity("1", "0" * 64, {})
    one = identity("1", "0" * 64, {"m": ModelFile(1, "a")})
    other = identity("1", "0" * 64, {"m": ModelFile(1, "b")})
    assert len({plain, one, other}) == 3


def test_ready_packs_come_first(tmp_path: Path) -> None:
    folder = own_pack(tmp_path / "an_other", fit_wheel("1.0", 1))
    names = [one.name for one in Packs(Home(tmp_path / "home"), [folder]).for_stage("fit")]
    assert names == ["fitter", "an-other"]


def test_there_is_no_log_before_an_install(packs: Packs) -> None:
    with pytest.raises(Problem) as caught:
        packs.log("tts-preview")
    assert caught.value.code == "pack-no-log"


def test_the_newest_log_of_exactly_this_pack(packs: Packs, tmp_path: Path) -> None:
    logs = tmp_path / "home" / "packs" / "logs"
    logs.mkdir(parents=True)
    for name, text in (
        ("diarization-20260101-000000.log", "old"),
        ("diarization-20260102-000000.log", "new"),
        ("diarization-more-20260103-000000.log", "another pack's"),
    ):
        (logs / name).write_text(text)
    assert packs.log("diarization") == "new"


def test_listing_imports_nothing_heavy_and_opens_no_connection(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path

def hook(event, arguments):
    if event.startswith(("socket.", "subprocess.", "os.exec", "os.fork")):
        raise SystemExit(f"{event} {arguments}")

sys.addaudithook(hook)
from dubwright.home import Home
from dubwright.packs.catalog import Packs
assert len(Packs(Home(Path(sys.argv[1]))).statuses()) > 5
heavy = {"numpy", "sqlalchemy", "dbos", "av", "onnxruntime", "psutil", "typer"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "home")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "home").exists(), "looking leaves nothing behind"
