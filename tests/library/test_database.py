"""The file: its migrations, other rooms' tables in it, several processes, and damage."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from dubwright.home import Home
from dubwright.library import Library
from dubwright.library.revision import HEAD, MIGRATIONS, VERSION_TABLE, upgrade
from dubwright.library.schema import metadata
from dubwright_kit import Problem
from tests.library.shelves import LINES, add_film
from tests.patience import COMES_S

ROOT = Path(__file__).resolve().parents[2]


def make_revision(home: Home, revision: str) -> None:
    home.prepare()
    engine = create_engine(f"sqlite:///{home.database}")
    with engine.begin() as connection:
        upgrade(connection, revision)
    engine.dispose()


def stored(home: Home) -> str:
    connection = sqlite3.connect(home.database)
    row = connection.execute(f"SELECT version_num FROM {VERSION_TABLE}").fetchone()
    connection.close()
    return str(row[0])


def test_head_is_the_newest_script() -> None:
    assert ScriptDirectory(str(MIGRATIONS)).get_heads() == [HEAD]


def test_migrations_make_the_schema(home: Home) -> None:
    make_revision(home, HEAD)
    engine = create_engine(f"sqlite:///{home.database}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_from_revision_1_with_its_rows(home: Home, tmp_path: Path) -> None:
    make_revision(home, "0001")
    connection = sqlite3.connect(home.database)
    connection.execute(
        "INSERT INTO item VALUES ('0123', 'Old', '/film.mp4', '0123ff', 3, 4, 1.5, 'mp4', 0, '{}', 9)"
    )
    connection.commit()
    connection.close()
    with Library(home) as library:
        assert stored(home) == HEAD
        old = library.item("0123")
        assert (old.title, old.source) == ("Old", Path("/film.mp4"))
        library.add_track(old.id, "source", "en", LINES, origin="imported")
        assert library.artifacts(old.id) == []
    assert add_later(home, tmp_path) == 2


def add_later(home: Home, tmp_path: Path) -> int:
    with Library(home) as library:
        add_film(library, tmp_path / "new.mp4")
        return len(library.items())


def test_other_rooms_tables_stay(home: Home, tmp_path: Path) -> None:
    home.prepare()
    connection = sqlite3.connect(home.database)
    connection.execute("CREATE TABLE job (id TEXT)")
    connection.execute("INSERT INTO job VALUES ('j1')")
    connection.commit()
    with Library(home) as library:
        assert library.items() == []
        add_film(library, tmp_path / "new.mp4")
    assert connection.execute("SELECT id FROM job").fetchall() == [("j1",)]
    connection.close()


def test_an_open_library_sees_what_another_process_began(home: Home, tmp_path: Path) -> None:
    with Library(home) as early:
        assert early.items() == []
        add_later(home, tmp_path)
        assert len(early.items()) == 1


def test_wal_and_foreign_keys(home: Home, library: Library, tmp_path: Path) -> None:
    add_film(library, tmp_path / "new.mp4")
    connection = sqlite3.connect(home.database)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_newer_library_is_left_alone(home: Home, tmp_path: Path) -> None:
    add_later(home, tmp_path)
    connection = sqlite3.connect(home.database)
    connection.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
    connection.commit()
    connection.close()
    with pytest.raises(Problem) as caught:
        Library(home)
    assert caught.value.code == "library-newer"
    assert "9999" in caught.value.message
    assert stored(home) == "9999"


@pytest.mark.parametrize("at", ["the start", "the middle"])
def test_damage_is_told_and_nothing_is_lost(home: Home, tmp_path: Path, at: str) -> None:
    with Library(home) as library:
        for number in range(30):
            add_film(library, tmp_path / f"{number}.mp4", f"film {number}".encode())
    data = bytearray(home.database.read_bytes())
    if at == "the start":
        data[:64] = b"x" * 64
    else:
        data[4096:] = Random(1).randbytes(len(data) - 4096)
    home.database.write_bytes(data)
    with pytest.raises(Problem) as caught, Library(home) as library:
        library.items()
    problem = caught.value
    assert problem.code == "library-damaged"
    assert str(home.database) in problem.message
    assert home.database.read_bytes() == data
    # The next action, as it stands, gets the user on and leaves the old folder as it is.
    assert problem.next_action is not None
    with Library(Home(Path(problem.next_action.args["home"]))) as fresh:
        assert fresh.items() == []
        add_film(fresh, tmp_path / "new.mp4")


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with Library(Home(tmp_path / "file")) as library, pytest.raises(Problem) as caught:
        add_film(library, tmp_path / "new.mp4")
    assert caught.value.code == "home-not-writable"


WRITER = """
import sys
from pathlib import Path
from dubwright.home import Home
from dubwright.library import Library
from tests.library.shelves import LINES, add_film

root, name = Path(sys.argv[1]), sys.argv[2]
sys.stdin.readline()
with Library(Home(root)) as library:
    film = add_film(library, root.parent / name, b"one film for all")
    for number in range(15):
        library.add_track(film.id, "source", "en", LINES, origin=name)
        path = library.home.scratch / f"{name}-{number}"
        path.write_text(name)
        library.adopt(film.id, "s", "x", f"{name}-{number}", {path: library.home.item(film.id) / "a"}, {})
"""


def test_processes_write_at_once_from_nothing(home: Home) -> None:
    """Both migrate the same empty folder, then write tracks and adopt to the same place."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT)))}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(home.root), name],
            env=environment,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("one", "two")
    ]
    for writer in writers:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    errors = [writer.communicate(timeout=2 * COMES_S)[1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0], errors
    with Library(home) as library:
        (film,) = library.items()
        assert [track.version for track in library.tracks(film.id)] == list(range(1, 31))
        (artifact,) = library.artifacts(film.id)
        assert artifact.paths[0].read_text() == artifact.key.split("-")[0]


def test_listing_imports_nothing_heavy(home: Home, tmp_path: Path) -> None:
    add_later(home, tmp_path)
    code = (
        "import sys; from pathlib import Path; from dubwright.home import Home\n"
        "from dubwright.library import Library\n"
        "with Library(Home(Path(sys.argv[1]))) as library:\n"
        "    item, = library.items(); library.tracks(item.id); library.artifacts(item.id)\n"
        "print([name for name in ('sqlalchemy', 'alembic', 'numpy') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(home.root)],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "[]"
