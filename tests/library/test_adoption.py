"""Adopting is all or nothing, whenever the process dies and whatever the disk says."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.library import Library
from dubwright.library.artifacts import (
    ItemFiles,
    cache_key,
    clean_scratch,
    disk_problem,
    scratch_folder,
)
from dubwright.library.model import Item
from dubwright_kit import Problem
from tests.library.shelves import scratch_file

ROOT = Path(__file__).resolve().parents[2]


def adopt_text(library: Library, film: Item, key: str, text: str) -> None:
    final = library.home.item(film.id) / "mix" / "a.wav"
    source = scratch_file(library.home, f"{key}.wav", text.encode())
    library.adopt(film.id, "mix", "mixer", key, {source: final}, {"text": text})


def test_an_artifact_is_found_by_its_key(library: Library, film: Item) -> None:
    adopt_text(library, film, "k1", "one")
    found = library.find_artifact(film.id, "mix", "mixer", "k1")
    assert found is not None
    assert [path.read_text() for path in found.paths] == ["one"]
    assert (found.size_bytes, found.info) == (3, {"text": "one"})
    assert library.find_artifact(film.id, "mix", "mixer", "k2") is None
    assert library.newest_artifact(film.id, "mix") == found
    assert library.newest_artifact(film.id, "mix", "other") is None
    assert not list(library.home.scratch.iterdir())


def test_an_overwritten_artifact_is_gone(library: Library, film: Item) -> None:
    adopt_text(library, film, "k1", "one")
    adopt_text(library, film, "k2", "two")  # the same size
    assert library.find_artifact(film.id, "mix", "mixer", "k1") is None
    assert [artifact.key for artifact in library.artifacts(film.id)] == ["k2"]


@pytest.mark.parametrize("harm", ["deleted", "longer", "same size"])
def test_a_harmed_file_is_not_found(library: Library, film: Item, harm: str) -> None:
    adopt_text(library, film, "k1", "one")
    path = library.artifacts(film.id)[0].paths[0]
    if harm == "deleted":
        path.unlink()
    else:
        path.write_text("longer" if harm == "longer" else "two")
        os.utime(path, ns=(1, 1))  # else it may be of the same moment: clocks of files are coarse
    assert library.find_artifact(film.id, "mix", "mixer", "k1") is None
    assert library.artifacts(film.id) == []


def test_a_folder_replaces_the_old_one(home: Home, library: Library, film: Item) -> None:
    final = ItemFiles(home, film.id).speech()
    for count in (3, 2):
        with scratch_folder(home, "speak") as scratch:
            made = scratch / "out"
            (made / "segments").mkdir(parents=True)
            for number in range(count):
                (made / "segments" / f"{number}.wav").write_text(f"{count}.{number}")
            (made / "manifest.json").write_text("{}")
            key = f"k{count}"
            artifact = library.adopt(film.id, "speak", "x", key, {made: final}, {})
        assert len(artifact.paths) == count + 1
        assert all(path.is_file() for path in artifact.paths)
    assert sorted(path.name for path in final.rglob("*.wav")) == ["0.wav", "1.wav"]
    assert [path.name for path in final.parent.iterdir()] == [final.name]
    assert library.find_artifact(film.id, "speak", "x", "k3") is None
    assert library.find_artifact(film.id, "speak", "x", "k2") is not None


def test_moving_the_data_folder(home: Home, library: Library, film: Item) -> None:
    adopt_text(library, film, "k1", "one")
    library.close()
    moved = home.root.rename(home.root.with_name("elsewhere"))
    with Library(Home(moved)) as again:
        found = again.find_artifact(film.id, "mix", "mixer", "k1")
        assert found is not None
        assert found.paths[0].is_relative_to(moved)


class StopError(Exception):
    pass


@pytest.mark.parametrize("moment", ["synced", "renamed", "recorded"])
def test_an_error_puts_the_old_files_back(
    home: Home, library: Library, film: Item, moment: str
) -> None:
    files = ItemFiles(home, film.id)
    finals = [files.asr / "a.json", files.separation("builtin"), files.asr / "b.json"]

    def made(text: str) -> dict[Path, Path]:
        folder = home.scratch / f"stems-{text}"
        folder.mkdir(parents=True)
        (folder / "vocals.wav").write_text(text)
        a, b = (scratch_file(home, f"{name}-{text}", text.encode()) for name in "ab")
        return {a: finals[0], folder: finals[1], b: finals[2]}

    def fail(step: str) -> None:
        if step == moment:
            raise StopError

    library.adopt(film.id, "s", "x", "old", made("one"), {})
    with pytest.raises(StopError):
        library.adopt(film.id, "s", "x", "new", made("two"), {}, on_step=fail)
    assert library.find_artifact(film.id, "s", "x", "old") is not None
    assert library.find_artifact(film.id, "s", "x", "new") is None
    assert (finals[1] / "vocals.wav").read_text() == "one"
    library.adopt(film.id, "s", "x", "new", made("three"), {})
    assert finals[0].read_text() == finals[2].read_text() == "three"
    left = [path.name for path in files.root.rglob("*") if path.name.startswith(".")]
    assert left == []


KILLED = """
import os, sys
from pathlib import Path
from dubwright.home import Home
from dubwright.library import Library

root, item_id, wanted, count = Path(sys.argv[1]), sys.argv[2], sys.argv[3], int(sys.argv[4])
seen = 0

def die(step):
    global seen
    if step == wanted:
        seen += 1
        if seen == count:
            os._exit(9)  # no clean-up of any kind, as after kill -9

home = Home(root)
with Library(home) as library:
    files = {}
    for name in ("a.wav", "b.wav"):
        path = home.scratch / ("new-" + name)
        path.write_text("new")
        files[path] = home.item(item_id) / "mix" / name
    folder = home.scratch / "new-stems"
    folder.mkdir()
    (folder / "vocals.wav").write_text("new")
    files[folder] = home.item(item_id) / "stems"
    library.adopt(item_id, "s", "x", "new", files, {}, on_step=die)
"""


@pytest.mark.parametrize(
    ("step", "count", "expected"),
    [
        ("synced", 1, {"old"}),
        ("renamed", 1, set()),
        ("renamed", 3, set()),
        ("recorded", 1, set()),
        ("committed", 1, {"new"}),
    ],
)
def test_a_kill_leaves_no_half(
    home: Home, library: Library, film: Item, step: str, count: int, expected: set[str]
) -> None:
    """Only whole artifacts are listed, and the next attempt succeeds without help."""
    base = home.item(film.id)
    folder = home.scratch / "old-stems"
    folder.mkdir(parents=True)
    (folder / "vocals.wav").write_text("old")
    library.adopt(
        film.id,
        "s",
        "x",
        "old",
        {
            scratch_file(home, "a", b"old"): base / "mix" / "a.wav",
            scratch_file(home, "b", b"old"): base / "mix" / "b.wav",
            folder: base / "stems",
        },
        {},
    )
    command = [sys.executable, "-c", KILLED, str(home.root), film.id, step, str(count)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    assert subprocess.run(command, env=environment, check=False).returncode == 9

    with Library(home) as after:
        listed = after.artifacts(film.id)
        assert {artifact.key for artifact in listed} == expected
        for artifact in listed:
            assert {path.read_text() for path in artifact.paths} == {artifact.key}
        for key in ("old", "new"):
            assert (after.find_artifact(film.id, "s", "x", key) is not None) == (key in expected)

    for left in home.scratch.iterdir():
        assert left.name.startswith("new-")
    again = home.scratch / "again-stems"
    again.mkdir()
    (again / "vocals.wav").write_text("again")
    redone = {
        scratch_file(home, "c", b"again"): base / "mix" / "a.wav",
        scratch_file(home, "d", b"again"): base / "mix" / "b.wav",
        again: base / "stems",
    }
    library.adopt(film.id, "s", "x", "again", redone, {})
    assert {artifact.key for artifact in library.artifacts(film.id)} == {"again"}
    assert not [path for path in base.rglob("*") if path.name.startswith(".")]


def test_a_folder_that_refuses_keeps_the_old(home: Home, library: Library, film: Item) -> None:
    adopt_text(library, film, "k1", "one")
    new = scratch_file(home, "x", b"two")
    blocked = home.item(film.id) / "mix" / "a.wav" / "inside"  # its parent is a file
    with pytest.raises(Problem) as caught:
        library.adopt(film.id, "mix", "mixer", "k2", {new: blocked}, {})
    assert caught.value.code == "not-writable"
    assert library.find_artifact(film.id, "mix", "mixer", "k1") is not None


def test_nothing_made_is_a_bug(home: Home, library: Library, film: Item) -> None:
    final = home.item(film.id) / "a"
    with pytest.raises(FileNotFoundError):
        library.adopt(film.id, "s", "x", "k", {home.scratch / "absent": final}, {})
    with pytest.raises(ValueError, match="nothing"):
        library.adopt(film.id, "s", "x", "k", {}, {})


def test_disk_full_tells_what_is_free(tmp_path: Path) -> None:
    for number in (errno.ENOSPC, errno.EDQUOT):
        problem = disk_problem(OSError(number, os.strerror(number)), tmp_path / "not" / "yet")
        assert problem.code == "disk-full"
        assert "bytes are free" in problem.message
        assert problem.next_action is not None
    other = disk_problem(PermissionError(errno.EACCES, "Permission denied"), tmp_path)
    assert other.code == "not-writable"
    assert "Permission denied" in other.message


def test_keys_are_of_content_not_of_order() -> None:
    assert cache_key(a=1, b={"y": (1, 2), "x": None}) == cache_key(b={"x": None, "y": [1, 2]}, a=1)
    assert cache_key(a=1) != cache_key(a=1.5) != cache_key(a="1.5")
    with pytest.raises(TypeError):
        cache_key(path=Path("x"))
    with pytest.raises(ValueError, match="JSON"):
        cache_key(value=float("nan"))


def test_public_paths(home: Home) -> None:
    files = ItemFiles(home, "abc")
    relative = [
        path.relative_to(home.root / "derived" / "items" / "abc").as_posix()
        for path in (
            files.separation("spleeter") / "vocals.wav",
            files.separation("builtin") / "background.wav",
            files.asr,
            files.diarization_json,
            files.manifest_json(),
            files.mix_wav,
            files.film(),
            files.film(".mkv"),
        )
    ]
    assert relative == [
        "separation/spleeter_2stems/vocals.wav",
        "separation/builtin/background.wav",
        "asr",
        "diarize/diarization.json",
        "tts_preview/pyttsx3_v1/manifest.json",
        "dub_preview/mix_dub_preview_v1.wav",
        "dub_preview/mux_dub_preview_v1.mp4",
        "dub_preview/mux_dub_preview_v1.mkv",
    ]


def test_scratch_goes_and_leftovers_are_cleaned(home: Home) -> None:
    with scratch_folder(home, "mix") as mine:
        (mine / "half.wav").write_text("x")
        dead = subprocess.run(
            [
                sys.executable,
                "-c",
                "import os, sys; from dubwright.home import Home; from pathlib import Path\n"
                "from dubwright.library.artifacts import scratch_folder\n"
                "with scratch_folder(Home(Path(sys.argv[1])), 'dead'): os._exit(9)",
                str(home.root),
            ],
            env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
            check=False,
        )
        assert dead.returncode == 9
        foreign = home.scratch / "stems-somebody"
        foreign.mkdir()
        ancient = home.scratch / "stems-ancient"
        ancient.mkdir()
        os.utime(ancient, (1, 1))
        found: list[int] = []
        thread = threading.Thread(target=lambda: found.append(clean_scratch(home)))
        thread.start()
        thread.join()
        assert found == [2]
        assert (mine / "half.wav").exists()
        assert foreign.exists()
        assert not ancient.exists()
    assert [path.name for path in home.scratch.iterdir()] == ["stems-somebody"]
