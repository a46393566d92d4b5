"""Which Python a pack gets: 3.11 before others, never whatever `python` is; a choice overrides."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.manifest import Manifest, read_manifest
from dubwright.packs.toolchain import places
from dubwright.packs.toolchain.choice import fit, in_order
from dubwright.packs.toolchain.interpreter import Interpreter, Interpreters, ask
from dubwright.packs.toolchain.settings import choose_python, chosen_python
from dubwright.packs.wheels import Target
from dubwright.studio.packpython import pack_python
from dubwright_kit import Problem
from tests.packs.fake_python import fake_python, script
from tests.packs.loopback import fit_wheel, own_pack

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="shell scripts play the interpreters"
)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with no Python at all: add some to its ``bin`` (PATH) or ``pyenv``."""
    monkeypatch.setattr(Interpreters, "host", lambda self: None)
    monkeypatch.setattr(places, "_unix", lambda version: iter(()))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path / "pyenv"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    return tmp_path


def manifest_for(folder: Path, *pythons: str) -> Manifest:
    own_pack(folder, fit_wheel("1.0", 1))
    path = folder / "pack.toml"
    lines = [line for line in path.read_text().splitlines() if not line.startswith("python =")]
    path.write_text("\n".join([*lines, f"python = {list(pythons)}"]))
    return read_manifest(folder)


def taken(manifest: Manifest, chosen: str = "", env: dict[str, str] | None = None) -> str:
    found = fit(manifest, Interpreters(env=env), chosen)
    assert found is not None
    if found.interpreter is None:
        return f"fetch {found.managed}"
    return found.interpreter.version


def test_3_11_comes_first_then_older_ones_then_newer() -> None:
    mixed = ["3.14", "3.8", "3.12", "3.10", "3.11", "3.9", "3.13", "3.11"]
    assert in_order(mixed) == ["3.11", "3.10", "3.9", "3.8", "3.12", "3.13", "3.14"]


def test_the_order_is_the_same_whatever_the_pack_lists_first(machine: Path) -> None:
    for version in ("3.12", "3.9", "3.10"):
        fake_python(machine / "bin" / f"python{version}", f"{version}.3")
    manifest = manifest_for(machine / "tiny_pack", "3.12", "3.9", "3.10", "3.11")
    assert taken(manifest) == "3.10.3"
    fake_python(machine / "pyenv" / "versions" / "3.11.9" / "bin" / "python3.11", "3.11.9")
    fake_python(machine / "pyenv" / "versions" / "3.11.10" / "bin" / "python3.11", "3.11.10")
    assert taken(manifest) == "3.11.10"


def test_a_newer_default_is_never_taken_for_a_pack_that_does_not_list_it(machine: Path) -> None:
    for name in ("python", "python3", "python3.14"):
        fake_python(machine / "bin" / name, "3.14.0")
    # Somebody has linked the default under an older name.
    fake_python(machine / "bin" / "python3.11", "3.14.0")
    manifest = manifest_for(machine / "tiny_pack", "3.11", "3.10")
    assert taken(manifest) == "fetch 3.11"
    fake_python(machine / "bin" / "python3", "3.10.2")
    assert taken(manifest) == "3.10.2"


def test_the_running_python_is_one_of_its_version_and_is_not_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = Interpreter(Path(sys.executable), "3.14.0", Target.here().with_python("3.14"))
    monkeypatch.setattr(Interpreters, "host", lambda self: host)
    monkeypatch.setattr(places, "_unix", lambda version: iter(()))
    env = {"PATH": str(tmp_path / "bin"), "PYENV_ROOT": str(tmp_path)}
    monkeypatch.setenv("HOME", str(tmp_path))
    fake_python(tmp_path / "bin" / "python3.12", "3.12.1")
    manifest = manifest_for(tmp_path / "tiny_pack", "3.12", "3.14")
    assert taken(manifest, env=env) == "3.12.1"
    (tmp_path / "bin" / "python3.12").unlink()
    started: list[object] = []
    monkeypatch.setattr("dubwright.packs.toolchain.interpreter.output_of", started.append)
    assert taken(manifest, env=env) == "3.14.0"
    assert started == []


@pytest.mark.parametrize(
    "facts",
    [{"implementation": "pypy"}, {"bits": "32"}, {"free_threaded": "yes"}],
    ids=["pypy", "32-bit", "free-threaded"],
)
def test_what_packs_cannot_use_is_refused(machine: Path, facts: dict[str, str]) -> None:
    fake_python(machine / "bin" / "python3.11", "3.11.4", **facts)
    fake_python(machine / "bin" / "python3.10", "3.10.4")
    assert taken(manifest_for(machine / "tiny_pack", "3.11", "3.10")) == "3.10.4"


@pytest.mark.parametrize(
    "answer",
    [
        "echo 'pyenv: python3.11: command not found' >&2; exit 127",
        "exit 0",
        "echo '{}'",
        "echo [3]",
    ],
)
def test_a_shim_without_a_python_behind_it_is_passed_over(machine: Path, answer: str) -> None:
    script(machine / "bin" / "python3.11", answer)
    fake_python(machine / "bin" / "python3.9", "3.9.4")
    assert taken(manifest_for(machine / "tiny_pack", "3.11", "3.9")) == "3.9.4"


def test_an_environment_stands_for_its_base_which_must_be_there(machine: Path) -> None:
    base = fake_python(machine / "opt" / "python3.11", "3.11.4")
    inside = machine / "bin" / "python3.11"
    fake_python(inside, "3.11.4", base=str(base))
    found = ask(inside)
    assert found is not None
    assert found.path == base
    base.unlink()
    assert ask(inside) is None


def test_a_real_environment_stands_for_its_base(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "env"], check=True)
    found = Interpreters(env={}).at(tmp_path / "env")
    host = Interpreters().host()
    assert found is not None
    assert host is not None
    assert found.path.resolve() == host.path.resolve()


def test_each_python_is_started_once_in_one_look(machine: Path) -> None:
    counted = machine / "count"
    path = fake_python(machine / "bin" / "python3.9", "3.9.4")
    path.write_text(path.read_text().replace("#!/bin/sh\n", f"#!/bin/sh\necho x >> '{counted}'\n"))
    interpreters = Interpreters()
    for _ in range(3):
        assert [one.version for one in interpreters.find(["3.9"])] == ["3.9.4"]
    assert counted.read_text() == "x\n"


def test_a_choice_is_taken_or_told_why_not(machine: Path) -> None:
    fake_python(machine / "bin" / "python3.11", "3.11.4")
    elsewhere = fake_python(machine / "else where" / "bin" / "python3", "3.10.7")
    newer = fake_python(machine / "new" / "python", "3.14.0")
    mute = script(machine / "mute", "exit 1")
    manifest = manifest_for(machine / "tiny_pack", "3.11", "3.10", "3.9")
    assert taken(manifest, "3.11") == "3.11.4"
    assert taken(manifest, "3.9") == "fetch 3.9"
    assert taken(manifest, str(elsewhere)) == "3.10.7"
    assert taken(manifest, str(elsewhere.parent.parent)) == "3.10.7"
    for chosen, why in (
        ("3.14", "Python 3.14 is not among"),
        (str(newer), "is Python 3.14.0"),
        (str(mute), "does not answer"),
        (str(machine / "gone"), "there is no"),
    ):
        with pytest.raises(Problem, match=why) as caught:
            fit(manifest, Interpreters(), chosen)
        assert caught.value.code == "pack-python-unfit"
        assert "It runs on 3.11, 3.10, 3.9." in caught.value.message
        assert caught.value.next_action is not None
        assert caught.value.next_action.args == {"_": ["tiny-pack", "auto"]}


def test_the_choice_is_kept_shown_and_taken_back(machine: Path) -> None:
    home = Home.find(machine / "the home")
    fake_python(machine / "bin" / "python3.11", "3.11.4")
    fake_python(machine / "bin" / "python3.10", "3.10.4")
    manifest = manifest_for(machine / "tiny_pack", "3.11", "3.10")
    packs = Packs(home, [manifest.folder])
    assert pack_python(home, packs, "tiny-pack").version == "3.11.4"
    assert pack_python(home, packs, "tiny-pack", "3.10").version == "3.10.4"
    assert chosen_python(home, "tiny-pack") == "3.10"
    assert pack_python(home, packs, "tiny-pack").chosen == "3.10"
    with pytest.raises(Problem) as caught:
        pack_python(home, packs, "tiny-pack", "3.12")
    assert caught.value.code == "pack-python-unfit"
    assert chosen_python(home, "tiny-pack") == "3.10"
    assert pack_python(home, packs, "tiny-pack", "auto").version == "3.11.4"
    assert chosen_python(home, "tiny-pack") == ""
    with pytest.raises(Problem) as caught:
        pack_python(home, packs, "diarization")
    assert caught.value.code == "pack-python-unfit"


def test_choices_leave_the_other_settings_alone_and_damage_is_told(tmp_path: Path) -> None:
    home = Home.find(tmp_path)
    home.pack_settings.parent.mkdir(parents=True)
    home.pack_settings.write_text('{"other": 1, "packs": {"a": {"python": "3.9", "more": 2}}}')
    choose_python(home, "b", "3.10")
    choose_python(home, "a", "")
    assert json.loads(home.pack_settings.read_text()) == {
        "other": 1,
        "packs": {"a": {"more": 2}, "b": {"python": "3.10"}},
    }
    home.pack_settings.write_text("{")
    with pytest.raises(Problem) as caught:
        chosen_python(home, "a")
    assert caught.value.code == "pack-settings-unreadable"


def test_what_the_launcher_and_uv_list_is_read() -> None:
    launcher = (
        " -V:3.14 *        C:\\Python314\\python.exe\n"
        " -V:3.11          C:\\Program Files\\Python311\\python.exe\n"
        " -3.9-64          C:\\Python39\\python.exe\n"
        "No other Pythons\n"
    )
    assert [(version, str(path)) for version, path in places.launcher_lines(launcher)] == [
        ("3.14", "C:\\Python314\\python.exe"),
        ("3.11", "C:\\Program Files\\Python311\\python.exe"),
        ("3.9", "C:\\Python39\\python.exe"),
    ]
    entry: dict[str, object] = {
        "version_parts": {"major": 3, "minor": 11, "patch": 7},
        "path": "/usr/bin/python3.11",
        "implementation": "cpython",
        "variant": "default",
    }
    listed = [entry, {**entry, "implementation": "pypy"}, {**entry, "variant": "freethreaded"}]
    listed.append({**entry, "path": None})
    assert places.uv_entries(json.dumps(listed)) == [("3.11", Path("/usr/bin/python3.11"))]
    assert places.uv_entries("error: no") == []
    assert places.uv_entries("{}") == []


def test_a_python_that_only_uv_knows_is_found(machine: Path) -> None:
    hidden = fake_python(machine / "deep" / "python", "3.10.8")
    entry: dict[str, object] = {
        "version_parts": {"major": 3, "minor": 10, "patch": 8},
        "path": str(hidden),
        "implementation": "cpython",
    }
    uv = script(machine / "tools" / "uv", f"echo '{json.dumps([entry])}'")
    (found,) = Interpreters(uv, dict(os.environ)).find(["3.10"])
    assert found.path == hidden
