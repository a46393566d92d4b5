"""The source goes away in the middle of a dub, and comes back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.program import Program
from tests.e2e.films import Talk
from tests.e2e.looking import assert_kept, decode, finished
from tests.e2e.running import next_command, rows, start, until

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("stage", ["separate", "speak"])
def test_the_source_goes_and_comes_back(
    program: Program, short_talk: Talk, tmp_path: Path, stage: str
) -> None:
    film = tmp_path / "talk.mp4"
    film.write_bytes(short_talk.film.read_bytes())
    running = start(program, "dub", film, "--to", "es", *short_talk.texts, "--speakers", "2")
    until(lambda: rows(program.home, f"SELECT 1 FROM artifact WHERE stage = '{stage}'"))
    away = film.rename(tmp_path / "elsewhere.mp4")
    outcome = running.wait()
    assert outcome.code == 1, outcome
    assert "source-missing" in outcome.err
    assert str(film) in outcome.err
    before = finished(program.home)
    away.rename(film)
    assert program.typed(next_command(outcome)).code == 0
    (job,) = rows(program.home, "SELECT id, state FROM job WHERE type = 'dub'")
    if job["state"] != "done":
        assert program.ok("job", "retry", job["id"])["state"] == "done"
    assert_kept(before, finished(program.home))
    made = program.ok("dub", film, "--to", "es", *short_talk.texts, "--speakers", "2")["film"]
    assert decode(Path(made)).audio_s == pytest.approx(short_talk.duration_s, abs=0.05)


def test_the_source_moves_for_good(program: Program, short_talk: Talk, tmp_path: Path) -> None:
    """``add`` from the new place tells the library; the job then goes on."""
    film = tmp_path / "talk.mp4"
    film.write_bytes(short_talk.film.read_bytes())
    running = start(program, "dub", film, "--to", "es", *short_talk.texts, "--speakers", "2")
    until(lambda: rows(program.home, "SELECT 1 FROM artifact WHERE stage = 'separate'"))
    moved = film.rename(tmp_path / "moved.mp4")
    assert running.wait().code == 1
    program.ok("add", moved)
    (job,) = rows(program.home, "SELECT id FROM job WHERE type = 'dub'")
    done = program.ok("job", "retry", job["id"])
    assert decode(Path(done["artifacts"][0])).audio_s == pytest.approx(
        short_talk.duration_s, abs=0.05
    )
