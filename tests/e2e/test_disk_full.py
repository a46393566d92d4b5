"""A data folder that is too small: said plainly, and the printed action finishes the film."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.cli.program import Program
from tests.e2e.films import Talk
from tests.e2e.looking import assert_kept, assert_whole, decode, finished, leftovers
from tests.e2e.running import Running, assert_nobody_left, next_command, rows, start, until

SIZE_MB = 160

pytestmark = pytest.mark.slow


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if not sys.platform.startswith("linux"):
        pytest.skip("a small disk is made by mounting a tmpfs, on Linux only")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def program(packs: Path, disk: Path, tmp_path: Path) -> Iterator[Program]:
    """The home lies on the small disk, its packs elsewhere."""
    made = Program(disk / "home")
    made.home.mkdir()
    (made.home / "packs").symlink_to(packs / "packs", target_is_directory=True)
    yield made
    assert_nobody_left(made.home)


def fill(disk: Path, leave_bytes: int, running: Running | None = None) -> Path:
    """Take all but ``leave_bytes`` of the disk; ``running`` holds still as long, and cannot be through
    with what it is to have no room for."""
    ballast = disk / "ballast"
    family = running.family() if running else []
    for process in family:
        with contextlib.suppress(psutil.Error):  # a guest that has ended
            process.suspend()
    size = shutil.disk_usage(disk).free - leave_bytes
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        for _ in range(size // 4096):
            file.write(b"\1" * 4096)
    for process in family:
        with contextlib.suppress(psutil.Error):
            process.resume()
    return ballast


def assert_finishes(program: Program, talk: Talk, line: str) -> None:
    """The printed line, typed, makes the film from what is there."""
    before = finished(program.home)
    again = program.typed(line)
    assert again.code == 0, again
    assert again.json["state"] == "done"
    assert_kept(before, finished(program.home))
    made = decode(Path(again.json["artifacts"][0]))
    assert made.audio_s == pytest.approx(talk.duration_s, abs=0.05)
    assert leftovers(program.home) == []


@pytest.mark.parametrize(
    ("after", "share"),
    [("", 1.6), ("ingest", 1.0), ("speak", 0.5), ("mix", 0.05)],
    ids=["ingest", "separate", "mix", "mux"],
)
def test_the_disk_is_full(
    program: Program, disk: Path, short_talk: Talk, after: str, share: float
) -> None:
    """From the moment that stage ``after`` is done, room is left for ``share`` of a sound file."""
    sound_bytes = short_talk.duration_s * 44100 * 4
    program.run("items")
    words = ("dub", short_talk.film, "--to", "es", *short_talk.texts, "--speakers", "2")
    running = start(program, *words)
    begun = f"SELECT 1 FROM artifact WHERE stage = '{after}'" if after else "SELECT 1 FROM job"
    until(lambda: rows(program.home, begun), every_s=0.005)
    ballast = fill(disk, round(share * sound_bytes), running)
    outcome = running.wait()
    assert outcome.code == 1, outcome
    assert "disk-full" in outcome.err
    (item,) = rows(program.home, "SELECT id FROM item")
    made = assert_whole(program, item["id"])
    assert made[-1] == after if after else not made
    ballast.unlink()
    assert_finishes(program, short_talk, next_command(outcome))


def test_a_disk_that_is_too_small_is_told_before_anything_starts(
    program: Program, disk: Path, short_talk: Talk
) -> None:
    program.run("items")
    ballast = fill(disk, round(1.6 * short_talk.duration_s * 44100 * 4))
    words = ("dub", short_talk.film, "--to", "es", *short_talk.texts, "--speakers", "2")
    outcome = program.run(*words)
    assert outcome.code == 1, outcome
    assert "disk-short" in outcome.err
    assert rows(program.home, "SELECT id FROM job") == []
    ballast.unlink()
    again = program.typed(next_command(outcome))
    assert again.code == 0, again
    assert decode(Path(again.json["film"])).audio_s == pytest.approx(
        short_talk.duration_s, abs=0.05
    )


def test_somebody_else_takes_the_last_byte(program: Program, disk: Path, short_talk: Talk) -> None:
    """Not even the job's end can be written down; the person is told all the same."""
    words = ("dub", short_talk.film, "--to", "es", *short_talk.texts, "--speakers", "2")
    running = start(program, *words)
    until(
        lambda: rows(program.home, "SELECT 1 FROM job_event WHERE stage = 'separate' AND total > 0")
    )
    ballast = fill(disk, 0, running)
    outcome = running.wait()
    assert outcome.code == 1, outcome
    assert "disk-full" in outcome.err
    assert_nobody_left(program.home)
    ballast.unlink()
    assert_finishes(program, short_talk, next_command(outcome))


def test_full_from_the_start(program: Program, disk: Path, short_talk: Talk) -> None:
    program.run("items")
    ballast = fill(disk, 0)
    outcome = program.run("dub", short_talk.film, "--to", "es", *short_talk.texts)
    assert outcome.code == 1, outcome
    assert "disk-full" in outcome.err
    assert program.typed(next_command(outcome)).code in (0, 1)
    ballast.unlink()
