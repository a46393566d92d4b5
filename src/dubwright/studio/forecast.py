"""What a piece of work will need, before it starts: gathers the numbers for ``packs.care.forecast``."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubwright.home import Home
from dubwright.jobs.engine import Jobs
from dubwright.jobs.model import Job, State
from dubwright.packs.care.forecast import (
    SPOKEN_SHARE,
    Disk,
    Forecast,
    Machine,
    Measured,
    StageAsk,
    disk_of,
    forecast,
    lacking,
)
from dubwright.packs.state import READY
from dubwright.recipe import DUB, DUB_JOB, INGEST, Step
from dubwright.stages.separate import recorded_as
from dubwright.stages.separators import DUB_STEMS, JOB_PREFIX, pack_name
from dubwright_kit import NextAction, Problem

if TYPE_CHECKING:
    from dubwright.library import Library
    from dubwright.library.model import Item
    from dubwright.packs.catalog import Packs
    from dubwright.studio.stems.model import SeparationPlan
    from dubwright.studio.studio import Studio

NEWEST_JOBS = 300
OPEN: tuple[State, ...] = ("queued", "running")
_NO_WORDS = ("skip", "without_transcript")
"""Options that the program adds; nobody types them."""


def foresee(
    studio: Studio, job_type: str, item: Item | None, options: Mapping[str, Any]
) -> Forecast | None:
    """Forecast a dub or one of its jobs; None while other jobs work on the film.

    Raises Problem ``disk-short`` when its files cannot fit.
    """
    jobs = studio.job_engine
    if item is None or any(jobs.jobs(state=state, item_id=item.id) for state in OPEN):
        return None
    stages = stage_asks(studio.library, studio.packs, item, job_type, options)
    ingested = studio.library.newest_artifact(item.id, "ingest")
    disk = disk_of(
        item.duration_s,
        item.size_bytes,
        stages,
        speech_s=float(ingested.info["speech_s"]) if ingested is not None else None,
        out=bool(options.get("out")),
    )
    action = _again(job_type, item, options)
    return _foresee(studio, item.title, item.duration_s, stages, disk, options.get("out"), action)


def foresee_separation(
    home: Home, packs: Packs, jobs: Jobs, library: Library, plan: SeparationPlan
) -> Forecast:
    """Forecast what is left to do of a separation without the library, all sources together.

    Its ``out_bytes`` are those of the stems. Raises Problem ``disk-short`` for either disk.
    """
    from dubwright.packs.care.canary import known_canaries
    from dubwright.studio.stems.space import are_moved, existing, scratch_bytes, stem_bytes

    pack, todo = plan.model.pack, plan.todo
    asks = [
        replace(_ask(packs, stage, (name,)), done=not todo)
        for stage, name in (("ingest", "ingest"), ("separate", pack))
    ]
    largest = max(todo, key=lambda one: scratch_bytes(plan, one), default=None)
    made = sum(stem_bytes(plan, one) for one in todo)
    disk = Disk(scratch_bytes(plan, largest) if largest else 0, made)
    machine = look_at_machine(home.root, existing(plan.out))
    if largest and machine.same_disk and are_moved(plan, largest):
        disk = replace(disk, out_bytes=made - stem_bytes(plan, largest))  # counted as scratch
    action = replace(
        plan.again,
        label="free some space, or name a data folder on another disk with --home",
    )
    what = f'"{todo[0].path.name}"' if len(todo) == 1 else f"Separating these {len(todo)} files"
    _check_disk(what, home.root, disk, machine, action)
    out_free = machine.out_free_bytes
    if not machine.same_disk and out_free is not None and out_free < 0.95 * made:
        raise Problem(
            "disk-short",
            f"The stems take about {made / 1e6:,.0f} MB in {plan.out}, where "
            f"{out_free / 1e6:,.0f} MB are free.",
            replace(plan.again, label="free some space there, then type it again"),
        )
    history = read_history(jobs, library)
    duration_s = sum(one.duration_s for one in todo)
    seen = forecast(duration_s, asks, known_canaries(home, packs), history, disk, machine)
    return replace(seen, out_bytes=made)


def _foresee(
    studio: Studio,
    title: str,
    duration_s: float,
    stages: Sequence[StageAsk],
    disk: Disk,
    out: Any,
    action: NextAction,
) -> Forecast:
    from dubwright.packs.care.canary import known_canaries

    machine = look_at_machine(studio.home.root, Path(str(out)) if out else None)
    _check_disk(f'"{title}"', studio.home.root, disk, machine, action)
    history = read_history(studio.job_engine, studio.library)
    canaries = known_canaries(studio.home, studio.packs)
    return forecast(duration_s, stages, canaries, history, disk, machine)


def _check_disk(what: str, data: Path, disk: Disk, machine: Machine, action: NextAction) -> None:
    """Raise Problem ``disk-short`` when the files certainly do not fit."""
    if not lacking(disk, machine):
        return
    needed = disk.data_bytes + (disk.out_bytes if machine.same_disk else 0)
    raise Problem(
        "disk-short",
        f"{what} needs about {needed / 1e6:,.0f} MB of disk in {data}, "
        f"and {(machine.data_free_bytes or 0) / 1e6:,.0f} MB are free.",
        action,
    )


def look_at_machine(data: Path, out: Path | None) -> Machine:
    """What is free in memory, in the data folder and where the film goes."""
    import psutil

    place = _existing(out if out is None or out.is_dir() else out.parent)
    same = place is None or place.stat().st_dev == data.stat().st_dev
    return Machine(
        int(psutil.virtual_memory().available),
        shutil.disk_usage(data).free,
        shutil.disk_usage(place).free if place is not None else None,
        same,
    )


def _existing(path: Path | None) -> Path | None:
    return path if path is not None and path.exists() else None


# --- which stages, in which packs ----------------------------------------------------------------


def stage_asks(
    library: Library, packs: Packs, item: Item, job_type: str, options: Mapping[str, Any]
) -> list[StageAsk]:
    """The stages that the job will run, each once, with what is there already marked as done."""
    found: dict[str, StageAsk] = {}
    for name, step in _steps(job_type, options):
        for stage in step.stages:
            if stage in found:
                continue
            used = _used(library, packs, item, stage, name, options)
            there = _is_there(library, item, stage, used, _stems(options))
            one = _ask(packs, stage, used, _variant(stage, options), there)
            found[stage] = replace(one, stems=_stems(options))
    return list(found.values())


def _steps(job_type: str, options: Mapping[str, Any]) -> list[tuple[str, Step]]:
    separator = str(options.get("separator") or "builtin")
    if job_type != DUB_JOB:
        for step in (INGEST, *DUB):
            begin, brace, _ = step.job_type.partition("{")
            if step.job_type == job_type or (brace and job_type.startswith(begin)):
                return [(job_type, step)]
        return []
    skipped = set(options.get("skip") or ())
    return [
        (step.job_type.format(separator=separator), step)
        for step in DUB
        if step.job_type not in skipped
    ]


def _packs_of(stage: str, job_type: str, options: Mapping[str, Any]) -> tuple[str, ...]:
    """The packs that a stage of a job asks, if it asks any."""
    return {
        "ingest": ("ingest",),
        "listen": ("ingest",),
        "separate": (pack_name(job_type.removeprefix(JOB_PREFIX), _stems(options)),),
        "transcribe": (f"asr-{options.get('asr') or 'pocketsphinx'}",),
        "diarize": (str(options.get("diarizer") or "diarization"),),
        "translate": (str(options.get("translator") or "apertium"),),
        "speak": ("tts-preview",),
        "fit": ("fitter", "tts-preview"),  # some lines are spoken again, faster
        "mix": ("mixer",),
        "mux": ("muxer",),
    }.get(stage, ())


def _stems(options: Mapping[str, Any]) -> int:
    return int(options.get("stems") or DUB_STEMS)


def _variant(stage: str, options: Mapping[str, Any]) -> str:
    if stage != "transcribe":
        return ""
    return "align" if options.get("transcript") else "draft"


def _used(
    library: Library,
    packs: Packs,
    item: Item,
    stage: str,
    job_type: str,
    options: Mapping[str, Any],
) -> tuple[str, ...]:
    """As :func:`_packs_of`, without those that this very work can do without."""
    names = _packs_of(stage, job_type, options)
    ready = all(name in packs.manifests and packs.status(name).state in READY for name in names)
    given = options.get("translation") or library.newest_track(
        item.id, "translation", str(options.get("to") or "") or None
    )
    without = {
        "transcribe": bool(options.get("transcript")) and not ready,
        "diarize": options.get("speakers") == 1 and not ready,
        "translate": bool(given) or not ready,
    }
    return () if without.get(stage) else names


def _ask(
    packs: Packs, stage: str, names: tuple[str, ...], variant: str = "", done: bool = False
) -> StageAsk:
    known = [packs.manifests[name] for name in names if name in packs.manifests]
    return StageAsk(
        stage,
        names,
        variant,
        share=SPOKEN_SHARE if stage in ("speak", "fit") else 1.0,
        ram_bytes=max((one.needs.ram_bytes for one in known), default=0),
        tested=all(one.canary.get("variant", variant) == variant for one in known),
        done=done,
    )


def _is_there(library: Library, item: Item, stage: str, names: tuple[str, ...], stems: int) -> bool:
    """Sound and stems are made once for a film, whatever it is dubbed to."""
    if stage not in ("ingest", "separate", "listen") or not names:
        return False
    if stage == "listen":
        return library.newest_artifact(item.id, stage) is not None
    recorded = stage if stage == "ingest" else recorded_as(stems)
    artifact = library.newest_artifact(item.id, recorded, names[0])
    return artifact is not None and all(path.exists() for path in artifact.paths)


# --- what earlier jobs took ----------------------------------------------------------------------


def read_history(jobs: Jobs, library: Library) -> list[Measured]:
    """Every stage that was really computed in the newest jobs, the newest first."""
    durations = {item.id: item.duration_s for item in library.items()}
    found = []
    for job in jobs.jobs(state="done")[:NEWEST_JOBS]:
        duration_s = durations.get(job.item_id or "")
        if duration_s is None or job.type == DUB_JOB:
            continue
        for stage in (job.result or {}).get("stages", ()):
            if stage.get("cached"):
                continue
            found.append(
                Measured(
                    stage["name"],
                    _packs_of(stage["name"], job.type, job.options),
                    _variant(stage["name"], job.options),
                    duration_s,
                    float(stage["wall_s"]),
                    int(stage["peak_rss_bytes"]),
                )
            )
    return found


# --- forecast and truth beside each other --------------------------------------------------------


def note_forecast(jobs: Jobs, job: Job, seen: Forecast) -> None:
    """Write the forecast into the job's log."""
    stages = ", ".join(
        f"{one.stage} {'?' if one.wall_s is None else f'{one.wall_s:.1f} s'}"
        for one in seen.per_stage
    )
    wall = "unknown" if seen.wall_s is None else f"{seen.wall_s:.1f} s"
    _log(
        jobs,
        job,
        f"forecast ({seen.basis}): {wall}, memory {seen.peak_memory_bytes / 1e6:.0f} MB, "
        f"disk {seen.temporary_disk_bytes / 1e6:.0f} MB; {stages}",
    )


def note_measured(jobs: Jobs, job: Job) -> None:
    """Write what a done job took under what was forecast."""
    if job.state != "done":
        return
    stages = measured_stages(jobs, job)
    words = ", ".join(f"{one['name']} {one['wall_s']:.1f} s" for one in stages)
    wall_s = sum(float(one["wall_s"]) for one in stages)
    peak = max((int(one["peak_rss_bytes"]) for one in stages), default=0)
    _log(jobs, job, f"measured: {wall_s:.1f} s, memory {peak / 1e6:.0f} MB; {words}")


def measured_stages(jobs: Jobs, job: Job) -> list[Mapping[str, Any]]:
    """The stages that a job or its children computed, in order."""
    family = [*reversed(jobs.jobs(parent_id=job.id))] or [job]  # a parent repeats its last child's
    found = [stage for one in family for stage in (one.result or {}).get("stages", ())]
    return [stage for stage in found if not stage.get("cached")]


def _log(jobs: Jobs, job: Job, line: str) -> None:
    path = jobs.log_path(job.id)
    with contextlib.suppress(OSError):  # a full disk: the job's own Problem says so
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as log:
            log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} INFO {line}\n")


def _again(job_type: str, item: Item, options: Mapping[str, Any]) -> NextAction:
    label = "free some space, or name a data folder on another disk with --home"
    typed = {name: value for name, value in options.items() if name not in _NO_WORDS}
    if job_type == DUB_JOB:
        return NextAction(label, "dub", {"_": [item.id], **typed})
    pairs = [f"{name}={value}" for name, value in typed.items()]
    return NextAction(label, "run", {"_": [job_type, item.id], "option": pairs})
