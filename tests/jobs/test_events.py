"""What events carry, that they keep coming, and that older rows stay readable."""

from __future__ import annotations

import sqlite3
import threading
from itertools import pairwise
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.jobs import context as running
from dubwright.jobs import schema
from dubwright.jobs.engine import Jobs
from dubwright.jobs.model import JobContext, JobRequest, JobType
from dubwright.jobs.worker import TICK_S, Worker

from .kinds import job_types
from .test_worker import LONG_S, WAIT_S, until


def run(home: Home, jobs: Jobs, work: object) -> str:
    """Run one job of the function ``work`` and return its id."""
    assert callable(work)
    with Worker(home, {"one": JobType("one", "cpu", run=work)}) as worker:
        job = worker.wait(jobs.submit(JobRequest("one")).id, WAIT_S)
    assert job.problem is None
    return job.id


def test_a_detail_goes_with_the_event_and_at_once_passes_the_throttle(
    home: Home, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However long the first event takes to be written, the next ones come before another is due.
    monkeypatch.setattr(running, "REPORT_INTERVAL_S", 1000.0)
    monkeypatch.setattr(running, "BEAT_S", 1000.0)

    def work(context: JobContext) -> dict[str, object]:
        for number in range(20):
            context.report(number, 20, detail={"step": "one", "number": number})
        for step in ("two", "three"):
            context.report(20, 20, detail={"step": step}, at_once=True)
        return {}

    job_id = run(home, jobs, work)
    events = [event for event in jobs.events(0, [job_id]) if event.kind == "progress"]
    # The first, none of those that came too soon, and every step.
    assert [event.detail for event in events] == [
        {"step": "one", "number": 0},
        {"step": "two"},
        {"step": "three"},
    ]
    assert [event.detail for event in jobs.details([job_id, "j-none"])] == [{"step": "three"}]


def test_details_are_those_of_the_newest_attempt(home: Home, jobs: Jobs) -> None:
    tried: list[int] = []

    def work(context: JobContext) -> dict[str, object]:
        if not tried:
            tried.append(1)
            context.report(1, 2, detail={"old": True})
            raise ZeroDivisionError
        return {}

    with Worker(home, {"one": JobType("one", "cpu", run=work)}) as worker:
        job = worker.wait(jobs.submit(JobRequest("one")).id, WAIT_S)
        assert [event.detail for event in jobs.details([job.id])] == [{"old": True}]
        jobs.retry(job.id)
        worker.wait(job.id, WAIT_S)
    assert jobs.details([job.id]) == []


def test_a_silent_job_and_its_parent_are_heard_every_second(home: Home, jobs: Jobs) -> None:
    release = threading.Event()

    def work(context: JobContext) -> dict[str, object]:
        context.report(1, 4, "quiet", detail={"file": "a"})
        release.wait(5.0)
        return {}

    types = {
        "one": JobType("one", "cpu", run=work),
        "all": JobType("all", "items", children=lambda job: [(JobRequest("one"), 1.0)]),
    }
    with Worker(home, types) as worker:
        parent = worker.wait(jobs.submit(JobRequest("all")).id, WAIT_S)
    (job,) = jobs.jobs(parent_id=parent.id)
    own = [event for event in jobs.events(0, [job.id]) if event.kind == "progress"]
    run_s = (job.ended_at or 0.0) - (job.started_at or 0.0)
    assert 3 <= len(own) <= run_s / running.BEAT_S + 2
    assert {(event.done, event.total, event.note) for event in own} == {(1, 4, "quiet")}
    assert all(event.detail == {"file": "a"} for event in own)
    started_at = job.started_at or 0.0
    heard = [event.at for event in jobs.follow(parent.id) if event.at >= started_at]
    # A second is what a machine keeps that is not starved of its processors: that is in the constants.
    assert running.BEAT_S + TICK_S < 1.0
    assert max(b - a for a, b in pairwise(heard)) < 4.0


def test_a_parent_whose_child_waits_is_heard(home: Home, jobs: Jobs, tmp_path: Path) -> None:
    with Worker(home, job_types()) as worker:
        slow = jobs.submit(
            JobRequest("work", None, {"file": str(tmp_path / "slow"), "sleep_s": LONG_S})
        )
        until(lambda: jobs.job(slow.id).state == "running")
        waiting = {"children": [["work", {"file": str(tmp_path / "o"), "name": "w"}, 1]]}
        parent = jobs.submit(JobRequest("series", None, waiting))

        def beats() -> int:
            return sum(event.kind == "progress" for event in jobs.events(0, [parent.id]))

        until(lambda: beats() >= 2)
        assert jobs.job(slow.id).state == "running"
        jobs.cancel(slow.id)
        assert worker.wait(parent.id, WAIT_S).state == "done"


def test_a_database_of_the_first_version_is_brought_up_to_date(home: Home) -> None:
    home.prepare()
    with sqlite3.connect(home.database) as connection:
        connection.execute("CREATE TABLE job_schema (version INTEGER NOT NULL)")
        connection.execute("INSERT INTO job_schema VALUES (1)")
        for statement in schema.MIGRATIONS[0]:
            connection.execute(statement)
        connection.execute(
            "INSERT INTO job (id, type, options, request_key, state, attempt, created_at)"
            " VALUES ('j1', 'work', '{}', 'k', 'done', 1, 1.0)"
        )
        connection.execute(
            "INSERT INTO job_event (job_id, at, kind, stage, done, note)"
            " VALUES ('j1', 1.0, 'progress', 's', 0.5, 'old')"
        )
    with Jobs(home) as jobs:
        (event,) = jobs.events(0, ["j1"])
        assert (event.note, event.detail) == ("old", None)
    with Jobs(home) as jobs:  # a second time nothing is left to do
        assert jobs.job("j1").state == "done"
