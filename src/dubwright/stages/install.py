"""Installing packs: a parent job, one child a pack, and what is said about those that failed.

The children do not build on each other's results: one that fails stops none but those that need it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubwright.jobs.model import Job, JobRequest
from dubwright_kit import NextAction, Problem
from dubwright_kit.codec import to_json

if TYPE_CHECKING:
    from dubwright.home import Home
    from dubwright.jobs.model import JobContext
    from dubwright.packs.catalog import Packs
    from dubwright.packs.installing.options import InstallOptions
    from dubwright.packs.installing.steps import InstallEvent

NEEDS_FAILED = "pack-needs-failed"
OPTIONS = ("allow_source_builds", "supply", "own_weights")
"""Options of an install, as the jobs hold them; those that are not set are left out."""
_LEAST_BYTES = 5e6
"""The weight of a pack without a download: environment and check take time too."""


def install_children(
    packs: Packs, job: Job, child_type: str, measure_type: str
) -> Sequence[tuple[JobRequest, float]]:
    """One job a pack, those that are required first, weighted by what they download; then one that
    measures what is not measured yet."""
    from dubwright.packs.planning.order import in_order
    from dubwright.packs.state import estimate

    names = [packs.manifest(str(name)).id for name in job.options.get("names", ())]
    shared = {key: job.options[key] for key in OPTIONS if job.options.get(key)}
    children = []
    for name in in_order(names, packs.manifests):
        download_bytes, _ = estimate(packs.manifest(name)) or (0, 0)
        request = JobRequest(child_type, None, {"name": name, **shared}, job.id)
        children.append((request, download_bytes + _LEAST_BYTES))
    return [*children, (JobRequest(measure_type, None, {}, job.id), _LEAST_BYTES)]


def measure(home: Home, packs: Packs, job: JobContext) -> Mapping[str, Any]:
    """Run the canary of every pack that never ran one, so that the first dub has a forecast.

    A pack that fails its canary here fails no installation: it is told when it is used.
    """
    from dubwright.packs.care.canary import measure_unmeasured

    job.stage("measure")
    try:
        measure_unmeasured(home, packs, job.report, job.cancelled)
    except Problem as problem:
        job.log.warning("%s: %s", problem.code, problem.message)
    return {"artifacts": []}


def install_pack(packs: Packs, job: JobContext) -> Mapping[str, Any]:
    """Install the pack that the job names; return the job's result.

    Raises Problem ``pack-needs-failed`` when a pack that it requires is not ready, and what
    ``Packs.install`` raises.
    """
    name = str(job.job.options["name"])
    job.stage("install")
    _check_required(packs, name)
    told = _Told(job)
    _run(packs, name, _options(job.job.options), told)
    status = packs.status(name)
    return {
        "artifacts": [],
        "packs": [name],
        "state": status.state,
        "disk_bytes": status.disk_bytes,
    }


def _run(packs: Packs, name: str, options: InstallOptions, told: _Told) -> None:
    packs.install_one(name, options, report=told.report, events=told.event)


def _options(options: Mapping[str, Any]) -> InstallOptions:
    from dubwright.packs.installing.options import InstallOptions

    supply = options.get("supply")
    return InstallOptions(
        bool(options.get("allow_source_builds")),
        Path(supply) if supply else None,
        bool(options.get("own_weights")),
    )


def _check_required(packs: Packs, name: str) -> None:
    from dubwright.packs.state import READY

    for other in packs.manifest(name).requires:
        status = packs.status(other)
        if status.state not in READY:
            raise Problem(
                NEEDS_FAILED,
                f"{name} needs the pack {other}, which is not ready, so nothing was done.",
                NextAction(f"install {name} with all it needs", "packs install", {"_": [name]}),
                status.why,
            )


class _Told:
    """What the installer says, as the job's events: every new step at once, the rest throttled."""

    def __init__(self, job: JobContext) -> None:
        self._job = job
        self._event: InstallEvent | None = None
        self._detail: dict[str, Any] | None = None
        self._done = 0.0

    def event(self, event: InstallEvent) -> None:
        fresh = self._event is None or event.step != self._event.step
        self._event = event
        self._done = max(self._done, event.fraction)
        self._detail = {**to_json(event), "fraction": self._done}
        if fresh:
            self._job.log.info("%s: %s", event.pack, event.step)
        self._job.report(self._done, 1.0, event.note, detail=self._detail, at_once=fresh)

    def report(self, done: float, total: float | None = None, note: str = "") -> None:
        """Progress of the pack; its newest event goes with it."""
        self._done = max(self._done, done / total if total else 0.0)
        if self._detail is not None:
            self._detail = {**self._detail, "fraction": self._done}
        self._job.report(self._done, 1.0, note, detail=self._detail)


def packs_failed(job: Job, failed: Sequence[Job]) -> Problem:
    """The Problem of an installation that some packs failed in; retrying runs only these again.

    When one pack alone went wrong it is that one's, with those that wait for it named.
    """
    retry = NextAction("install those that failed again", "job retry", {"_": [job.id]})
    told = [(str(one.options.get("name")), one.problem or _silent(one)) for one in failed]
    roots = [(name, why) for name, why in told if why.code != NEEDS_FAILED] or told
    waiting = [name for name, _ in told if name not in dict(roots)]
    after = f" These wait for it: {', '.join(waiting)}." if waiting else ""
    others = len(install_names(job)) - len(told)
    if others > 0:
        after += f" The other {others} {'is' if others == 1 else 'are'} installed."
    if len(roots) == 1:
        name, why = roots[0]
        return Problem(why.code, why.message + after, _onward(name, why, retry), why.detail)
    count = len(install_names(job))
    said = " ".join(f"{name}: {why.message}" for name, why in roots)
    after = f" These need one of them: {', '.join(waiting)}." if waiting else ""
    actions = [
        f"{name} ({why.code}): {why.next_action.label}" for name, why in roots if why.next_action
    ]
    return Problem(
        "packs-failed",
        f"{len(told)} of {count} packs were not installed. {said}{after}",
        retry,
        "\n".join(actions),
    )


def install_names(job: Job) -> list[str]:
    """The packs of an installation as its job names them."""
    return [str(name) for name in job.options.get("names", ())]


def _onward(name: str, why: Problem, retry: NextAction) -> NextAction:
    """The pack's own next action; a plain new install becomes a retry, which keeps the options."""
    own = why.next_action
    if own is None:
        return retry
    if own.verb == "packs install" and own.args == {"_": [name]}:
        return NextAction(own.label, retry.verb, retry.args)
    return own


def _silent(job: Job) -> Problem:
    return Problem(
        "bug",
        f"Job {job.id} failed without saying why.",
        NextAction("open the log", "job log", {"_": [job.id]}),
    )
