"""Job types for these tests. Everything they do leaves a line in the file named by their options."""

from __future__ import annotations

import ctypes
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dubwright.jobs.model import Job, JobContext, JobRequest, JobType
from dubwright_kit import NextAction, Problem


def write_line(options: Mapping[str, Any], text: str) -> None:
    with Path(options["file"]).open("a", encoding="utf-8") as file:
        file.write(f"{text}\n")


def lines(path: Path) -> list[str]:
    return path.read_text("utf-8").splitlines() if path.exists() else []


def work(context: JobContext) -> dict[str, Any]:
    """Sleeps ``sleep_s`` in steps with reports, between a start and an end line; after that it waits
    for the file ``until``, if one is named."""
    options = context.job.options
    name = options.get("name", "work")
    write_line(options, f"start {name}")
    steps = max(1, round(options.get("sleep_s", 0.0) / 0.01))
    for step in range(steps):
        context.report(step, steps, f"{name} {step}")
        time.sleep(0.01 if options.get("sleep_s") else 0)
    while "until" in options and not Path(options["until"]).exists():
        context.report(steps - 1, steps, f"{name} waits")
        time.sleep(0.01)
    context.report(steps, steps, f"{name} ready")
    write_line(options, f"end {name}")
    return {"name": name}


def fail_until(context: JobContext) -> dict[str, Any]:
    """Fails with a Problem unless the file ``allowed`` exists."""
    write_line(context.job.options, f"start {context.job.options['name']}")
    if not Path(context.job.options["allowed"]).exists():
        raise Problem(
            "no-voice", "There is no voice for Klingon.", NextAction("see", "packs", {}), "tlh"
        )
    return {"name": context.job.options["name"]}


def broken(context: JobContext) -> dict[str, Any]:
    raise ZeroDivisionError("a mistake of ours")


def leaves_the_process(context: JobContext) -> dict[str, Any]:
    sys.exit(3)


def not_json(context: JobContext) -> dict[str, Any]:
    return {"path": Path("x")}


def silent_program(context: JobContext) -> dict[str, Any]:
    """Starts a program that says nothing for a minute, and kills it when asked to stop."""
    program = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    write_line(context.job.options, str(program.pid))
    try:
        while program.poll() is None:
            if context.cancelled():
                program.kill()
                program.wait()
                raise Problem("guest-crashed", "The program was killed.")
            time.sleep(0.05)
    finally:
        program.kill()
        program.wait()
    return {}


def segfault(context: JobContext) -> dict[str, Any]:
    write_line(context.job.options, "segfault")
    ctypes.string_at(0)
    return {}


def chatter(context: JobContext) -> dict[str, Any]:
    """Reports far too often for ``sleep_s`` seconds, over two stages."""
    end_s = time.monotonic() + context.job.options["sleep_s"]
    count = 0
    for stage, start in (("first", 0.0), ("second", 0.5)):
        context.stage(stage, start, start + 0.5)
        half_s = end_s - context.job.options["sleep_s"] * (0.5 - start)
        while time.monotonic() < half_s:
            count += 1
            context.report(count, 10_000_000, str(count))
            time.sleep(0.001)
    context.report(1, 1, "last words")
    return {"reports": count}


def series(job: Job) -> Sequence[tuple[JobRequest, float]]:
    """The children listed in the options as (type, options, weight)."""
    return [
        (JobRequest(name, job.item_id, options), weight)
        for name, options, weight in job.options["children"]
    ]


def names_of(parent: Job, failed: Sequence[Job]) -> Problem:
    return Problem(
        "some-failed",
        ", ".join(str(job.options["name"]) for job in failed),
        NextAction("again", "job retry", {"_": [parent.id]}),
    )


def no_children_today(job: Job) -> Sequence[tuple[JobRequest, float]]:
    raise Problem("no-translator", "Nobody translates this.")


LEAVES = (
    work,
    fail_until,
    broken,
    leaves_the_process,
    not_json,
    silent_program,
    segfault,
    chatter,
)


def job_types() -> dict[str, JobType]:
    types = {run.__name__: JobType(run.__name__, "cpu", run=run) for run in LEAVES}
    types["download"] = JobType("download", "net", run=work)
    types["series"] = JobType("series", "items", children=series)
    types["independent"] = JobType("independent", "packs", children=series, sum_up=names_of)
    types["unplanned"] = JobType("unplanned", "items", children=no_children_today)
    return types


def child(
    name: str, file: Path, sleep_s: float = 0.0, weight: float = 1.0, until: Path | None = None
) -> list[Any]:
    """One entry of a ``series``."""
    options = {"name": name, "file": str(file), "sleep_s": sleep_s}
    if until is not None:
        options["until"] = str(until)
    return ["work", options, weight]
