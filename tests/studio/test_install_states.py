"""How far an installation is: worked out from rows alone."""

from __future__ import annotations

from typing import Any, get_args

import pytest

from dubwright.jobs.model import Job, JobEvent, State
from dubwright.packs.installing.steps import InstallEvent, Step
from dubwright.studio.installs import InstallState, install_states
from dubwright_kit import Problem
from dubwright_kit.codec import to_json


def job(name: str, state: State, *, number: int = 1, **more: Any) -> Job:
    """An ``install_pack`` job, or with more than one name ("a b") the ``install_packs`` one."""
    names = name.split()
    kind = "install_pack" if len(names) == 1 else "install_packs"
    options: dict[str, Any] = {"name": name} if len(names) == 1 else {"names": names}
    fields: dict[str, Any] = {
        "started_at": None,
        "ended_at": None,
        "problem": None,
        "parent_id": None,
        **more,
    }
    return Job(
        id=f"j-{name}",
        type=kind,
        item_id=None,
        options=options,
        state=state,
        attempt=number,
        created_at=1.0,
        done=0.0,
        total=None,
        note="",
        result=None,
        **fields,
    )


def event(number: int, name: str, detail: InstallEvent | None) -> JobEvent:
    told = None if detail is None else to_json(detail)
    return JobEvent(number, f"j-{name}", 2.0, "progress", "install", 0.0, 1.0, "", told)


def test_a_pack_that_downloads_says_how_much_how_fast_and_how_long() -> None:
    jobs = [job("a b c", "running", started_at=1.0), job("a", "done"), job("b", "running")]
    events = [
        event(3, "b", InstallEvent("b", "download", 5, 9, "b: x", 0.4, 2.5, 1.6, "b.whl")),
        event(4, "b", None),
        event(1, "b", InstallEvent("b", "resolve")),
        event(2, "a", InstallEvent("a", "done", fraction=1.0)),
    ]
    first, second, third = install_states(jobs, events)
    assert (first.pack, first.state, first.fraction, first.job_id) == ("a", "done", 1.0, "j-a")
    assert (second.state, second.done_bytes, second.total_bytes) == ("downloading", 5, 9)
    assert (second.rate_bytes_s, second.left_s, second.file) == (2.5, 1.6, "b.whl")
    assert second.fraction == 0.4
    assert (third.pack, third.state, third.job_id) == ("c", "queued", "")
    assert install_states(reversed(jobs), reversed(events)) == (first, second, third)


@pytest.mark.parametrize("step", get_args(Step))
def test_every_step_of_the_installer_is_a_state(step: Step) -> None:
    (pack,) = install_states([job("a", "running")], [event(1, "a", InstallEvent("a", step))])
    assert pack.state in get_args(InstallState)
    assert pack.state != "queued"


def test_a_failed_pack_says_why_and_those_to_come_wait() -> None:
    why = Problem("pack-not-on-index", "The index does not have it.")
    jobs = [job("a b", "running", started_at=1.0), job("a", "failed", ended_at=2.0, problem=why)]
    first, second = install_states(jobs, [])
    assert (first.state, first.problem) == ("failed", why)
    assert (second.state, second.problem) == ("queued", None)


@pytest.mark.parametrize("started_at", [None, 5.0])
def test_a_pack_that_failed_before_the_retry_is_queued_again(started_at: float | None) -> None:
    jobs = [
        job("a b", "running", number=2, started_at=started_at),
        job("a", "failed", ended_at=2.0, problem=Problem("x", "y")),
        job("b", "done", ended_at=3.0),
    ]
    assert [pack.state for pack in install_states(jobs, [])] == ["queued", "done"]


def test_packs_that_were_never_come_to_end_with_the_installation() -> None:
    jobs = [job("a b", "cancelled", ended_at=3.0), job("a", "cancelled", ended_at=2.0)]
    assert [pack.state for pack in install_states(jobs, [])] == ["cancelled", "cancelled"]


def test_other_jobs_are_no_installation() -> None:
    assert install_states([], []) == ()
