"""What every process can do without a worker: enqueue, look, cancel, refuse."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dubwright.home import Home
from dubwright.jobs import engine, schema
from dubwright.jobs.engine import Jobs
from dubwright.jobs.lock import WorkerLock
from dubwright.jobs.model import JobRequest
from dubwright_kit import Problem


def test_a_submitted_job_is_queued_and_listed_by_another_process(home: Home, jobs: Jobs) -> None:
    job = jobs.submit(JobRequest("work", "item-1", {"b": [1, 2.5, None], "a": "é"}))
    assert (job.state, job.attempt, job.done, job.total) == ("queued", 1, 0.0, None)
    script = (
        "import sys, json; from dubwright.home import Home; from dubwright.jobs.engine import Jobs\n"
        "heavy = {'dbos', 'sqlalchemy', 'alembic', 'filelock'}\n"
        "found = Jobs(Home.find(sys.argv[1])).jobs(item_id='item-1')\n"
        "print(json.dumps([[j.id, dict(j.options)] for j in found]))\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    listed = subprocess.run(
        [sys.executable, "-c", script, str(home.root)], capture_output=True, text=True, check=False
    )
    assert listed.stderr == ""
    assert json.loads(listed.stdout) == [[job.id, {"a": "é", "b": [1, 2.5, None]}]]


def test_the_same_request_is_one_job_whatever_the_order_of_its_options(jobs: Jobs) -> None:
    one = jobs.submit(JobRequest("work", "i", {"a": 1, "b": {"c": 2, "d": 3}}))
    two = jobs.submit(JobRequest("work", "i", {"b": {"d": 3, "c": 2}, "a": 1}))
    others = [
        jobs.submit(JobRequest("other", "i", {"a": 1, "b": {"c": 2, "d": 3}})),
        jobs.submit(JobRequest("work", None, {"a": 1, "b": {"c": 2, "d": 3}})),
        jobs.submit(JobRequest("work", "i", {"a": 2, "b": {"c": 2, "d": 3}})),
    ]
    assert one == two
    assert len({one.id, *(job.id for job in others)}) == 4
    jobs.cancel(one.id)
    assert jobs.submit(JobRequest("work", "i", {"a": 1, "b": {"c": 2, "d": 3}})).id != one.id


def test_many_threads_and_connections_that_submit_the_same_get_one_job(home: Home) -> None:
    barrier = threading.Barrier(8)

    def submit(_: int) -> str:
        with Jobs(home) as opened:
            barrier.wait()
            return opened.submit(JobRequest("work", "i", {"x": 1})).id

    with ThreadPoolExecutor(8) as pool:
        ids = set(pool.map(submit, range(8)))
    with Jobs(home) as opened:
        assert [job.id for job in opened.jobs()] == list(ids)


def test_options_that_are_not_json_are_refused_before_anything_is_written(jobs: Jobs) -> None:
    with pytest.raises(ValueError, match="JSON"):
        jobs.submit(JobRequest("work", None, {"rate": float("nan")}))
    with pytest.raises(TypeError):
        jobs.submit(JobRequest("work", None, {"path": object()}))
    assert jobs.jobs() == []


def test_jobs_are_listed_newest_first_and_ids_sort_by_time(jobs: Jobs) -> None:
    ids = [jobs.submit(JobRequest("work", None, {"n": n})).id for n in range(30)]
    assert [job.id for job in jobs.jobs()] == ids[::-1]
    assert [job_id[:8] for job_id in ids] == sorted(job_id[:8] for job_id in ids)
    assert all(len(job_id) == 12 and job_id.isalnum() for job_id in ids)


def test_a_unique_beginning_names_a_job_and_anything_else_does_not(jobs: Jobs) -> None:
    ids = [jobs.submit(JobRequest("work", None, {"n": n})).id for n in range(6)]
    # Most often two of its four random digits tell it apart, seldom it takes them all.
    beginnings = (ids[0][:end] for end in range(1, len(ids[0]) + 1))
    alone = next(one for one in beginnings if sum(job_id.startswith(one) for job_id in ids) == 1)
    assert jobs.job(alone).id == ids[0]
    for name in ("j", "", "%", "j_", "nonsense", ids[0] + "x"):
        with pytest.raises(Problem) as caught:
            jobs.job(name)
        assert caught.value.code == "job-not-found"
        assert caught.value.next_action is not None
    with pytest.raises(Problem, match="More than one job begins"):
        jobs.job("j")


def test_a_queued_job_is_cancelled_at_once_and_a_closed_one_stays_as_it_is(jobs: Jobs) -> None:
    job = jobs.submit(JobRequest("work"))
    cancelled = jobs.cancel(job.id)
    assert cancelled.state == "cancelled"
    assert cancelled.ended_at is not None
    assert jobs.cancel(job.id) == cancelled
    assert [event.note for event in jobs.follow(job.id)] == ["queued", "cancelled"]


def test_retry_of_an_open_job_that_no_worker_has_leaves_it_as_it_is(jobs: Jobs) -> None:
    """Its worker was killed: what a person types to go on must not be refused."""
    job = jobs.submit(JobRequest("work"))
    assert jobs.retry(job.id) == job


def test_retry_of_a_job_whose_worker_died_while_stopping_it_is_a_new_attempt(
    home: Home, jobs: Jobs
) -> None:
    job = jobs.submit(JobRequest("work"))
    with sqlite3.connect(home.database) as connection:
        connection.execute("UPDATE job SET state = 'running', session = 'gone', cancel_at = 1")
    again = jobs.retry(job.id)
    assert (again.id, again.state, again.attempt) == (job.id, "queued", 2)


def test_retry_opens_a_new_attempt_and_is_refused_while_one_is_open(home: Home, jobs: Jobs) -> None:
    job = jobs.submit(JobRequest("work"))
    lock = WorkerLock(home.worker_lock)
    assert lock.acquire()
    with pytest.raises(Problem) as caught:
        jobs.retry(job.id)
    lock.release()
    assert caught.value.code == "job-not-retryable"
    assert job.id in caught.value.message
    jobs.cancel(job.id)
    again = jobs.retry(job.id)
    assert (again.id, again.state, again.attempt, again.ended_at) == (job.id, "queued", 2, None)


def test_retry_finds_the_open_job_that_asks_for_the_same(jobs: Jobs) -> None:
    first = jobs.submit(JobRequest("work"))
    jobs.cancel(first.id)
    second = jobs.submit(JobRequest("work"))
    assert jobs.retry(first.id).id == second.id
    assert jobs.job(first.id).state == "cancelled"


def test_following_an_open_job_without_a_worker_ends_with_what_to_do(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "WORKER_GRACE_S", 0.5)
    job = jobs.submit(JobRequest("work"))
    seen = []
    with pytest.raises(Problem) as caught:
        for event in jobs.follow(job.id):
            seen.append(event.note)
    assert seen == ["queued"]
    assert caught.value.code == "worker-stopped"
    assert caught.value.next_action is not None
    assert caught.value.next_action.verb == "worker"
    assert not jobs.worker_running()


def test_a_home_of_a_newer_version_is_left_alone(home: Home, jobs: Jobs) -> None:
    jobs.submit(JobRequest("work"))
    with sqlite3.connect(home.database) as connection:
        connection.execute("UPDATE job_schema SET version = 99")
    with pytest.raises(Problem) as caught, Jobs(home) as other:
        other.jobs()
    assert caught.value.code == "home-too-new"


def test_the_tables_are_made_once_by_whoever_comes_first(home: Home) -> None:
    barrier = threading.Barrier(6)

    def look(_: int) -> int:
        with Jobs(home) as opened:
            barrier.wait()
            return len(opened.jobs())

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(look, range(6))) == [0] * 6
    with sqlite3.connect(home.database) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("SELECT count(*) FROM job_schema").fetchone() == (1,)


def test_a_damaged_or_unusable_database_is_a_problem_with_a_way_on(home: Home) -> None:
    home.database.write_bytes(b"this is no database" * 100)
    with pytest.raises(Problem) as damaged, Jobs(home) as opened:
        opened.jobs()
    assert damaged.value.code == "jobs-damaged"
    home.database.unlink()
    home.database.mkdir()
    with pytest.raises(Problem) as unusable, Jobs(home) as opened:
        opened.submit(JobRequest("work"))
    assert unusable.value.code == "jobs-unusable"
    assert str(home.database) in unusable.value.message


def test_a_writer_that_keeps_the_file_is_waited_for_and_then_named(
    home: Home, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs.submit(JobRequest("work"))
    monkeypatch.setattr(schema, "BUSY_TIMEOUT_S", 0.1)
    with sqlite3.connect(home.database, isolation_level=None) as holder, Jobs(home) as other:
        holder.execute("BEGIN IMMEDIATE")
        assert len(other.jobs()) == 1  # readers are not kept waiting
        with pytest.raises(Problem) as caught:
            other.submit(JobRequest("other"))
        holder.execute("ROLLBACK")
        assert caught.value.code == "jobs-busy"
        assert other.submit(JobRequest("other")).state == "queued"
