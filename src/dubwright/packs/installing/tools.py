"""Installing the pack "python-toolchain": uv and a Python for every ticked pack, found or fetched.

Nothing is built aside: a Python that is installed for packs stays where environments know it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TextIO

from dubwright.home import Home
from dubwright.packs.care.prune import stored
from dubwright.packs.installing.gather import Gatherer
from dubwright.packs.installing.options import InstallOptions
from dubwright.packs.installing.site import Site
from dubwright.packs.installing.steps import Steps
from dubwright.packs.manifest import Manifest
from dubwright.packs.planning.machine import machine_facts
from dubwright.packs.planning.plan import PackPlan
from dubwright.packs.planning.preflight import preflight, stop
from dubwright.packs.planning.space import Demand
from dubwright.packs.record import (
    ModelFile,
    Record,
    identity,
    read_record,
    tree_bytes,
    write_record,
)
from dubwright.packs.state import lock_hash
from dubwright.packs.toolchain.managed import UNPACKED_BYTES
from dubwright.packs.toolchain.toolchain import ToolchainState, ensure_toolchain, toolchain_state
from dubwright.packs.toolchain.uv import Uv
from dubwright_kit import Problem


def install_tools(
    home: Home,
    manifest: Manifest,
    manifests: Mapping[str, Manifest],
    steps: Steps,
    options: InstallOptions,
    uv: Uv,
    log: TextIO,
) -> None:
    """Look, fetch what is missing, and write the record.

    Raises Problem ``uv-missing``, ``pack-no-interpreter`` (no pack at all has a Python), those of the
    preflight and of the fetcher.
    """
    steps.enter("python")
    begun = time.monotonic()
    plan = PackPlan(manifest.id, manifest.title, (), (), (), False)
    site = Site(home, manifest, plan, home.pack(manifest.id), options, uv, steps, log)
    state = site.beating(lambda: toolchain_state(home, manifests))
    estimated_bytes = tree_bytes(home.pythons) + UNPACKED_BYTES * len(state.builds)
    if not state.ready and options.supply is None:
        state = _fetched(site, manifests, state)
    for line in state.steps:
        site.say(line)
    site.folder.mkdir(parents=True, exist_ok=True)
    locks = lock_hash(manifest, "")
    write_record(
        site.folder,
        Record(
            name=manifest.id,
            version=manifest.version,
            identity=identity(manifest.version, locks, {}),
            lock_sha256=locks,
            distributions=state.distributions,
            paths=state.paths,
            files=_archives(home, manifest.id, state.fetched),
            estimated_disk_bytes=estimated_bytes,
            disk_bytes=tree_bytes(home.pythons),
            uv=state.uv_version,
            wall_s=round(time.monotonic() - begun, 3),
            installed_at=round(time.time(), 3),
        ),
    )


def _fetched(
    site: Site, manifests: Mapping[str, Manifest], state: ToolchainState
) -> ToolchainState:
    """Fetch the Pythons that are missing.

    One that cannot be had must not stop the packs that have theirs: the pack that needs it says so.
    """
    new_bytes = UNPACKED_BYTES * len(state.builds)
    asked = Demand(site.name, state.download_bytes, 0, new_bytes)
    stop(preflight(machine_facts(site.home), [asked]))
    files = Gatherer(site)
    try:
        return ensure_toolchain(
            site.home,
            manifests,
            None,
            files.fetcher(files.connections()),
            site.log,
            site.steps.follow_fetch,
            site.steps.follow_uv,
        )
    except Problem as problem:
        if state.why or not any(one.interpreter for one in state.pythons):
            raise
        site.say(f"{problem.code}: {problem.message}")
        return state


def _archives(home: Home, name: str, fetched: Mapping[str, str]) -> dict[str, ModelFile]:
    """The archives of Pythons, these and those of before: they go when the pack does."""
    before = read_record(home.pack(name))
    known = dict(before.files) if before is not None else {}
    for file, sha256 in fetched.items():
        known[file] = ModelFile((stored(home, sha256) / file).stat().st_size, sha256)
    return known
