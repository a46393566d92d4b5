"""Commands about jobs and the worker."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dubwright.cli.face import Face, verb
from dubwright.cli.follow import follow, interruptible
from dubwright.cli.text import table
from dubwright_kit import NextAction, Problem

if TYPE_CHECKING:
    from rich.console import Console

    from dubwright.jobs.model import Job

JobArgument = Annotated[str, typer.Argument(help="Job id (its beginning is enough).")]
STATES = ("queued", "running", "done", "failed", "cancelled")


def job_json(job: Job) -> dict[str, Any]:
    """The public shape of a job."""
    return {
        "id": job.id,
        "type": job.type,
        "item": job.item_id,
        "parent": job.parent_id,
        "state": job.state,
        "attempt": job.attempt,
        "options": dict(job.options),
        "created_at": job.created_at,
        "started_at": job.started_at,
        "ended_at": job.ended_at,
        "done": job.done,
        "total": job.total,
        "note": job.note,
        "result": job.result,
        "problem": job.problem.to_json() if job.problem else None,
    }


def jobs(
    face: Face,
    state: Annotated[str | None, typer.Option(help="Only jobs in this state.")] = None,
) -> None:
    """List jobs, newest first."""
    if state is not None and state not in STATES:
        raise Problem(
            "option-invalid",
            f'There is no state "{state}"; there are: {", ".join(STATES)}.',
            NextAction("list all", "jobs", {}),
        )
    with face.studio() as studio:
        found = studio.jobs(state)  # type: ignore[arg-type]  # checked above

    def people(console: Console) -> None:
        if not found:
            console.print("No jobs.")
            return
        rows = [
            (one.id, one.type, one.item_id or "", one.state, _share(one), _why(one))
            for one in found
        ]
        console.print(table(("job", "type", "item", "state", "", ""), rows))

    face.show({"jobs": [job_json(one) for one in found]}, people)


def _share(job: Job) -> str:
    return f"{100 * job.done / job.total:.0f} %" if job.state == "running" and job.total else ""


def _why(job: Job) -> str:
    return job.problem.message if job.problem else job.note


def show(face: Face, job: JobArgument) -> None:
    """Show one job."""
    with face.studio() as studio:
        found = studio.job(job)
        children = [one for one in studio.jobs() if one.parent_id == found.id]
    document = {**job_json(found), "children": [job_json(one) for one in reversed(children)]}

    def people(console: Console) -> None:
        console.print(
            f"{found.id}  {found.type}  [bold]{found.state}[/bold]  attempt {found.attempt}"
        )
        if children:
            rows = [
                (one.id, one.type, one.state, _share(one), _why(one)) for one in reversed(children)
            ]
            console.print(table(("job", "type", "state", "", ""), rows))
        for path in (found.result or {}).get("artifacts", ()):
            console.print(path, markup=False)
        if found.problem is not None:
            face.problem(found.problem)

    face.show(document, people)


def log(face: Face, job: JobArgument) -> None:
    """Print a job's log."""
    with face.studio() as studio:
        text = studio.job_log(job)
    face.show({"job": job, "log": text}, lambda console: print(text or "The log is empty."))


def cancel(face: Face, job: JobArgument) -> None:
    """Stop a job; what is finished is kept."""
    with face.studio() as studio:
        found = studio.cancel(job)
        deadline = time.monotonic() + 5
        while found.state in ("queued", "running") and time.monotonic() < deadline:
            if not studio.job_engine.worker_running():
                break
            time.sleep(0.1)
            found = studio.job(found.id)
    face.show(
        {"job": found.id, "state": found.state},
        lambda console: console.print(f"{found.id}: {found.state}"),
    )


def retry(face: Face, job: JobArgument) -> None:
    """Run a failed or cancelled job again from where it stopped, and follow it."""
    interruptible()
    with face.studio() as studio:
        handle = studio.retry(job)
        done = follow(face, handle)
        result = done.result or {}
    face.show(
        {"job": done.id, "state": done.state, "artifacts": list(result.get("artifacts", ()))},
        lambda console: console.print(
            "\n".join([f"{done.id}: {done.state}", *result.get("artifacts", ())])
        ),
    )


def worker(face: Face) -> None:
    """Run jobs in the foreground until Ctrl-C."""
    interruptible()
    with face.studio() as studio:
        studio.crew.start()
        face.note(
            f"Worker of {studio.home.root}; Ctrl-C stops it (running jobs go on at the next start)."
        )
        while True:
            time.sleep(3600)


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    verb(app)(jobs)
    one = typer.Typer(help="One job: show, log, cancel, retry.", no_args_is_help=True)
    for function in (show, log, cancel, retry):
        verb(one)(function)
    app.add_typer(one, name="job")
    verb(app)(worker)
