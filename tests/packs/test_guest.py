"""The folder that a guest starts from."""

from __future__ import annotations

import shutil
import threading
from dataclasses import replace
from pathlib import Path

from dubwright.home import Home
from dubwright.packs.wall.guest import GuestFolders
from tests.packs.echo_wall import ECHO, echo_spec
from tests.patience import COMES_S


def names(folder: Path) -> set[str]:
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_the_folder_holds_the_kit_the_pack_and_nothing_else(tmp_path: Path) -> None:
    pack = tmp_path / "src" / "echo"
    shutil.copytree(ECHO, pack, ignore=shutil.ignore_patterns("__pycache__"))
    (pack / "tables").mkdir()
    (pack / "tables" / "words.json").write_text("{}")
    (pack / "__pycache__").mkdir()
    (pack / "__pycache__" / "backend.pyc").write_bytes(b"old")
    (pack / "lock.txt").write_text("x==1")
    (pack / "lock-5.0.4.txt").write_text("x==1")
    made = names(GuestFolders(Home(tmp_path / "home")).folder(replace(echo_spec(), folder=pack)))
    inside = {name for name in made if name.startswith("dubwright_packs/")}
    assert inside == {
        "dubwright_packs/__init__.py",
        "dubwright_packs/echo/__init__.py",
        "dubwright_packs/echo/backend.py",
        "dubwright_packs/echo/pack.toml",
        "dubwright_packs/echo/tables/words.json",
    }
    assert {"__main__.py", "dubwright_kit/serve.py", "dubwright_kit/contracts.py"} <= made
    assert "dubwright_kit/guest_main.py" not in made


def test_a_changed_pack_gets_another_folder_and_the_old_one_stays(tmp_path: Path) -> None:
    pack = tmp_path / "src" / "echo"
    shutil.copytree(ECHO, pack, ignore=shutil.ignore_patterns("__pycache__"))
    spec = replace(echo_spec(), folder=pack)
    folders = GuestFolders(Home(tmp_path / "home"))
    first = folders.folder(spec)
    assert folders.folder(spec) == first
    (pack / "backend.py").write_text("# changed\n")
    second = folders.folder(spec)
    assert second != first
    assert first.is_dir()
    assert (second / "dubwright_packs/echo/backend.py").read_text() == "# changed\n"


def test_many_builders_at_once_agree_and_leave_no_half_made_folder(tmp_path: Path) -> None:
    home = Home(tmp_path)
    made: list[Path] = []
    barrier = threading.Barrier(8)

    def build() -> None:
        barrier.wait(COMES_S)
        made.append(GuestFolders(home).folder(echo_spec()))

    threads = [threading.Thread(target=build) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(COMES_S)
    assert len(made) == 8
    assert len(set(made)) == 1
    assert list(home.guests.iterdir()) == [made[0]]
