"""The bill: what an install would do and cost, from the sizes shipped with the locks. No connection."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dubwright.home import Home
from dubwright.packs.manifest import Manifest
from dubwright.packs.state import READY, lock_hash, pack_status
from dubwright.packs.toolchain.interpreter import Interpreter, Interpreters, find_uv
from dubwright.packs.wheels import Lock, Target, Wheel, read_lock
from dubwright_kit import NextAction, Problem

_VENV_BYTES = 20_000  # activation scripts and pyvenv.cfg


@dataclass(frozen=True)
class PackPlan:
    """What installing one pack means. Everything but ``disk_bytes`` is exact."""

    name: str
    steps: tuple[str, ...]
    """For people, in order; empty when nothing is to be done."""
    download_bytes: int
    unpacked_bytes: int
    licences: tuple[str, ...]
    installed: bool
    disk_bytes: int = 0
    """What stays on disk, estimated: with byte code, without what is deleted after conversion."""
    interpreter: Interpreter | None = None
    managed_python: str = ""
    """ "3.11" when no Python here fits and uv is to fetch its own (about 30 MB more)."""
    lock: Lock | None = None
    downloads: tuple[Lock, ...] = ()
    wheels: tuple[Wheel, ...] = ()
    """The files of the environment, then those of the downloads."""

    @property
    def lock_sha256(self) -> str:
        """What the record will hold."""
        return lock_hash(
            self.lock.sha256 if self.lock else "", tuple(one.sha256 for one in self.downloads)
        )


def plan(
    home: Home, names: Sequence[str], manifests: Mapping[str, Manifest]
) -> tuple[PackPlan, ...]:
    """Return one plan a pack, in the order given, each once.

    Raises Problem ``pack-unknown``, ``pack-no-interpreter`` (no Python fits and none can be had)
    and ``pack-unavailable``.
    """
    interpreters = Interpreters(find_uv_or_none(home))
    return tuple(
        plan_one(home, manifest_of(name, manifests), interpreters) for name in dict.fromkeys(names)
    )


def manifest_of(name: str, manifests: Mapping[str, Manifest]) -> Manifest:
    """Raises Problem ``pack-unknown``."""
    if name not in manifests:
        raise Problem(
            "pack-unknown",
            f'There is no pack "{name}"; there are: {", ".join(manifests)}.',
            NextAction("see every pack", "packs"),
        )
    return manifests[name]


def plan_one(home: Home, manifest: Manifest, interpreters: Interpreters) -> PackPlan:
    """The plan of one pack; see :func:`plan`."""
    status = pack_status(home, manifest)
    if manifest.requires_program and status.state not in READY:
        raise unavailable(manifest, status.why)
    installed = status.state in READY and not status.outdated
    lock, interpreter, managed, wheels = (
        _environment(manifest, interpreters) if manifest.locks else (None, None, "", ())
    )
    downloads = tuple(read_lock(manifest.folder / one.file) for one in manifest.downloads)
    here = Target.here()
    weights = tuple(wheel for one in downloads for wheel in one.choose(here) or ())
    stays = sum(one.unpacked_bytes + one.python_bytes for one in wheels)
    return PackPlan(
        manifest.id,
        () if installed else _steps(manifest, interpreter, managed, (*wheels, *weights)),
        sum(one.size_bytes for one in (*wheels, *weights)),
        sum(one.unpacked_bytes for one in (*wheels, *weights)),
        (manifest.licence, *(f"{one.title}: {one.licence}" for one in manifest.downloads)),
        installed,
        stays + (_VENV_BYTES if wheels else 0) + manifest.needs.disk_bytes,
        interpreter,
        managed,
        lock,
        downloads,
        (*wheels, *weights),
    )


def unavailable(manifest: Manifest, why: str) -> Problem:
    """A pack that this machine cannot have as it is."""
    action = NextAction("see every pack", "packs")
    if manifest.requires_program:
        action = NextAction(
            f"install the program {manifest.requires_program}, then look again", "packs"
        )
    return Problem("pack-unavailable", f"{manifest.id} cannot be used here: {why}.", action)


def _environment(
    manifest: Manifest, interpreters: Interpreters
) -> tuple[Lock, Interpreter | None, str, tuple[Wheel, ...]]:
    """Choose lock and Python: the first lock that has files for a Python found here."""
    locks = [(read_lock(manifest.folder / one.file), one.python) for one in manifest.locks]
    for lock, versions in locks:
        for interpreter in interpreters.find(versions):
            wheels = lock.choose(interpreter.target)
            if wheels is not None:
                return lock, interpreter, "", wheels
    here = Target.here()
    for lock, versions in locks:
        for version in versions:
            wheels = lock.choose(here.with_python(version))
            if wheels is not None:
                return lock, None, version, wheels
    raise unavailable(manifest, f"there are no files for {sys.platform} on this kind of processor")


def _steps(
    manifest: Manifest, interpreter: Interpreter | None, managed: str, wheels: Sequence[Wheel]
) -> tuple[str, ...]:
    steps = []
    if managed:
        steps.append(
            f"fetch Python {managed} through uv (about 30 MB more), because none that fits is here"
        )
    if interpreter is not None:
        steps.append(f"make an environment with Python {interpreter.version} ({interpreter.path})")
    elif managed:
        steps.append(f"make an environment with Python {managed}")
    size = sum(one.size_bytes for one in wheels)
    steps.append(
        f"download {len(wheels)} file{'s'[: len(wheels) != 1]}, {size:,} B, checked by hash"
    )
    if manifest.downloads:
        steps.append("convert the weights")
    return (*steps, "check that it works")


def find_uv_or_none(home: Home) -> Path | None:
    """uv as a source of Pythons; that it is missing is said when something is to be installed."""
    try:
        return find_uv(home)
    except Problem:
        return None
