"""A worker in this process: order, failure, retry, cancel, progress."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from pathlib import Path

import psutil
import pytest

from dubwright.home import Home
from dubwright.jobs import engine, queues
from dubwright.jobs.context import REPORT_INTERVAL_S
from dubwright.jobs.engine import Jobs
from dubwright.jobs.model import Job, JobContext, JobEvent, JobRequest, JobType
from dubwright.jobs.worker import Worker
from dubwright_kit import Problem
from tests.patience import COMES_S, STOPPED_S

from .kinds import child, job_types, lines

WAIT_S = COMES_S
LONG_S = 5 * WAIT_S
"""Of a job that is still running when others have been waited for."""


def until(condition: object, wait_s: float = WAIT_S) -> None:
    """Wait until the callable ``condition`` is true."""
    assert callable(condition)
    deadline = time.monotonic() + wait_s
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


def test_a_job_submitted_before_there_was_a_worker_is_run_by_the_next(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    job = jobs.submit(JobRequest("work", "i", {"file": str(tmp_path / "out"), "name": "early"}))
    with Worker(home, job_types()) as worker:
        done = worker.wait(job.id, WAIT_S)
        assert jobs.worker_running()
    assert (done.state, done.result, done.problem) == ("done", {"name": "early"}, None)
    assert done.created_at <= (done.started_at or 0) <= (done.ended_at or 0)
    assert done.done == done.total == 1.0
    assert lines(tmp_path / "out") == ["start early", "end early"]
    assert not jobs.worker_running()
    log = jobs.log_path(job.id).read_text("utf-8")
    assert "INFO attempt 1" in log
    assert log.splitlines()[-1].endswith("INFO done")


def test_a_done_job_cannot_be_retried(home: Home, jobs: Jobs, tmp_path: Path) -> None:
    job = jobs.submit(JobRequest("work", None, {"file": str(tmp_path / "out")}))
    with Worker(home, job_types()) as worker:
        worker.wait(job.id, WAIT_S)
    with pytest.raises(Problem, match="is done"):
        jobs.retry(job.id)


def test_children_run_in_order_and_their_progress_is_the_parents(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    children = [child("a", out, 0.3, 1), child("b", out, 0.3, 3), child("c", out, 0.0, 0)]
    with Worker(home, job_types()) as worker:
        parent = jobs.submit(JobRequest("series", "item", {"children": children}))
        events = list(jobs.follow(parent.id))
        done = worker.wait(parent.id)
    assert lines(out) == ["start a", "end a", "start b", "end b", "start c", "end c"]
    offspring = jobs.jobs(parent_id=parent.id)[::-1]
    assert [job.options["name"] for job in offspring] == ["a", "b", "c"]
    assert {(job.parent_id, job.item_id, job.state) for job in offspring} == {
        (parent.id, "item", "done")
    }
    assert done.result == {"name": "c", "children": [job.id for job in offspring]}
    own = [event for event in events if event.job_id == parent.id and event.kind == "progress"]
    parts = [event.done for event in own]
    assert parts == sorted(parts)
    assert any(0 < part < 0.25 for part in parts)
    assert any(0.25 < part < 1 for part in parts)
    assert parts[-1] == 1.0
    assert [event.id for event in events] == sorted({event.id for event in events})
    assert (events[-1].job_id, events[-1].note) == (parent.id, "done")


def test_a_failed_child_fails_the_parent_and_retry_runs_only_what_is_missing(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    out, allowed = tmp_path / "out", tmp_path / "allowed"
    options = {"name": "picky", "file": str(out), "allowed": str(allowed)}
    children = [child("a", out), ["fail_until", options, 1], child("c", out)]
    with Worker(home, job_types()) as worker:
        parent = jobs.submit(JobRequest("series", None, {"children": children}))
        failed = worker.wait(parent.id, WAIT_S)
        assert failed.state == "failed"
        assert failed.problem is not None
        assert failed.problem.to_json() == {
            "code": "no-voice",
            "message": "There is no voice for Klingon.",
            "next_action": {"label": "see", "verb": "packs", "args": {}},
            "detail": "tlh",
        }
        assert lines(out) == ["start a", "end a", "start picky"]
        allowed.touch()
        again = jobs.retry(parent.id)
        assert (again.id, again.attempt, again.problem) == (parent.id, 2, None)
        done = worker.wait(parent.id, WAIT_S)
    assert done.state == "done"
    assert lines(out) == ["start a", "end a", "start picky", "start picky", "start c", "end c"]
    attempts = {job.options["name"]: job.attempt for job in jobs.jobs(parent_id=parent.id)}
    assert attempts == {"a": 1, "picky": 2, "c": 1}
    own = [event for event in jobs.follow(parent.id) if event.job_id == parent.id]
    assert [event.note for event in own if event.kind == "state"] == ["queued", "running", "done"]


@pytest.mark.parametrize("kind", ["broken", "leaves_the_process", "not_json"])
def test_a_mistake_of_the_program_is_a_bug_with_its_trace_in_the_log(
    home: Home, jobs: Jobs, kind: str
) -> None:
    with Worker(home, job_types()) as worker:
        job = worker.wait(jobs.submit(JobRequest(kind)).id, WAIT_S)
    assert job.state == "failed"
    assert job.problem is not None
    assert job.problem.code == "bug"
    action = job.problem.next_action
    assert action is not None
    assert (action.verb, action.args) == ("job log", {"_": [job.id]})
    assert "Traceback (most recent call last)" in jobs.log_path(job.id).read_text("utf-8")


def test_a_parent_that_cannot_plan_fails_with_the_reason(home: Home, jobs: Jobs) -> None:
    with Worker(home, job_types()) as worker:
        job = worker.wait(jobs.submit(JobRequest("unplanned")).id, WAIT_S)
        nested = {"children": [["series", {"children": []}, 1]]}
        inception = worker.wait(jobs.submit(JobRequest("series", None, nested)).id, WAIT_S)
        empty = worker.wait(jobs.submit(JobRequest("series", None, {"children": []})).id, WAIT_S)
    assert job.problem is not None
    assert job.problem.code == "no-translator"
    assert inception.problem is not None
    assert inception.problem.code == "bug"
    assert empty.result == {"children": []}


def test_a_type_that_this_version_does_not_have_fails_at_once(home: Home, jobs: Jobs) -> None:
    job = jobs.submit(JobRequest("separate_audio_from_the_future"))
    with Worker(home, job_types()) as worker:
        failed = worker.wait(job.id, WAIT_S)
    assert failed.problem is not None
    assert failed.problem.code == "job-type-unknown"


def test_cancel_stops_a_running_family_and_it_can_be_continued(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    children = [child("a", out), child("b", out, LONG_S), child("c", out)]
    with Worker(home, job_types()) as worker:
        parent = jobs.submit(JobRequest("series", None, {"children": children}))
        until(lambda: "start b" in lines(out))
        asked_s = time.monotonic()
        jobs.cancel(parent.id)
        with pytest.raises(Problem) as caught:
            jobs.retry(parent.id)
        assert caught.value.code == "job-not-retryable"
        assert worker.wait(parent.id, WAIT_S).state == "cancelled"
        assert time.monotonic() - asked_s < STOPPED_S
        states = {job.options["name"]: job.state for job in jobs.jobs(parent_id=parent.id)}
        assert states == {"a": "done", "b": "cancelled"}
        jobs.retry(parent.id)
        until(lambda: lines(out).count("start b") == 2)
        assert lines(out).count("start a") == 1
        jobs.cancel(parent.id)
        worker.wait(parent.id, WAIT_S)


def test_cancelling_a_child_cancels_its_parent(home: Home, jobs: Jobs, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Worker(home, job_types()) as worker:
        parent = jobs.submit(JobRequest("series", None, {"children": [child("a", out, LONG_S)]}))
        until(lambda: lines(out) == ["start a"])
        jobs.cancel(jobs.jobs(parent_id=parent.id)[0].id)
        assert worker.wait(parent.id, WAIT_S).state == "cancelled"


def test_work_that_two_parents_need_is_one_job_and_survives_one_of_them(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    out, both = tmp_path / "out", tmp_path / "both are waiting"
    shared = child("shared", out, until=both)
    with Worker(home, job_types()) as worker:
        one = jobs.submit(JobRequest("series", None, {"children": [shared]}))
        two = jobs.submit(JobRequest("series", None, {"children": [shared, child("own", out)]}))
        until(lambda: jobs.jobs(parent_id=one.id) and jobs.jobs(parent_id=two.id))
        assert jobs.jobs(parent_id=one.id)[0].id == jobs.jobs(parent_id=two.id)[0].id
        jobs.cancel(one.id)
        assert worker.wait(one.id, WAIT_S).state == "cancelled"
        both.touch()
        assert worker.wait(two.id, WAIT_S).state == "done"
    assert lines(out) == ["start shared", "end shared", "start own", "end own"]


def test_a_silent_program_dies_with_its_job(home: Home, jobs: Jobs, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Worker(home, job_types()) as worker:
        job = jobs.submit(JobRequest("silent_program", None, {"file": str(out)}))
        until(lambda: lines(out))
        pid = int(lines(out)[0])
        assert psutil.pid_exists(pid)
        asked_s = time.monotonic()
        jobs.cancel(job.id)
        cancelled = worker.wait(job.id, WAIT_S)
        assert time.monotonic() - asked_s < STOPPED_S
    assert not psutil.pid_exists(pid)
    # What the killed program raised on its way out is not reported as a failure.
    assert (cancelled.state, cancelled.problem) == ("cancelled", None)


def test_progress_is_written_at_most_four_times_a_second_with_first_and_last(
    home: Home, jobs: Jobs
) -> None:
    with Worker(home, job_types()) as worker:
        job = worker.wait(jobs.submit(JobRequest("chatter", None, {"sleep_s": 1.5})).id, WAIT_S)
    events = [event for event in jobs.events(0, [job.id]) if event.kind == "progress"]
    assert job.result is not None
    assert job.result["reports"] > 3 * len(events)
    # Not the gaps between them: a time is noted when a row is written, which may have had to wait. The
    # last one is not held back.
    run_s = (job.ended_at or 0) - (job.started_at or 0)
    assert 3 <= len(events) <= run_s / REPORT_INTERVAL_S + 2
    assert events[0].stage == "first"
    assert events[-1].stage == "second"
    assert events[-1].note == "last words"
    assert (events[-1].done, events[-1].total) == (1, 1)


def test_what_was_reported_before_a_silence_is_written_during_it(home: Home, jobs: Jobs) -> None:
    release = threading.Event()

    def quiet(context: JobContext) -> dict[str, object]:
        context.report(0, 2, "one")
        context.report(1, 2, "loading a model")
        release.wait(WAIT_S)
        return {}

    with Worker(home, {"quiet": JobType("quiet", "cpu", run=quiet)}) as worker:
        job = jobs.submit(JobRequest("quiet"))
        until(lambda: jobs.job(job.id).note == "loading a model")
        assert (jobs.job(job.id).done, jobs.job(job.id).total) == (0.5, 1.0)
        release.set()
        worker.wait(job.id, WAIT_S)


def test_parents_do_not_keep_a_slot_from_their_children(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with Worker(home, job_types(), item_slots=2) as worker:
        parents = [
            jobs.submit(JobRequest("series", None, {"children": [child(f"{n}", out, 0.02)]}))
            for n in range(6)
        ]
        assert {worker.wait(job.id, WAIT_S).state for job in parents} == {"done"}
    # One cpu slot: no child starts before the one before it has ended.
    found = lines(out)
    assert len(found) == 12
    assert all(a.split()[1] == b.split()[1] for a, b in zip(found[::2], found[1::2], strict=True))


def test_a_net_job_does_not_wait_for_a_cpu_job(home: Home, jobs: Jobs, tmp_path: Path) -> None:
    with Worker(home, job_types()) as worker:
        slow = jobs.submit(
            JobRequest("work", None, {"file": str(tmp_path / "slow"), "sleep_s": LONG_S})
        )
        until(lambda: jobs.job(slow.id).state == "running")
        quick = jobs.submit(JobRequest("download", None, {"file": str(tmp_path / "quick")}))
        assert worker.wait(quick.id, WAIT_S).state == "done"
        assert jobs.job(slow.id).state == "running"
        jobs.cancel(slow.id)
        worker.wait(slow.id, WAIT_S)


def test_closing_interrupts_and_the_next_worker_goes_on_in_the_same_attempt(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    out, again = tmp_path / "out", tmp_path / "the next worker runs"
    children = [child("a", out), child("b", out, until=again)]
    with Worker(home, job_types()):
        parent = jobs.submit(JobRequest("series", None, {"children": children}))
        later = jobs.submit(JobRequest("work", None, {"file": str(out), "name": "later"}))
        until(lambda: "start b" in lines(out))
        closing_s = time.monotonic()
    assert time.monotonic() - closing_s < STOPPED_S
    assert not jobs.worker_running()
    assert jobs.job(parent.id).state == "queued"
    again.touch()
    with Worker(home, job_types()) as worker:
        done = worker.wait(parent.id, WAIT_S)
        worker.wait(later.id, WAIT_S)
    assert (done.state, done.attempt) == ("done", 1)
    found = lines(out)
    assert [found.count(f"start {name}") for name in ("a", "b", "later")] == [1, 2, 1]
    notes = [event.note for event in jobs.events(0, [parent.id]) if event.kind == "note"]
    assert notes == ["the worker stopped; the job goes on when one runs"]


def test_a_cancel_that_meets_a_closing_worker_is_kept(
    home: Home, jobs: Jobs, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with Worker(home, job_types()):
        job = jobs.submit(JobRequest("work", None, {"file": str(out), "sleep_s": LONG_S}))
        until(lambda: lines(out))
        jobs.cancel(job.id)
    assert jobs.job(job.id).state == "cancelled"
    assert jobs.retry(job.id).attempt == 2


def test_a_job_that_cannot_have_a_folder_fails_with_the_reason(home: Home, jobs: Jobs) -> None:
    (home.root / "jobs").write_text("in the way")
    with Worker(home, job_types()) as worker:
        job = worker.wait(jobs.submit(JobRequest("work")).id, WAIT_S)
    assert job.problem is not None
    assert job.problem.code == "not-writable"


def test_workers_of_several_homes_one_after_another(tmp_path: Path) -> None:
    for number in range(3):
        home = Home.find(tmp_path / f"home {number} é").prepare()
        with Jobs(home) as jobs, Worker(home, job_types()) as worker:
            out = tmp_path / f"out{number}"
            job = worker.wait(jobs.submit(JobRequest("work", None, {"file": str(out)})).id, WAIT_S)
            assert job.state == "done"
            if number == 1:
                with pytest.raises(RuntimeError, match="another worker"):
                    Worker(Home.find(tmp_path / "other"), job_types()).start()
                with pytest.raises(Problem) as caught:
                    Worker(home, job_types()).start()
                assert caught.value.code == "worker-running"
        assert not jobs.worker_running()


def test_types_that_could_block_themselves_are_refused(home: Home) -> None:
    def nothing(_: Job) -> list[tuple[JobRequest, float]]:
        return []

    for wrong in (
        JobType("p", "cpu", children=nothing),
        JobType("p", "items"),
        JobType("p", "items", children=nothing, run=lambda context: {}),
    ):
        with pytest.raises(ValueError, match="p "):
            Worker(home, {"p": wrong})


def test_the_engine_stores_portable_json_under_a_fixed_version(
    home: Home, jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queues, "SETTLE_S", WAIT_S)  # till the engine has noted the last one too
    with Worker(home, job_types()) as worker:
        for kind in ("work", "broken"):
            worker.wait(jobs.submit(JobRequest(kind, None, {"file": str(tmp_path / "o")})).id)
    with sqlite3.connect(home.engine_database) as connection:
        statuses = connection.execute(
            "SELECT serialization, application_version, executor_id, status FROM workflow_status"
        ).fetchall()
        inputs = connection.execute("SELECT inputs FROM workflow_input").fetchall()
        outputs = connection.execute("SELECT output FROM workflow_output").fetchall()
    assert statuses == [("portable_json", "1", "worker", "SUCCESS")] * 2
    assert {json.loads(text)["positionalArgs"][1] for (text,) in inputs} == {1}
    assert {json.loads(text) for (text,) in outputs} == {"done", "failed"}


def test_two_hundred_jobs_and_two_followers(
    home: Home, jobs: Jobs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "WORKER_GRACE_S", WAIT_S)  # they follow before there is a worker
    ids = [
        jobs.submit(JobRequest("work", None, {"file": str(tmp_path / "o"), "n": n})).id
        for n in range(200)
    ]
    seen: list[list[JobEvent]] = [[], []]

    def follow(number: int) -> None:
        with Jobs(home) as engine:
            seen[number].extend(engine.follow(ids[-1]))

    followers = [threading.Thread(target=follow, args=(number,)) for number in (0, 1)]
    for follower in followers:
        follower.start()
    with Worker(home, job_types(), cpu_slots=8) as worker:
        assert worker.wait(ids[-1], 2 * WAIT_S).state == "done"
        assert {worker.wait(job_id, WAIT_S).state for job_id in ids} == {"done"}
    for follower in followers:
        follower.join(WAIT_S)
    assert seen[0] == seen[1]
    assert seen[0][-1].note == "done"
    assert lines(tmp_path / "o").count("start work") == 200
