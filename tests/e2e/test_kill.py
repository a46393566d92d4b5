"""Kill -9 at ten random moments of a dub: nothing finished is made twice, nothing half-made shows."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.program import Outcome, Program
from tests.e2e.films import Talk
from tests.e2e.looking import (
    Finished,
    assert_kept,
    assert_whole,
    decode,
    finished,
    leftovers,
)
from tests.e2e.running import Running, assert_nobody_left, rows, running_jobs, start, until
from tests.patience import COMES_S, ENDS_S

KILLS = 10
STAGES = {
    "ingest", "separate", "listen", "transcribe", "diarize", "translate", "speak", "mix", "mux",
}  # fmt: skip

pytestmark = pytest.mark.slow


def moments(seed: int) -> Iterator[tuple[float, float]]:
    """(share of the dub that is done, seconds after that), the shares growing."""
    rng = random.Random(seed)
    shares = sorted(rng.uniform(0.0, 0.97) for _ in range(KILLS))
    return iter([(share, rng.uniform(0.0, 0.6)) for share in shares])


def reached(home: Path, share: float) -> bool:
    """True once the dub is that far and one of its jobs runs."""
    far = rows(home, "SELECT done FROM job WHERE type = 'dub' ORDER BY created_at DESC LIMIT 1")
    return bool(far) and far[0]["done"] >= share and bool(running_jobs(home))


def kill_at(program: Program, running: Running, share: float, after_s: float) -> bool:
    """Kill -9 at that moment and see that the guests go too; False when the dub was done before."""
    until(
        lambda: (
            running.process.poll() is not None
            or reached(program.home, share)
            or dub_state(program) == "done"
        ),
        timeout_s=ENDS_S,
    )
    time.sleep(after_s)
    if running.process.poll() is not None or dub_state(program) == "done":
        return False
    where = running_jobs(program.home)
    running.kill()
    print(f"killed at {share:.3f} + {after_s:.3f} s, while {where or 'between two jobs'} ran")
    assert_nobody_left(program.home)
    return True


def dub_state(program: Program) -> str:
    found = rows(program.home, "SELECT state FROM job WHERE type = 'dub' ORDER BY created_at DESC")
    return str(found[0]["state"]) if found else ""


def look(program: Program, before: Finished) -> Finished:
    """Right after a kill: what was finished is kept, what is listed is whole."""
    now = finished(program.home)
    assert_kept(before, now)
    for row in rows(program.home, "SELECT id FROM item"):
        assert_whole(program, row["id"])
    return now


def assert_complete(program: Program, talk: Talk, outcome: Outcome, before: Finished) -> None:
    """The film is there from the first picture to the last, each job ran to its end once."""
    assert outcome.code == 0, outcome
    assert_kept(before, finished(program.home))
    film = decode(Path(outcome.json["film"]))
    assert film.pictures == round(talk.duration_s * 25)
    assert film.audio_s == pytest.approx(talk.duration_s, abs=0.05)
    assert film.languages == ("spa",)
    assert set(assert_whole(program, outcome.json["item"])) == STAGES
    (dub,) = rows(program.home, "SELECT id FROM job WHERE type = 'dub' ORDER BY created_at LIMIT 1")
    jobs = rows(
        program.home, f"SELECT type, attempt, state FROM job WHERE parent_id = '{dub['id']}'"
    )
    assert len(jobs) == len({job["type"] for job in jobs}) == 7, "no job was made twice"
    assert {(job["state"], job["attempt"]) for job in jobs} == {("done", 1)}
    assert leftovers(program.home) == []


def test_the_dub_command_is_killed(program: Program, talk: Talk) -> None:
    """The next command is the same again, or ``job retry`` in turn: both go on."""
    words = ("dub", talk.film, "--to", "es", *talk.texts, "--speakers", "2", "--json")
    before = finished(program.home)
    again: tuple[str | Path, ...] = words
    kills = 0
    for number, (share, after_s) in enumerate(moments(20261121)):
        running = start(program, *again)
        if not kill_at(program, running, share, after_s):
            break
        kills += 1
        before = look(program, before)
        (job,) = rows(program.home, "SELECT id FROM job WHERE type = 'dub'")
        again = ("job", "retry", job["id"], "--json") if number % 2 else words
    assert kills >= KILLS - 1, "the dub was over too early"
    start(program, *again).wait()
    assert_complete(program, talk, program.run(*words), before)


def test_a_worker_of_its_own_is_killed(program: Program, talk: Talk) -> None:
    """The commands that wait for it are killed too; the next worker goes on by itself."""
    words = ("dub", talk.film, "--to", "es", *talk.texts, "--speakers", "2", "--json")
    before = finished(program.home)
    worker = start(program, "worker")
    until(lambda: rows(program.home, "SELECT 1 FROM job_worker WHERE ended_at IS NULL"))
    dub = start(program, *words)
    until(lambda: running_jobs(program.home))
    dub.kill()
    kills = 0
    for share, after_s in moments(7):
        if not kill_at(program, worker, share, after_s):
            break
        kills += 1
        before = look(program, before)
        worker = start(program, "worker")
    assert kills >= KILLS - 1, "the dub was over too early"
    outcome = start(program, *words).wait()
    worker.interrupt()
    worker.wait(COMES_S)
    assert_complete(program, talk, outcome, before)
