"""Install and remove packs: built aside, checked, then swapped in by rename. These verbs alone connect."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from dubwright.home import Home
from dubwright.packs.care.prune import pack_places, prune
from dubwright.packs.diagnosis.diagnose import again
from dubwright.packs.fetch.settings import uv_environment
from dubwright.packs.installing.advice import advised
from dubwright.packs.installing.gather import Gatherer
from dubwright.packs.installing.options import InstallOptions
from dubwright.packs.installing.refusals import check_writable, os_errors
from dubwright.packs.installing.replacing import renews
from dubwright.packs.installing.site import Site, beating
from dubwright.packs.installing.steps import Events, Steps, unheard
from dubwright.packs.installing.tools import install_tools
from dubwright.packs.manifest import Manifest
from dubwright.packs.planning.order import in_order
from dubwright.packs.planning.plan import PackPlan, manifest_of, plan_one, unpacked_here
from dubwright.packs.planning.preflight import preflight, stop
from dubwright.packs.record import (
    LOG_TIME,
    aside,
    read_record,
    recover,
    swap,
    tree_bytes,
)
from dubwright.packs.state import PackStatus, pack_status
from dubwright.packs.toolchain.interpreter import Interpreters, find_uv
from dubwright_kit import NextAction, Problem, Report, silent

if TYPE_CHECKING:
    from dubwright.packs.installing.supply import Supply
    from dubwright.packs.toolchain.uv import Uv

DEFAULT = InstallOptions()
_EVERY = "every-install"
"""Name of the lock that all installs of a home share: they share uv's cache and the downloads."""
_WAIT_S = 0.25


def install(
    home: Home,
    names: Sequence[str],
    report: Report = silent,
    *,
    manifests: Mapping[str, Manifest],
    events: Events = unheard,
    options: InstallOptions = DEFAULT,
) -> tuple[PackStatus, ...]:
    """Install the packs and what they require, and return their states. What is current stays.

    ``report(done, total, note)`` counts packs (1.37 of 3) and is called at least four times a
    second; when it raises Cancelled, everything started is killed and the old state stays. Each
    attempt has a log at ``<home>/packs/logs/<name>-<time>.log``.

    Raises Problem: ``pack-unknown``, ``pack-unavailable``, ``pack-no-interpreter``, ``uv-missing``,
    ``pack-not-writable``, ``pack-disk-full``, ``pack-in-use``, ``pack-check-failed``, those of the
    fetcher, of ``planning.preflight`` and of ``diagnosis``. Packs before the failed one stay
    installed.
    """
    wanted = [manifest_of(name, manifests).id for name in dict.fromkeys(names)]
    ordered = [manifests[name] for name in in_order(wanted, manifests)]
    for number, manifest in enumerate(ordered):
        steps = Steps(manifest.id, number, len(ordered), report, events)
        _install_one(home, manifest, manifests, steps, options)
    return tuple(pack_status(home, manifest) for manifest in ordered)


def install_one(
    home: Home,
    name: str,
    report: Report = silent,
    *,
    manifests: Mapping[str, Manifest],
    events: Events = unheard,
    options: InstallOptions = DEFAULT,
) -> PackStatus:
    """Install this pack alone: what it requires must be there. Otherwise as :func:`install`."""
    manifest = manifest_of(name, manifests)
    _install_one(home, manifest, manifests, Steps(name, 0, 1, report, events), options)
    return pack_status(home, manifest)


def _install_one(
    home: Home,
    manifest: Manifest,
    manifests: Mapping[str, Manifest],
    steps: Steps,
    options: InstallOptions,
) -> None:
    if not manifest.installable:
        plan_one(home, manifest, Interpreters.of(home))  # raises when its program is missing
        return steps.enter("done")
    check_writable(home, manifest.id)
    with (
        locked(home, manifest.id, lambda: steps.enter("wait")),
        locked(home, _EVERY, lambda: steps.enter("wait")),
        os_errors(home, manifest.id),
    ):
        recover(home, manifest.id)
        _sweep(home)
        status = pack_status(home, manifest)
        current = status.state == "installed" and not status.outdated
        current = current and not renews(status, options)
        if current and manifest.kind != "toolchain":
            return steps.enter("done")  # the log of when it was installed stays the newest
        with _log(home, manifest.id) as log:
            try:
                if manifest.kind == "toolchain":
                    uv = _uv(home, manifest.id, log)
                    install_tools(home, manifest, manifests, steps, options, uv, log)
                else:
                    _build_and_swap(home, manifest, manifests, steps, options, log)
            except Problem as problem:
                log.write(f"failed: {problem.code}: {problem.message}\n{problem.detail}\n")
                raise advised(problem, manifest, options) from problem
    return steps.enter("done")


def _build_and_swap(
    home: Home,
    manifest: Manifest,
    manifests: Mapping[str, Manifest],
    steps: Steps,
    options: InstallOptions,
    log: TextIO,
) -> None:
    # Imported here: the plan and the list must not pay for the wall.
    from dubwright.packs.installing.build import Build

    steps.enter("python")
    uv = _uv(home, manifest.id, log)
    uv.ask_version()
    plan = beating(
        steps,
        lambda: plan_one(home, manifest, Interpreters.of(home), unpacked_here(home, manifests)),
    )
    for line in (f"{manifest.id} {manifest.version}, {uv.program} {uv.version()}", *plan.steps):
        log.write(line + "\n")
    new, old = aside(home, "new", manifest.id), read_record(home.pack(manifest.id))
    site = Site(home, manifest, plan, new, options, uv, steps, log)
    try:
        steps.enter("preflight")
        site.beating(lambda: _look_ahead(home, manifest, plan, options, log))
        # Here too: the log tells of it, and what fills the disk is still there to be seen.
        with os_errors(home, manifest.id):
            with _supply(home, manifest, options) as supply:
                record = Build(site, Gatherer(site, supply)).run()
            swap(home, manifest.id, new)
    finally:
        shutil.rmtree(new, ignore_errors=True)
    if old is not None:
        prune(home, old, record)
    log.write(
        f"ready: {record.identity}, {record.disk_bytes:,} B "
        f"(estimated {record.estimated_disk_bytes:,} B), {record.wall_s:.1f} s\n"
    )


def _look_ahead(
    home: Home, manifest: Manifest, plan: PackPlan, options: InstallOptions, log: TextIO
) -> None:
    """Stop before the first byte for what the preflight calls a blocker; log what it warns of.

    That the index answers is found out by the first question it is asked, before any file.
    """
    from dubwright.packs.planning.bill import demand
    from dubwright.packs.planning.machine import machine_facts

    asked = demand(manifest, plan, source_build=False)
    if options.supply is not None:
        asked = replace(asked, download_bytes=plan.download_bytes)
    findings = preflight(machine_facts(home), [asked])
    for one in findings:
        log.write(f"preflight, {one.severity}: {one.problem.code}: {one.problem.message}\n")
    stop(findings)


@contextlib.contextmanager
def _supply(home: Home, manifest: Manifest, options: InstallOptions) -> Iterator[Supply | None]:
    if options.supply is None:
        yield None
        return
    from dubwright.packs.installing.supply import Supply

    with Supply.open(
        options.supply,
        pack=manifest.id,
        weights=manifest.weights,
        scratch=aside(home, "new", manifest.id),
    ) as supply:
        yield supply


def _sweep(home: Home) -> None:
    """What a killed uv has left in its cache; the lock on all installs is held."""
    for left in home.uv_cache.glob(".tmp*"):
        if left.is_dir():
            shutil.rmtree(left, ignore_errors=True)
        else:
            left.unlink(missing_ok=True)


def _uv(home: Home, name: str, log: TextIO) -> Uv:
    """uv with this home's cache. Raises Problem ``uv-missing``."""
    from dubwright.packs.toolchain.uv import Uv

    try:
        program = find_uv(home)
    except Problem as problem:
        label = problem.next_action.label if problem.next_action else "install uv"
        raise Problem(
            problem.code, problem.message, again(name, label), problem.detail
        ) from problem
    # uv would also read files above the data folder, and a person's own: what they say (another
    # target, no wheels) is meant for other projects. The index of theirs is handed over where it is
    # needed.
    own = {"UV_CACHE_DIR": str(home.uv_cache), "UV_NO_CONFIG": "1"}
    return Uv(program, {**uv_environment(), **own}, log)


def remove(home: Home, name: str, manifests: Mapping[str, Manifest]) -> int:
    """Remove an installed pack; return the bytes freed.

    Raises Problem ``pack-unknown``, ``pack-not-removable``, ``pack-needed`` (by others that are
    installed) and ``pack-in-use``.
    """
    manifest = manifest_of(name, manifests)
    needing = [
        one.id
        for one in manifests.values()
        if name in one.requires and read_record(home.pack(one.id)) is not None
    ]
    if needing:
        raise Problem(
            "pack-needed",
            f"{name} is needed by {', '.join(needing)}, which would stop working.",
            NextAction(f"remove {needing[0]} first", "packs remove", {"_": [needing[0]]}),
        )
    if not manifest.installable:
        raise Problem(
            "pack-not-removable",
            f"{name} is part of the program or of this machine; there is nothing to remove.",
            NextAction("see every pack", "packs"),
        )
    with (
        locked(home, name, lambda: None),
        locked(home, _EVERY, lambda: None),
        os_errors(home, name),
    ):
        recover(home, name)
        if not home.pack(name).exists():
            return 0
        record = read_record(home.pack(name))
        before = tree_bytes(*pack_places(home, name))
        gone = aside(home, "gone", name)
        home.pack(name).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
        if record is not None:
            prune(home, record)
        return before - tree_bytes(*pack_places(home, name))


def put_back(home: Home, name: str) -> None:
    """Undo what a killed installation left, unless another one is at work."""
    from filelock import FileLock, Timeout

    with contextlib.suppress(Timeout, OSError), FileLock(_lock_path(home, name), timeout=0):
        recover(home, name)


# --- one installation of a pack at a time --------------------------------------------------------


def _lock_path(home: Home, name: str) -> Path:
    return home.packs / f".{name}.lock"


@contextlib.contextmanager
def locked(home: Home, name: str, waiting: Callable[[], None]) -> Iterator[None]:
    """Hold the pack's lock; ``waiting`` is called while another process has it and may raise."""
    from filelock import FileLock, Timeout

    home.packs.mkdir(parents=True, exist_ok=True)
    lock = FileLock(_lock_path(home, name), timeout=_WAIT_S)
    while True:
        try:
            lock.acquire()
            break
        except Timeout:
            waiting()
    try:
        yield
    finally:
        lock.release()


# --- before and around ---------------------------------------------------------------------------


@contextlib.contextmanager
def _log(home: Home, name: str) -> Iterator[TextIO]:
    home.pack_logs.mkdir(parents=True, exist_ok=True)
    path = home.pack_logs / f"{name}-{time.strftime(LOG_TIME)}.log"
    log = path.open("a", encoding="utf-8", newline="\n")
    try:
        yield log
    finally:
        with contextlib.suppress(OSError):  # the disk is full: the Problem says so
            log.close()
