"""Every file of an installed pack against its record, with a real uv."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.packs.care.damage import FILE_NAME, damage
from dubwright.packs.care.inventory import inventory
from dubwright.packs.care.uv_cache import forget
from dubwright.packs.care.verify import VerifyResult, compare, verify
from dubwright.packs.manifest import Manifest, read_manifest
from dubwright.packs.record import ModelFile, Record, env_python
from dubwright_kit import Cancelled, Problem
from tests.packs.loopback import TinyWheel, fit_wheel, own_pack, tiny_wheel
from tests.packs.test_models import sha256

SITE = (
    "Lib/site-packages"
    if sys.platform == "win32"
    else f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
)
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"


def quiet() -> None:
    """Nobody stops it."""


def with_script() -> TinyWheel:
    """A wheel with an entry point: its program is written by the installer, not packed."""
    info = "tool-1.0.dist-info/entry_points.txt"
    return tiny_wheel(
        "tool",
        "1.0",
        {
            "tool/__init__.py": b"def main():\n    print('tool')\n",
            "shared/__init__.py": b"# from tool\n",
            info: b"[console_scripts]\nthe-tool = tool:main\n",
        },
    )


def install(uv: Path, home: Home, folder: Path, wheels: list[TinyWheel]) -> None:
    """What an install does: hard links out of the home's cache, byte code, no network."""
    house = home.root / "wheels"
    house.mkdir(parents=True, exist_ok=True)
    for one in wheels:
        (house / one.name).write_bytes(one.data)
    commands: tuple[list[str | Path], ...] = (
        ["venv", "--quiet", "--clear", "--relocatable", "--python", sys.executable, folder / "env"],
        [
            *("pip", "install", "--quiet", "--offline", "--no-index", "--no-deps"),
            *("--link-mode", "hardlink", "--compile-bytecode", "--find-links", str(house)),
            *(
                "--python",
                str(env_python(folder)),
                *(f"{one.project}=={one.version}" for one in wheels),
            ),
        ],
    )
    for arguments in commands:
        subprocess.run([uv, *arguments, "--cache-dir", home.uv_cache, "--no-config"], check=True)


@dataclasses.dataclass(frozen=True)
class Case:
    home: Home
    manifest: Manifest
    record: Record
    uv: Path
    wheels: list[TinyWheel]

    @property
    def folder(self) -> Path:
        return self.home.pack("tiny-pack")

    def verify(self) -> VerifyResult:
        return verify(self.home, self.manifest, self.record, quiet)

    def problem(self) -> Problem:
        with pytest.raises(Problem) as caught:
            self.verify()
        assert caught.value.code == "pack-damaged"
        action = caught.value.next_action
        assert action is not None
        assert (action.verb, action.args) == ("packs install", {"_": ["tiny-pack"]})
        return caught.value


def wheels() -> list[TinyWheel]:
    other = tiny_wheel("other", "1.0", {"shared/__init__.py": b"# from other\n"})
    return [fit_wheel("1.0", 1, 50_000), with_script(), other]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, uv: Path) -> Path:
    """A home in which the pack is built but not yet in its place; to be copied."""
    home = Home.find(tmp_path_factory.mktemp("built") / "home")
    folder = home.packs / ".new-tiny-pack-1"
    install(uv, home, folder, wheels())
    (folder / "models" / "deep").mkdir(parents=True)
    (folder / "models" / "deep" / "w.bin").write_bytes(b"weights")
    return home.root


@pytest.fixture
def case(tmp_path: Path, uv: Path, built: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.setenv("DUBWRIGHT_UV", str(uv))
    for name in list(os.environ):
        if name.startswith("UV_"):
            monkeypatch.delenv(name)
    home = Home.find(tmp_path / "the home")
    shutil.copytree(built, home.root, symlinks=True)
    manifest = read_manifest(own_pack(tmp_path / "tiny_pack", wheels()[0]))
    folder = home.packs / ".new-tiny-pack-1"
    found = inventory(folder / "env")
    folder.rename(home.pack("tiny-pack"))  # as an install does
    record = Record(
        "tiny-pack",
        "1",
        "1+x",
        "x",
        models={"deep/w.bin": ModelFile(7, sha256(b"weights"))},
        inventory=found,
    )
    return Case(home, manifest, record, uv, wheels())


def test_right_after_the_install(case: Case) -> None:
    # A program of the pack has run: it has written byte code.
    python = env_python(case.folder)
    subprocess.run([python, "-c", "import tool, tiny_fit; tool.main()"], check=True)
    result = case.verify()
    assert result.sound
    assert result.extra == ()
    assert result.checked > 20
    assert result.bytes > 50_000
    assert damage(case.folder) == ""
    names = case.record.inventory
    assert f"{SITE}/tool-1.0.dist-info/RECORD" in names
    assert "pyvenv.cfg" in names
    assert not any(name.endswith("tool/__init__.py") for name in names)


@pytest.mark.parametrize(
    "name",
    [
        f"env/{SITE}/tiny_fit/ballast.bin",
        f"env/{SITE}/tiny_fit-1.0.dist-info/METADATA",
        f"env/{SITE}/tiny_fit-1.0.dist-info/RECORD",
        f"env/{SITE}/tiny_fit-1.0.dist-info/INSTALLER",
        f"env/{SCRIPTS}/activate_this.py",
        f"env/{SCRIPTS}/the-tool{'.exe' if sys.platform == 'win32' else ''}",
        "env/pyvenv.cfg",
        "models/deep/w.bin",
    ],
)
@pytest.mark.parametrize("how", ["changed", "same size", "missing"])
def test_damage_is_found_and_named(case: Case, name: str, how: str) -> None:
    path = case.folder / name
    if how == "missing":
        path.unlink()
    else:
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content if how == "same size" else content + b"more")
    problem = case.problem()
    assert name in problem.message
    assert f"{'missing' if how == 'missing' else 'changed'} {name}" in problem.detail
    assert name in damage(case.folder)


def test_a_whole_distribution_and_the_python_are_gone(case: Case) -> None:
    env_python(case.folder).unlink()
    for path in sorted((case.folder / "env" / SITE / "tool-1.0.dist-info").iterdir()):
        path.unlink()
    problem = case.problem()
    assert "tool-1.0.dist-info/RECORD" in problem.detail
    assert env_python(Path("env")).name in problem.detail


def test_files_that_came_later_are_no_damage(case: Case) -> None:
    (case.folder / "env" / SITE / "mine.py").write_text("pass")
    (case.folder / "models" / "more.bin").write_bytes(b"m")
    assert case.verify().extra == (f"env/{SITE}/mine.py", "models/more.bin")


def test_a_file_that_two_distributions_bring(case: Case) -> None:
    # Which of the two came last is not ours to know: either is right, a third is not.
    path = case.folder / "env" / SITE / "shared" / "__init__.py"
    for content in (b"# from tool\n", b"# from other\n"):
        path.unlink()
        path.write_bytes(content)
        assert case.verify().sound
    path.write_bytes(b"# from nobody\n")
    assert "shared/__init__.py" in case.problem().message


def test_a_note_that_cannot_be_read_or_written(case: Case) -> None:
    (case.folder / FILE_NAME).write_text("{")
    assert damage(case.folder) == "a check found it damaged"
    (case.folder / FILE_NAME).unlink()
    (case.folder / FILE_NAME).mkdir()
    (case.folder / "models" / "deep" / "w.bin").unlink()
    assert "w.bin" in case.problem().message


def test_put_right_again_it_is_sound(case: Case) -> None:
    path = case.folder / "models" / "deep" / "w.bin"
    path.write_bytes(b"other")
    case.problem()
    assert json.loads((case.folder / FILE_NAME).read_text())["changed"] == ["models/deep/w.bin"]
    path.write_bytes(b"weights")
    assert case.verify().sound
    assert damage(case.folder) == ""


def test_a_damaged_file_does_not_come_back_out_of_the_cache(case: Case) -> None:
    """Environments are hard links into uv's cache: what is written into one is in the other."""
    install(case.uv, case.home, case.folder, case.wheels)
    ballast = case.folder / "env" / SITE / "tiny_fit" / "ballast.bin"
    if ballast.stat().st_nlink < 2:
        pytest.skip("no hard links on this file system")
    whole = ballast.read_bytes()
    with ballast.open("r+b") as file:
        file.write(b"damaged")
    again = case.home.packs / "again"
    install(case.uv, case.home, again, case.wheels)
    copied = again / "env" / SITE / "tiny_fit" / "ballast.bin"
    assert copied.read_bytes() != whole, "this is the trap"
    case.problem()
    install(case.uv, case.home, again, case.wheels)
    assert copied.read_bytes() == whole
    record = dataclasses.replace(case.record, models={}, inventory=inventory(again / "env"))
    assert compare(again, case.manifest, record, quiet).sound


def test_forgetting_leaves_environments_and_other_projects(case: Case) -> None:
    assert forget(case.home, ["tiny-fit", "never-heard-of"])
    assert case.verify().sound
    names = {path.name for path in case.home.uv_cache.rglob("*.dist-info")}
    assert "tool-1.0.dist-info" in names
    assert "tiny_fit-1.0.dist-info" not in names
    assert forget(Home.find(case.home.root / "elsewhere"), ["tiny-fit"])


def test_a_record_without_inventory(case: Case) -> None:
    record = dataclasses.replace(case.record, inventory={})
    assert compare(case.folder, case.manifest, record, quiet).sound
    (case.folder / "env" / SITE / "tiny_fit" / "ballast.bin").unlink()
    assert not compare(case.folder, case.manifest, record, quiet).sound


def test_a_record_that_makes_no_sense(case: Case) -> None:
    path = case.folder / "env" / SITE / "tiny_fit-1.0.dist-info" / "RECORD"
    path.unlink()
    path.write_bytes(b"\xff\xfe,,\n../../../../../../etc/passwd,sha256=!!!,x\n,,\n\n")
    assert "RECORD" in case.problem().message


def test_stopped(case: Case) -> None:
    def stop() -> None:
        raise Cancelled("")

    with pytest.raises(Cancelled):
        verify(case.home, case.manifest, case.record, stop)
    assert inventory(case.folder / "none") == {}
