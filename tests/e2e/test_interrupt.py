"""Ctrl-C and SIGTERM in the middle of a dub: the tree is gone, what is done is kept, one goes on."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.cli.program import Program
from tests.e2e.films import Talk
from tests.e2e.looking import assert_kept, assert_whole, decode, finished, leftovers
from tests.e2e.running import GONE_S, Running, rows, start, until
from tests.patience import COMES_S

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX"),
]


def at_work(running: Running, program: Program, stage: str) -> list[psutil.Process]:
    """Wait until a guest works on ``stage``; return every process of the tree."""

    def there() -> list[psutil.Process]:
        job = rows(program.home, f"SELECT 1 FROM job_event WHERE stage = '{stage}' AND total > 0")
        family = running.family() if job else []
        return family if len(family) > 1 else []

    found: list[psutil.Process] = until(there)
    return found


@pytest.mark.parametrize(
    ("number", "stage"),
    [(signal.SIGINT, "separate"), (signal.SIGTERM, "separate"), (signal.SIGINT, "mix")],
)
def test_stopped_in_the_middle(
    program: Program, short_talk: Talk, number: signal.Signals, stage: str
) -> None:
    words = ("dub", short_talk.film, "--to", "es", *short_talk.texts, "--speakers", "2")
    running = start(program, *words)
    family = at_work(running, program, stage)
    before = finished(program.home)
    asked_s = time.monotonic()
    # A terminal sends Ctrl-C to the whole group, a service manager SIGTERM to the one process.
    if number == signal.SIGINT:
        os.killpg(running.process.pid, number)
    else:
        running.interrupt(number)
    outcome = running.wait(COMES_S)
    _, alive = psutil.wait_procs(family[1:], timeout=GONE_S)
    print(f"{number.name} in {stage}: {time.monotonic() - asked_s:.2f} s to the end of the tree")
    assert not alive
    assert outcome.code == 130, outcome
    assert [
        job["state"] for job in rows(program.home, "SELECT state FROM job WHERE type = 'dub'")
    ] == ["cancelled"]
    assert_kept(before, finished(program.home))
    assert leftovers(program.home) == []
    told = re.search(r"\S*dubwright job retry \S+", outcome.err)
    assert told, outcome.err
    before = finished(program.home)
    again = program.typed(told[0])
    assert again.code == 0, again
    assert_kept(before, finished(program.home))
    item = rows(program.home, "SELECT id FROM item")[0]["id"]
    assert "mux" in assert_whole(program, item)
    film = decode(Path(again.json["artifacts"][0]))
    assert film.audio_s == pytest.approx(short_talk.duration_s, abs=0.05)


def test_a_worker_of_its_own_stops_and_the_next_one_goes_on(
    program: Program, short_talk: Talk
) -> None:
    """Stopping a worker is no cancelling: its job waits for the next worker, whoever that is."""
    worker = start(program, "worker")
    until(lambda: rows(program.home, "SELECT 1 FROM job_worker WHERE ended_at IS NULL"))
    words = ("dub", short_talk.film, "--to", "es", *short_talk.texts, "--speakers", "2", "--json")
    dub = start(program, *words)
    family = at_work(worker, program, "separate")
    worker.interrupt(signal.SIGTERM)
    assert worker.wait(COMES_S).code == 130
    _, alive = psutil.wait_procs(family, timeout=GONE_S)
    assert not alive
    outcome = dub.wait()
    assert outcome.code == 0, "the command that waited became the worker"
    (job,) = rows(program.home, "SELECT attempt FROM job WHERE type = 'dub'")
    assert job["attempt"] == 1
