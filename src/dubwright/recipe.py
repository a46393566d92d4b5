"""The main flow on one screen: which stages make a dub, in which order, in which jobs.

A *stage* computes one thing (``stages/<name>.py``); a *job* is what a person sees, queues and
retries, and runs one or two stages; ``dub`` is the parent job that runs the others in order.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dubwright.jobs.model import Job, JobContext, JobRequest, JobType, Queue
from dubwright.stages.separators import pick_separator, separators
from dubwright_kit import NextAction, Problem, is_disk_full

if TYPE_CHECKING:
    from dubwright.home import Home
    from dubwright.library import Library
    from dubwright.packs.catalog import Packs
    from dubwright.packs.wall.call import Wall
    from dubwright.stages.base import StageContext, StageResult


@dataclass(frozen=True)
class Step:
    """One job of the recipe: its stages, the options that concern it, its share of the time."""

    job_type: str
    stages: tuple[str, ...]
    options: tuple[str, ...]
    weight: float
    queue: Queue = "cpu"


DUB: tuple[Step, ...] = (
    Step("separate_audio_{separator}", ("ingest", "separate"), ("separator",), 30),
    Step(
        "asr_local",
        ("ingest", "listen", "transcribe"),
        ("transcript", "from", "asr", "separator"),
        15,
    ),
    Step(
        "diarize_local_v1",
        ("ingest", "listen", "diarize"),
        ("speakers", "diarizer", "without_transcript", "separator"),
        10,
    ),
    Step("translate_v1", ("translate",), ("to", "from", "translation", "translator"), 2),
    Step("tts_preview_pyttsx3_v1", ("speak", "fit"), ("to", "voice"), 18),
    Step("mix_dub_preview_v1", ("listen", "mix"), ("separator", "to", "duck_db"), 15),
    Step(
        "mux_dub_preview_v1",
        ("mux", "deliver"),
        ("to", "subtitles", "keep_original_track", "out"),
        10,
    ),
)
"""ingest separate listen transcribe diarize translate speak fit mix mux (deliver = copies for the user)."""

INGEST = Step("ingest_v1", ("ingest",), (), 1)
DUB_JOB = "dub"
INSTALL_JOB = "install_packs"
INSTALL_ONE_JOB = "install_pack"
MEASURE_JOB = "measure_packs"


@dataclass(frozen=True)
class Workshop:
    """What jobs work with: opened once per worker process."""

    home: Home
    library: Library
    packs: Packs
    wall: Wall


def dub_children(packs: Packs, job: Job) -> Sequence[tuple[JobRequest, float]]:
    """The jobs of one dub, in order, each with the options that concern it and its weight."""
    options = {**job.options, "separator": pick_separator(packs, job.options.get("separator"))}
    skipped = set(options.get("skip") or ())
    children = []
    for step in DUB:
        if step.job_type in skipped:
            continue
        own = {key: options[key] for key in step.options if options.get(key) is not None}
        name = step.job_type.format(separator=options["separator"])
        children.append((JobRequest(name, job.item_id, own, job.id), step.weight))
    return children


def run_job(shop: Workshop, stages: Sequence[str], job: JobContext) -> Mapping[str, Any]:
    """Run the stages of one job; a full disk becomes a Problem that tells how to go on."""
    from dubwright.library.disk import full_problem

    again = NextAction(
        "free some space, then go on where it stopped",
        "job retry",
        {"_": [job.job.parent_id or job.job.id]},
    )
    try:
        return run_stages(shop, stages, job)
    except OSError as error:
        if is_disk_full(error):
            raise full_problem(shop.home.root, again) from error
        raise
    except Problem as problem:
        if problem.code != "disk-full":
            raise
        raise Problem(problem.code, problem.message, again, problem.detail) from problem


def run_stages(shop: Workshop, stages: Sequence[str], job: JobContext) -> Mapping[str, Any]:
    """Run the stages of one job in order and return the job's result (JSON)."""
    from dubwright.library.content import check_source
    from dubwright.stages.base import StageContext

    if job.job.item_id is None:
        raise ValueError(f"{job.job.type} needs an item")
    stored = shop.library.item(job.job.item_id)
    item = check_source(stored)
    if item.mtime_ns != stored.mtime_ns:  # touched, but the same: do not hash it again next time
        item = shop.library.relocate(item.id, item.source)
    measured: list[dict[str, Any]] = []
    artifacts: list[str] = []
    info: dict[str, Any] = {}
    track = None
    for number, name in enumerate(stages):
        job.stage(name, number / len(stages), (number + 1) / len(stages))
        context = StageContext(
            shop.home, shop.library, shop.packs, shop.wall, job, item, job.job.options
        )
        started = time.monotonic()
        result = _stage(name)(context)
        job.check()
        measured.append(
            {
                "name": name,
                "wall_s": round(time.monotonic() - started, 3),
                "peak_rss_bytes": max((call.peak_rss_bytes for call in context.calls), default=0),
                "cached": result.cached,
            }
        )
        if (result.artifact is not None and number == len(stages) - 1) or (
            result.artifact is not None and stages[number + 1] == "deliver"
        ):
            artifacts = [str(path) for path in result.artifact.paths]
        if result.track is not None:
            track = result.track.id
        info.update(result.info)
    return {"artifacts": artifacts, "track": track, "stages": measured, "info": info}


def _stage(name: str) -> Callable[[StageContext], StageResult]:
    module = importlib.import_module(f"dubwright.stages.{name}")
    run: Callable[[StageContext], StageResult] = module.run
    return run


def job_types(shop: Workshop) -> dict[str, JobType]:
    """Every job type by name, bound to the workshop."""
    types: dict[str, JobType] = {}
    for step in (INGEST, *DUB):
        names = (
            [step.job_type.format(separator=name) for name in separators(shop.packs)]
            if "{" in step.job_type
            else [step.job_type]
        )
        for name in names:
            types[name] = JobType(name, step.queue, run=_runner(shop, step, name))
    types[DUB_JOB] = JobType(DUB_JOB, "items", children=lambda job: dub_children(shop.packs, job))
    types.update(_install_types(shop))
    return types


def _runner(shop: Workshop, step: Step, name: str) -> Callable[[JobContext], Mapping[str, Any]]:
    return lambda job: run_job(shop, step.stages, job)


def _install_types(shop: Workshop) -> dict[str, JobType]:
    """An installation: one job a pack, on queues of their own, so that no dub waits for one."""
    from dubwright.stages.install import install_children, install_pack, measure, packs_failed

    return {
        INSTALL_JOB: JobType(
            INSTALL_JOB,
            "packs",
            children=lambda job: install_children(shop.packs, job, INSTALL_ONE_JOB, MEASURE_JOB),
            sum_up=packs_failed,
        ),
        INSTALL_ONE_JOB: JobType(
            INSTALL_ONE_JOB, "net", run=lambda job: install_pack(shop.packs, job)
        ),
        MEASURE_JOB: JobType(
            MEASURE_JOB, "net", run=lambda job: measure(shop.home, shop.packs, job)
        ),
    }
