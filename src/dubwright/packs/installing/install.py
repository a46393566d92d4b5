"""Install and remove packs: built aside, checked, then swapped in by rename. These verbs alone connect."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from dubwright.home import Home
from dubwright.packs.diagnosis.rules import again
from dubwright.packs.fetch.settings import uv_environment
from dubwright.packs.installing.steps import Events, Steps, unheard
from dubwright.packs.manifest import Manifest, load_manifests
from dubwright.packs.planning.plan import PackPlan, manifest_of, plan_one
from dubwright.packs.planning.plan import plan as plan_packs
from dubwright.packs.record import (
    LOG_TIME,
    aside,
    recover,
    swap,
    tree_bytes,
)
from dubwright.packs.state import PackStatus, pack_status
from dubwright.packs.toolchain.interpreter import Interpreters, find_uv
from dubwright_kit import NextAction, Problem, Report, silent

if TYPE_CHECKING:
    from dubwright.packs.toolchain.uv import Uv

__all__ = ["PackPlan", "install", "plan", "put_back", "remove"]

_RESERVE_BYTES = 30_000_000
"""Left free on a disk: the log, the record and what else runs need some room."""
_WAIT_S = 0.25


def plan(
    home: Home, names: Sequence[str], manifests: Mapping[str, Manifest] | None = None
) -> tuple[PackPlan, ...]:
    """What an install would do and cost; see :func:`dubwright.packs.plan.plan`."""
    return plan_packs(home, names, load_manifests() if manifests is None else manifests)


def install(
    home: Home,
    names: Sequence[str],
    report: Report = silent,
    *,
    manifests: Mapping[str, Manifest] | None = None,
    events: Events = unheard,
) -> tuple[PackStatus, ...]:
    """Install the packs in order and return their states. What is installed and current stays.

    ``report(done, total, note)`` counts packs (1.37 of 3) and is called at least four times a
    second; when it raises Cancelled, everything started is killed and the old state stays. Each
    attempt has a log at ``<home>/packs/logs/<name>-<time>.log``.

    Raises Problem: ``pack-unknown``, ``pack-unavailable``, ``pack-no-interpreter``, ``uv-missing``,
    ``pack-not-writable``, ``pack-disk-full``, ``pack-in-use``, ``pack-check-failed`` and those of
    :mod:`dubwright.packs.diagnosis.rules`. Packs before the failed one stay installed.
    """
    known = load_manifests() if manifests is None else manifests
    wanted = [manifest_of(name, known) for name in dict.fromkeys(names)]
    for number, manifest in enumerate(wanted):
        if manifest.installable:
            _install_one(home, manifest, Steps(manifest.id, number, len(wanted), report, events))
        else:
            plan_one(home, manifest, Interpreters())  # raises when its program is missing
    return tuple(pack_status(home, manifest) for manifest in wanted)


def _install_one(home: Home, manifest: Manifest, steps: Steps) -> None:
    _check_writable(home, manifest.id)
    with locked(home, manifest.id, lambda: steps.enter("wait")):
        recover(home, manifest.id)
        status = pack_status(home, manifest)
        if status.state != "installed" or status.outdated:
            with _log(home, manifest.id) as log, _os_errors(home, manifest.id):
                _build_and_swap(home, manifest, steps, log)
    steps.enter("done")


def _build_and_swap(home: Home, manifest: Manifest, steps: Steps, log: TextIO) -> None:
    # Imported here: the plan and the list must not pay for the wall.
    from dubwright.packs.installing.build import Build
    from dubwright.packs.toolchain.uv import Uv

    steps.enter("python")
    uv = Uv(_uv(home, manifest.id), uv_environment(), log)
    plan = plan_one(home, manifest, Interpreters(uv.program))
    steps.expect(plan.download_bytes, plan.unpacked_bytes)
    for line in (f"{manifest.id} {manifest.version}, {uv.program} {uv.version()}", *plan.steps):
        log.write(line + "\n")
    _check_room(home, plan, uv)
    new = aside(home, "new", manifest.id)
    try:
        record = Build(home, manifest, plan, new, uv, steps, log).run()
        swap(home, manifest.id, new)
    except Problem as problem:
        log.write(f"failed: {problem.code}: {problem.message}\n{problem.detail}\n")
        raise
    finally:
        shutil.rmtree(new, ignore_errors=True)
    log.write(f"ready: {record.identity}, {record.disk_bytes:,} B, {record.wall_s:.1f} s\n")


def _uv(home: Home, name: str) -> Path:
    try:
        return find_uv(home)
    except Problem as problem:
        label = problem.next_action.label if problem.next_action else "install uv"
        raise Problem(
            problem.code, problem.message, again(name, label), problem.detail
        ) from problem


def remove(home: Home, name: str, manifests: Mapping[str, Manifest] | None = None) -> int:
    """Remove an installed pack; return the bytes freed.

    Raises Problem ``pack-unknown``, ``pack-not-removable`` and ``pack-in-use``.
    """
    manifest = manifest_of(name, load_manifests() if manifests is None else manifests)
    if not manifest.installable:
        raise Problem(
            "pack-not-removable",
            f"{name} is part of the program or of this machine; there is nothing to remove.",
            NextAction("see every pack", "packs"),
        )
    with locked(home, name, lambda: None), _os_errors(home, name):
        recover(home, name)
        if not home.pack(name).exists():
            return 0
        freed = tree_bytes(home.pack(name))
        gone = aside(home, "gone", name)
        home.pack(name).rename(gone)
        shutil.rmtree(gone, ignore_errors=True)
    return freed


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
    with path.open("a", encoding="utf-8", newline="\n") as log:
        try:
            yield log
        finally:
            with contextlib.suppress(OSError):  # the disk is full: the Problem says so
                log.flush()


def _check_writable(home: Home, name: str) -> None:
    try:
        home.packs.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home.packs):
            pass
    except OSError as error:
        raise _not_writable(home, name, error) from error


def _check_room(home: Home, plan: PackPlan, uv: Uv) -> None:
    """Raise ``pack-disk-full`` when the files would not fit, before the first is fetched."""
    needed = max(plan.disk_bytes, plan.unpacked_bytes)
    places = {home.packs}
    cache = uv.cache_folder()
    if cache is not None:
        places.add(_existing(cache))
    for place in sorted(places):
        free = shutil.disk_usage(place).free
        if free < needed + _RESERVE_BYTES:
            raise Problem(
                "pack-disk-full",
                f"{plan.name} needs {(needed + _RESERVE_BYTES) / 1e6:,.0f} MB in {place}, "
                f"where {free / 1e6:,.0f} MB are free.",
                again(plan.name, "free disk space, then install again"),
            )


def _existing(path: Path) -> Path:
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


@contextlib.contextmanager
def _os_errors(home: Home, name: str) -> Iterator[None]:
    """Turn what the file system refuses into Problems."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT) or getattr(error, "winerror", 0) == 112:
            raise Problem(
                "pack-disk-full",
                f"{name} could not be installed: the disk with {home.packs} is full.",
                again(name, "free disk space, then install again"),
                str(error),
            ) from error
        if isinstance(error, PermissionError) and home.pack(name).exists():
            raise Problem(
                "pack-in-use",
                f"{name} is in use or protected, so its folder {home.pack(name)} could not be replaced.",
                again(name, "stop the jobs that use it, then install again"),
                str(error),
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise _not_writable(home, name, error) from error
        raise


def _not_writable(home: Home, name: str, error: OSError) -> Problem:
    return Problem(
        "pack-not-writable",
        f"{name} cannot be installed: {home.packs} cannot be written ({error.strerror or error}).",
        again(name, "make it writable or choose another data folder, then install"),
    )
