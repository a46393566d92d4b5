"""The bill: what an install would do and cost, from the sizes shipped with the locks. No connection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from dubwright.home import Home
from dubwright.packs.manifest import Manifest
from dubwright.packs.planning.order import in_order
from dubwright.packs.record import read_record
from dubwright.packs.state import READY, pack_status
from dubwright.packs.toolchain.choice import fit
from dubwright.packs.toolchain.interpreter import Interpreter, Interpreters, find_uv
from dubwright.packs.toolchain.settings import chosen_python
from dubwright.packs.wheels import Lock, Target, Wheel, read_lock
from dubwright_kit import NextAction, Problem

_VENV_BYTES = 20_000  # activation scripts and pyvenv.cfg
_BYTE_CODE = 0.6
"""Of the sources' bytes: 57.0 MB after 101.3 MB of TensorFlow's and Spleeter's had been imported."""


@dataclass(frozen=True)
class PlanFile:
    """One file that an install needs; 0 bytes where nobody knows yet."""

    name: str
    sha256: str
    size_bytes: int
    unpacked_bytes: int
    python_bytes: int = 0
    """Of the unpacked ones: sources, which get byte code of about their size."""
    project: str = ""
    """Of a wheel: what the index calls it."""
    url: str = ""
    """Of weights: where they come from."""
    cached: bool = False
    """Verified and here: not downloaded again."""
    shared: bool = False
    """Another pack has unpacked it: here it becomes hard links, which take nothing."""
    stays: bool = True
    """False for what is unpacked only to be converted."""
    note: str = ""
    """What asking (``plan --refresh``) found: another size, a server that refuses."""


@dataclass(frozen=True)
class PackPlan:
    """What installing one pack means. Sizes are exact except ``disk_bytes``, an estimate."""

    name: str
    title: str
    steps: tuple[str, ...]
    """For people, in order; empty when nothing is to be done."""
    files: tuple[PlanFile, ...]
    """The files of the environment, then those of the weights."""
    licences: tuple[str, ...]
    installed: bool
    disk_bytes: int = 0
    """What the pack's folder will take: unpacked files, byte code, weights."""
    byte_code_bytes: int = 0
    interpreter: Interpreter | None = None
    managed_python: str = ""
    """ "3.11" when no Python here fits and uv is to be given its own."""
    lock: Lock | None = None
    requires: tuple[str, ...] = ()
    blocked: Problem | None = None
    """Why it cannot be installed here; then nothing else is known."""

    @property
    def download_bytes(self) -> int:
        """What the files weigh, those that are here already too."""
        return sum(one.size_bytes for one in self.files)

    @property
    def cached_bytes(self) -> int:
        """Of these, what is here already."""
        return sum(one.size_bytes for one in self.files if one.cached)

    @property
    def kept_bytes(self) -> int:
        """Verified downloads are kept so that nothing is fetched twice: what they add to the disk."""
        return self.download_bytes - self.cached_bytes

    @property
    def unpacked_bytes(self) -> int:
        return sum(one.unpacked_bytes for one in self.files)

    @property
    def wheels(self) -> tuple[PlanFile, ...]:
        """The files of the environment."""
        return tuple(one for one in self.files if one.stays and one.project)


def plan(
    home: Home,
    names: Sequence[str],
    manifests: Mapping[str, Manifest],
    *,
    tolerant: bool = False,
) -> tuple[PackPlan, ...]:
    """Return one plan a pack, those that are required too, in the order of the install.

    Raises Problem ``pack-unknown``; and ``pack-no-interpreter`` (no Python fits and none can be had),
    ``pack-unavailable`` and ``pack-python-unfit``, which with ``tolerant`` become ``blocked``.
    """
    for name in names:
        manifest_of(name, manifests)
    interpreters = Interpreters.of(home)
    unpacked = unpacked_here(home, manifests)
    plans = []
    ordered = in_order(names, manifests)
    for name in ordered:
        try:
            if manifests[name].kind == "toolchain":
                plans.append(_toolchain(home, manifests[name], manifests, ordered))
            else:
                plans.append(plan_one(home, manifests[name], interpreters, unpacked))
        except Problem as problem:
            if not tolerant:
                raise
            manifest = manifests[name]
            plans.append(
                PackPlan(name, manifest.title, (), (), licences(manifest), False, blocked=problem)
            )
    return tuple(plans)


def unpacked_here(home: Home, manifests: Mapping[str, Manifest]) -> frozenset[str]:
    """sha256 of the wheels that installed environments are links to."""
    records = (read_record(home.pack(one.id)) for one in manifests.values() if one.env == "own")
    return frozenset(
        file.sha256
        for record in records
        if record is not None
        for name, file in record.files.items()
        if name.endswith(".whl")
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


def plan_one(
    home: Home,
    manifest: Manifest,
    interpreters: Interpreters,
    unpacked: frozenset[str] = frozenset(),
) -> PackPlan:
    """The plan of one pack; see :func:`plan`."""
    status = pack_status(home, manifest)
    if manifest.requires_program and status.state not in READY:
        raise unavailable(manifest, status.why)
    installed = status.state in READY and not status.outdated
    lock, interpreter, managed, wheels = (
        _environment(home, manifest, interpreters) if manifest.locks else (None, None, "", ())
    )
    files = (*(_wheel(one) for one in wheels), *weight_files(manifest))
    files = tuple(
        replace(one, cached=_is_here(home, one), shared=one.stays and one.sha256 in unpacked)
        for one in files
    )
    byte_code = byte_code_bytes(files)
    made = PackPlan(
        manifest.id,
        manifest.title,
        (),
        files,
        licences(manifest),
        installed,
        disk_bytes(manifest, files),
        byte_code,
        interpreter,
        managed,
        lock,
        manifest.requires,
    )
    return made if installed else replace(made, steps=_steps(manifest, made))


def licences(manifest: Manifest) -> tuple[str, ...]:
    """The pack's own licence and those of its weights."""
    return (
        manifest.licence,
        *(f"{one.title}: {one.licence}" for one in manifest.downloads),
        *(f"{one.title}: {one.licence}" for one in manifest.weights),
    )


def disk_bytes(manifest: Manifest, files: Sequence[PlanFile]) -> int:
    """Estimate what ``files`` will take in the pack's folder: unpacked, with byte code, converted."""
    stays = sum(one.unpacked_bytes for one in files if one.stays and not one.shared)
    stays += byte_code_bytes(files)
    environment = _VENV_BYTES if manifest.locks else 0
    return stays + environment + manifest.needs.disk_bytes


def byte_code_bytes(files: Sequence[PlanFile]) -> int:
    """The allowance for byte code: only what is imported gets it, the first time in the check."""
    return int(_BYTE_CODE * sum(one.python_bytes for one in files if one.stays))


def weight_files(manifest: Manifest) -> tuple[PlanFile, ...]:
    """The files of weights: inside wheels, then those with addresses."""
    here = Target.here()
    inside = [
        replace(_wheel(wheel), stays=False)
        for one in manifest.downloads
        for wheel in read_lock(manifest.folder / one.file).choose(here) or ()
    ]
    straight = [
        PlanFile(
            one.name,
            one.sha256,
            one.size_bytes,
            one.unpacked_bytes or one.size_bytes,
            url=one.url,
        )
        for one in manifest.weights
    ]
    return (*inside, *straight)


def _wheel(wheel: Wheel) -> PlanFile:
    return PlanFile(
        wheel.name,
        wheel.sha256,
        wheel.size_bytes,
        wheel.unpacked_bytes,
        wheel.python_bytes,
        project_of(wheel.name),
    )


def project_of(file_name: str) -> str:
    """The normalised project (PEP 503) that a wheel or source archive is named after."""
    stem = file_name.partition("-")[0]
    if not file_name.endswith(".whl"):
        stem = re.sub(r"-\d[^-]*\.(tar\.gz|zip)$", "", file_name)
    return re.sub(r"[-_.]+", "-", stem).lower()


def version_of(file_name: str) -> str:
    """The version in a wheel's or source archive's name."""
    if file_name.endswith(".whl"):
        return file_name.split("-")[1]
    stem = file_name.removesuffix(".zip").removesuffix(".tar.gz")
    return stem.rpartition("-")[2]


def _is_here(home: Home, file: PlanFile) -> bool:
    """As far as names and sizes tell; the install checks the hash where it has doubts."""
    from dubwright.packs.fetch.store import Store

    return bool(file.sha256) and Store(home.downloads).find(file.sha256, file.name) is not None


def unavailable(manifest: Manifest, why: str) -> Problem:
    """A pack that this machine cannot have as it is."""
    action = NextAction("see every pack", "packs")
    if manifest.requires_program:
        action = NextAction(
            f"install the program {manifest.requires_program}, then look again", "packs"
        )
    return Problem("pack-unavailable", f"{manifest.id} cannot be used here: {why}.", action)


def _environment(
    home: Home, manifest: Manifest, interpreters: Interpreters
) -> tuple[Lock, Interpreter | None, str, tuple[Wheel, ...]]:
    """Choose lock and Python. Raises ``pack-unavailable`` and ``pack-python-unfit``."""
    found = fit(manifest, interpreters, chosen_python(home, manifest.id))
    if found is None:
        raise unavailable(manifest, _misfit(manifest))
    return found.lock, found.interpreter, found.managed, found.wheels


def _misfit(manifest: Manifest) -> str:
    """What would have to be different for the first lock."""
    from dubwright.packs.planning.misfit import why_no_files

    first, here = manifest.locks[0], Target.here()
    lock = read_lock(manifest.folder / first.file)
    return why_no_files(lock, [here.with_python(version) for version in first.python])


def _toolchain(
    home: Home, manifest: Manifest, manifests: Mapping[str, Manifest], names: Sequence[str]
) -> PackPlan:
    """The plan of uv and the Pythons: what is missing for the ticked packs and for ``names``."""
    from dubwright.packs.toolchain.managed import UNPACKED_BYTES
    from dubwright.packs.toolchain.toolchain import toolchain_state, with_environment

    packs = [*with_environment(manifests), *(one for one in names if manifests[one].locks)]
    state = toolchain_state(home, manifests, packs)
    files = tuple(
        PlanFile(
            one.name,
            one.sha256,
            one.download_bytes,
            UNPACKED_BYTES,
            url=one.url,
            note="" if one.size_bytes else "an estimate; asked exactly with --refresh",
        )
        for one in state.builds
    )
    files = tuple(replace(one, cached=_is_here(home, one)) for one in files)
    installed = pack_status(home, manifest).state in READY and state.ready
    return PackPlan(
        manifest.id,
        manifest.title,
        () if installed else state.steps,
        files,
        licences(manifest),
        installed,
        sum(one.unpacked_bytes for one in files),
    )


def _steps(manifest: Manifest, made: PackPlan) -> tuple[str, ...]:
    steps = []
    if made.managed_python:
        steps.append(
            f"use a Python {made.managed_python} of uv's (see python-toolchain), because none that "
            "fits is here"
        )
    if made.interpreter is not None:
        steps.append(
            f"make an environment with Python {made.interpreter.version} ({made.interpreter.path})"
        )
    elif made.managed_python:
        steps.append(f"make an environment with Python {made.managed_python}")
    count, size = len(made.files), made.download_bytes - made.cached_bytes
    if count:
        here = f", {made.cached_bytes:,} B of them are here already" if made.cached_bytes else ""
        steps.append(f"download {count} file{'s'[: count != 1]}, {size:,} B, checked by hash{here}")
    if manifest.converts:
        steps.append("convert the weights")
    return (*steps, "check that it works" if manifest.kind == "backend" else "check the files")


def find_uv_or_none(home: Home) -> Path | None:
    """uv as a source of Pythons; that it is missing is said when something is to be installed."""
    try:
        return find_uv(home)
    except Problem:
        return None
