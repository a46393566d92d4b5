"""How far an installation is, pack by pack, worked out from the rows of its jobs alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from dubwright.jobs.engine import Jobs
from dubwright.jobs.model import CLOSED, Job, JobEvent
from dubwright.recipe import INSTALL_JOB, INSTALL_ONE_JOB
from dubwright_kit import NextAction, Problem

if TYPE_CHECKING:
    from dubwright.packs.planning.bill import Bill

InstallState = Literal[
    "queued",
    "waiting",
    "preflight",
    "python",
    "resolve",
    "downloading",
    "installing",
    "converting",
    "checking",
    "done",
    "failed",
    "cancelled",
]
_STATES: dict[str, InstallState] = {
    "wait": "waiting",
    "preflight": "preflight",
    "python": "python",
    "resolve": "resolve",
    "download": "downloading",
    "install": "installing",
    "prepare": "converting",
    "check": "checking",
    "record": "checking",
    "done": "done",
}
"""By the step that an ``InstallEvent`` names."""


@dataclass(frozen=True)
class PackProgress:
    """One pack of an installation.

    ``done_bytes`` of ``total_bytes`` are downloaded, at ``rate_bytes_s``, for ``left_s`` more
    seconds; ``file`` is on its way; each None or "" when unknown. ``fraction`` (0..1) is of
    the whole pack. ``job_id`` is "" while the pack's own job is not made yet.
    """

    pack: str
    state: InstallState
    job_id: str = ""
    fraction: float = 0.0
    done_bytes: int | None = None
    total_bytes: int | None = None
    rate_bytes_s: float | None = None
    left_s: float | None = None
    file: str = ""
    note: str = ""
    waiting: str = ""
    """What a download waits for, such as a server that asked to come back later."""
    problem: Problem | None = None


def install_states(jobs: Iterable[Job], events: Iterable[JobEvent]) -> tuple[PackProgress, ...]:
    """Return the packs of one installation in its order.

    ``jobs``: the ``install_packs`` job and those of its children that there are, or one
    ``install_pack`` job alone; ``events``: at least the newest with a detail of each. The same rows
    always give the same answer; jobs of other types give none.
    """
    known = list(jobs)
    parent = next((job for job in known if job.type == INSTALL_JOB), None)
    children = {
        str(job.options.get("name", "")): job for job in known if job.type == INSTALL_ONE_JOB
    }
    names = [str(name) for name in parent.options.get("names", ())] if parent else list(children)
    details = {
        event.job_id: event.detail
        for event in sorted(events, key=lambda event: event.id)
        if event.detail is not None
    }
    return tuple(
        _absent(name, parent)
        if (child := children.get(name)) is None or _is_of_before(child, parent)
        else _present(name, child, details.get(child.id, {}))
        for name in names
    )


def read_progress(jobs: Jobs, job_id: str) -> tuple[PackProgress, ...]:
    """Return :func:`install_states` of a job as it is now. Raises Problem ``job-not-found``."""
    job = jobs.job(job_id)
    family = [job, *reversed(jobs.jobs(parent_id=job.id))]
    return install_states(family, jobs.details([one.id for one in family]))


def install_options(
    names: Sequence[str],
    allow_source_builds: bool,
    supply: Path | str | None,
    own_weights: bool,
) -> dict[str, Any]:
    """The options of an ``install_packs`` job, only those that are set: equal requests are one job.

    Raises Problem ``nothing-to-install`` and ``supply-missing``.
    """
    if not names:
        raise Problem(
            "nothing-to-install",
            "Name the packs to install, or say --all.",
            NextAction("see every pack", "packs", {}),
        )
    options: dict[str, Any] = {"names": list(names)}
    if allow_source_builds:
        options["allow_source_builds"] = True
    if supply is not None:
        options["supply"] = str(_found(Path(supply).expanduser().absolute(), names))
    if own_weights:
        if supply is None:
            raise ValueError("own_weights needs a supply to take them from")
        options["own_weights"] = True
    return options


def check_room(bill: Bill) -> None:
    """Raise the bill's Problem when the packs together do not fit: before any of them begins."""
    for finding in bill.findings:
        if finding.severity == "blocker" and finding.id == "pack-disk-full":
            raise finding.problem


def _found(supply: Path, names: Sequence[str]) -> Path:
    if not supply.exists():
        raise Problem(
            "supply-missing",
            f"There is no folder or file {supply} to take packs from.",
            NextAction(
                "say where the folder or zip is",
                "packs install",
                {"_": list(names), "from": "FOLDER_OR_ZIP"},
            ),
        )
    return supply


def _is_of_before(child: Job, parent: Job | None) -> bool:
    """True for a child that failed earlier and that its parent, tried again, will come to."""
    if parent is None or parent.state in CLOSED or child.state not in ("failed", "cancelled"):
        return False
    return parent.started_at is None or (child.ended_at or 0.0) < parent.started_at


def _absent(name: str, parent: Job | None) -> PackProgress:
    """A pack whose job is yet to come, or never came because the installation ended before."""
    if parent is None or parent.state not in ("failed", "cancelled"):
        return PackProgress(name, "queued")
    return PackProgress(name, parent.state, problem=parent.problem)


def _present(name: str, child: Job, detail: Mapping[str, Any]) -> PackProgress:
    state: InstallState
    if child.state == "running":
        state = _STATES.get(str(detail.get("step", "")), "queued")
    else:
        state = child.state
    moving = child.state == "running"
    return PackProgress(
        name,
        state,
        child.id,
        1.0 if state == "done" else float(detail.get("fraction") or 0.0),
        detail.get("done_bytes"),
        detail.get("total_bytes"),
        detail.get("rate_bytes_s") if moving else None,
        detail.get("left_s") if moving else None,
        str(detail.get("file") or "") if moving else "",
        str(detail.get("note") or "") if moving else "",
        str(detail.get("waiting") or "") if moving else "",
        child.problem,
    )
