"""Worker processes that die: nothing is lost, nothing finished runs again."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from dubwright.home import Home
from dubwright.jobs import engine
from dubwright.jobs.attempts import STRIKES_OUT, STRIKES_OWN_CRASH
from dubwright.jobs.engine import Jobs
from dubwright.jobs.model import CLOSED, JobRequest
from dubwright.jobs.worker import Worker
from dubwright_kit import Problem

from .conftest import ROOT, WorkerStarter
from .kinds import child, job_types, lines
from .test_worker import LONG_S, WAIT_S, until


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


@pytest.mark.parametrize("kills", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_a_job_survives_workers_killed_at_random_moments(
    home: Home, jobs: Jobs, tmp_path: Path, start_worker: WorkerStarter, kills: int
) -> None:
    out = tmp_path / "out"
    names = "abcdef"
    children = [child(name, out, 0.1 * kills) for name in names]
    parent = jobs.submit(JobRequest("series", None, {"children": children}))
    chance = random.Random(7)
    for _ in range(kills):
        process = start_worker()
        time.sleep(chance.uniform(0.05, 0.9))
        kill(process)
        assert not jobs.worker_running()
        finished = {
            job.options["name"]: lines(out).count(f"start {job.options['name']}")
            for job in jobs.jobs(state="done", parent_id=parent.id)
        }
        with sqlite3.connect(home.database) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    start_worker()
    for _ in jobs.follow(parent.id):
        pass
    done = jobs.job(parent.id)
    assert (done.state, done.attempt) == ("done", 1)
    found = lines(out)
    # What was done when the last worker died did not run again; every child ran to its end.
    assert {name: found.count(f"start {name}") for name in finished} == finished
    assert [job.options["name"] for job in jobs.jobs(parent_id=parent.id)[::-1]] == list(names)
    ends = [line for line in found if line.startswith("end ")]
    assert list(dict.fromkeys(ends)) == [f"end {name}" for name in names]


def test_a_worker_that_crashes_by_itself_three_times_gives_the_job_up(
    home: Home, jobs: Jobs, tmp_path: Path, start_worker: WorkerStarter
) -> None:
    out = tmp_path / "out"
    options = {"file": str(out)}
    parent = jobs.submit(JobRequest("series", None, {"children": [["segfault", options, 1]]}))
    start_worker(ready=False).wait(WAIT_S)  # it may crash before it could say that it is ready
    assert lines(out) == ["segfault"]
    with sqlite3.connect(home.database) as connection:  # the two crashes before this one
        connection.execute("UPDATE job_attempt SET strikes = ?", (2 * STRIKES_OWN_CRASH,))
    with Worker(home, job_types()) as worker:
        failed = worker.wait(parent.id, WAIT_S)
    assert failed.state == "failed"
    assert failed.problem is not None
    assert failed.problem.code == "job-crashed-repeatedly"
    assert lines(out) == ["segfault"]
    assert "ctypes" in (home.logs / "worker-crash.last.log").read_text("utf-8")


@pytest.mark.parametrize(("deaths", "state"), [(STRIKES_OUT - 1, "done"), (STRIKES_OUT, "failed")])
def test_deaths_that_nobody_explains_end_a_job_too_but_much_later(
    home: Home, jobs: Jobs, tmp_path: Path, deaths: int, state: str
) -> None:
    job = jobs.submit(JobRequest("work", None, {"file": str(tmp_path / "out")}))
    with sqlite3.connect(
        home.database
    ) as connection:  # as the last of the killed workers leaves it
        connection.execute("UPDATE job SET state = 'running', session = 'gone'")
        connection.execute("UPDATE job_attempt SET strikes = ?", (deaths - 1,))
    with Worker(home, job_types()) as worker:
        assert worker.wait(job.id, WAIT_S).state == state
    assert bool(lines(tmp_path / "out")) == (state == "done")


def test_there_is_one_worker_a_home_and_a_follower_notices_its_death(
    home: Home,
    jobs: Jobs,
    tmp_path: Path,
    start_worker: WorkerStarter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine, "WORKER_GRACE_S", 1.0)
    process = start_worker()
    with pytest.raises(Problem) as refused:
        Worker(home, job_types()).start()
    assert refused.value.code == "worker-running"
    assert str(process.pid) in refused.value.message
    job = jobs.submit(JobRequest("work", None, {"file": str(tmp_path / "o"), "sleep_s": LONG_S}))
    until(lambda: jobs.job(job.id).state == "running")
    caught: list[Problem] = []

    def follow() -> None:
        try:
            for _ in jobs.follow(job.id):
                pass
        except Problem as problem:
            caught.append(problem)

    follower = threading.Thread(target=follow)
    follower.start()
    killing_s = time.monotonic()
    kill(process)
    follower.join(WAIT_S)
    assert not follower.is_alive()
    assert time.monotonic() - killing_s > 0.8
    assert [problem.code for problem in caught] == ["worker-stopped"]
    # Nobody runs it, so it is closed here and now.
    assert jobs.cancel(job.id).state == "cancelled"
    with Worker(home, job_types()):
        time.sleep(0.5)
        assert jobs.job(job.id).state == "cancelled"


def test_a_cancel_that_the_worker_did_not_live_to_see_holds(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    job = jobs.submit(JobRequest("work", None, {"file": str(tmp_path / "out")}))
    with sqlite3.connect(home.database) as connection:
        connection.execute("UPDATE job SET state = 'running', session = 'gone', cancel_at = 1")
    with Worker(home, job_types()) as worker:
        assert worker.wait(job.id, WAIT_S).state == "cancelled"
    assert lines(tmp_path / "out") == []


@pytest.mark.parametrize("status", ["SUCCESS", "ERROR", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"])
def test_an_open_job_whose_workflow_is_over_gets_a_new_one(
    home: Home, jobs: Jobs, tmp_path: Path, status: str
) -> None:
    """The two databases disagree, as after a restored backup: our row decides."""
    with Worker(home, job_types()) as worker:
        job = jobs.submit(JobRequest("work", None, {"file": str(tmp_path / "out")}))
        worker.wait(job.id, WAIT_S)
    with sqlite3.connect(home.database) as connection:
        connection.execute("UPDATE job SET state = 'queued', ended_at = NULL")
    with sqlite3.connect(home.engine_database) as connection:
        connection.execute("UPDATE workflow_status SET status = ?", (status,))
    with Worker(home, job_types()) as worker:
        assert worker.wait(job.id, WAIT_S).state == "done"
    assert lines(tmp_path / "out").count("end work") == 2


def test_a_lost_engine_database_loses_no_job(home: Home, jobs: Jobs, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Worker(home, job_types()):
        job = jobs.submit(
            JobRequest("series", None, {"children": [child("a", out), child("b", out, 1.0)]})
        )
        until(lambda: "start b" in lines(out))
    for path in home.engine_database.parent.glob("jobs.sqlite*"):
        path.unlink()
    with Worker(home, job_types()) as worker:
        assert worker.wait(job.id, WAIT_S).state == "done"
    assert lines(out).count("start a") == 1


SUBMITTER = """
import sys
from dubwright.home import Home
from dubwright.jobs.engine import Jobs
from dubwright.jobs.model import JobRequest
home, number, out = Home.find(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
with Jobs(home) as jobs:
    for n in range(10):
        same = jobs.submit(JobRequest("work", "shared", {"n": n, "file": out}))
        own = jobs.submit(JobRequest("work", f"item-{number}", {"n": n, "file": out}))
        jobs.jobs(state="queued")
        if n % 5 == 0:
            jobs.cancel(own.id)
"""


def test_four_processes_write_while_a_worker_runs(home: Home, jobs: Jobs, tmp_path: Path) -> None:
    out = tmp_path / "out"
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    with Worker(home, job_types(), cpu_slots=4) as worker:
        writers = [
            subprocess.Popen(
                [sys.executable, "-c", SUBMITTER, str(home.root), str(number), str(out)],
                env=env,
                stderr=subprocess.PIPE,
                text=True,
            )
            for number in range(4)
        ]
        for writer in writers:
            assert writer.communicate(timeout=2 * WAIT_S)[1] == ""
        for job in jobs.jobs():
            worker.wait(job.id, 2 * WAIT_S)
    found = jobs.jobs()
    assert {job.state for job in found} <= {"done", "cancelled"}
    assert all(job.state == "done" for job in found if job.options["n"] % 5)
    assert len([job for job in found if job.item_id != "shared"]) == 40
    starts = lines(out).count("start work")
    assert starts == len([job for job in found if job.started_at is not None])
    assert "ERROR" not in (home.logs / "worker.log").read_text("utf-8")


AUDITED = """
import sys
seen = []
sys.addaudithook(lambda event, args: seen.append((event, str(args[1:]))) if event in (
    "socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo",
    "socket.gethostbyname") else None)
from dubwright.home import Home
from dubwright.jobs.engine import Jobs
from dubwright.jobs.model import JobRequest
from dubwright.jobs.worker import Worker
from tests.jobs.kinds import job_types
home = Home.find(sys.argv[1])
with Worker(home, job_types()) as worker, Jobs(home) as jobs:
    job = jobs.submit(JobRequest("work", None, {"file": sys.argv[2], "sleep_s": 0.3}))
    assert worker.wait(job.id, 60).state == "done"
print(seen)
"""


def test_a_worker_opens_no_connection_and_prints_nothing(home: Home, tmp_path: Path) -> None:
    env: dict[str, Any] = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT / "src"), str(ROOT))),
        "DBOS__CLOUD": "true",  # must not wake anything that calls home
    }
    ran = subprocess.run(
        [sys.executable, "-c", AUDITED, str(home.root), str(tmp_path / "out")],
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )
    assert (ran.stdout, ran.stderr, ran.returncode) == ("[]\n", "", 0)


def test_events_of_old_jobs_are_thinned_and_their_story_stays(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    with Worker(home, job_types()) as worker:
        job = worker.wait(
            jobs.submit(JobRequest("work", None, {"file": str(tmp_path / "o")})).id, WAIT_S
        )
    assert job.state in CLOSED
    assert {event.kind for event in jobs.events()} == {"state", "progress"}
    with sqlite3.connect(home.database) as connection:
        connection.execute("UPDATE job SET ended_at = ended_at - 86400")
    with Worker(home, job_types()):
        pass
    assert [event.note for event in jobs.events()] == ["queued", "running", "done"]
