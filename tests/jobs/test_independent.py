"""Parents whose children do not build on each other: one that fails stops none of the others."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from dubwright.home import Home
from dubwright.jobs.engine import Jobs
from dubwright.jobs.model import Job, JobRequest
from dubwright.jobs.worker import Worker
from tests.patience import STOPPED_S

from .kinds import child, job_types, lines
from .test_worker import LONG_S, WAIT_S, until


def picky(name: str, out: Path) -> list[Any]:
    """A child that fails while there is no file <name>.ok beside ``out``."""
    allowed = out.with_name(f"{name}.ok")
    return ["fail_until", {"name": name, "file": str(out), "allowed": str(allowed)}, 1]


def submit(jobs: Jobs, *children: list[Any]) -> Job:
    return jobs.submit(JobRequest("independent", None, {"children": list(children)}))


def states(jobs: Jobs, parent: Job) -> dict[str, str]:
    return {job.options["name"]: job.state for job in jobs.jobs(parent_id=parent.id)}


def test_every_child_runs_and_the_parent_names_those_that_failed(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with Worker(home, job_types()) as worker:
        parent = submit(jobs, picky("x", out), child("a", out), picky("y", out), child("b", out))
        failed = worker.wait(parent.id, WAIT_S)
    assert states(jobs, parent) == {"x": "failed", "a": "done", "y": "failed", "b": "done"}
    assert failed.state == "failed"
    assert failed.problem is not None
    assert (failed.problem.code, failed.problem.message) == ("some-failed", "x, y")


def test_a_retry_runs_only_the_failed_ones(home: Home, jobs: Jobs, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Worker(home, job_types()) as worker:
        parent = submit(jobs, picky("x", out), child("a", out), picky("y", out))
        worker.wait(parent.id, WAIT_S)
        out.with_name("x.ok").touch()
        jobs.retry(parent.id)
        again = worker.wait(parent.id, WAIT_S)
        assert again.problem is not None
        assert again.problem.message == "y"
        out.with_name("y.ok").touch()
        jobs.retry(parent.id)
        done = worker.wait(parent.id, WAIT_S)
    assert done.state == "done"
    assert done.result == {"children": [job.id for job in jobs.jobs(parent_id=parent.id)[::-1]]}
    found = lines(out)
    assert [found.count(f"start {name}") for name in ("x", "a", "y")] == [2, 1, 3]


def test_a_child_that_was_stopped_stops_none_of_the_others(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with Worker(home, job_types()) as worker:
        parent = submit(jobs, child("a", out, LONG_S), child("b", out))
        until(lambda: "start a" in lines(out))
        jobs.cancel(jobs.jobs(parent_id=parent.id)[0].id)
        assert worker.wait(parent.id, WAIT_S).state == "cancelled"
    assert states(jobs, parent) == {"a": "cancelled", "b": "done"}


def test_cancelling_the_parent_stops_the_running_child_and_starts_no_other(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with Worker(home, job_types()) as worker:
        parent = submit(jobs, child("a", out, LONG_S), child("b", out))
        until(lambda: "start a" in lines(out))
        asked_s = time.monotonic()
        jobs.cancel(parent.id)
        assert worker.wait(parent.id, WAIT_S).state == "cancelled"
        assert time.monotonic() - asked_s < STOPPED_S
    assert states(jobs, parent) == {"a": "cancelled"}


@pytest.mark.parametrize("busy", ["series", "independent"])
def test_neither_kind_of_parent_waits_for_the_other(
    home: Home, jobs: Jobs, tmp_path: Path, busy: str
) -> None:
    free = {"series": "independent", "independent": "series"}[busy]
    slow, quick = tmp_path / "slow", tmp_path / "quick"
    with Worker(home, job_types(), item_slots=1, pack_slots=1, cpu_slots=2) as worker:
        one = jobs.submit(JobRequest(busy, None, {"children": [child("a", slow, LONG_S)]}))
        until(lambda: lines(slow))
        two = jobs.submit(JobRequest(free, None, {"children": [child("b", quick)]}))
        assert worker.wait(two.id, WAIT_S).state == "done"
        assert jobs.job(one.id).state == "running"
        jobs.cancel(one.id)
        worker.wait(one.id, WAIT_S)
