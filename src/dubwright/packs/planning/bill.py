"""The bill of several packs together: bytes, room on each disk, time, licences, what stands in the way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dubwright.home import Home
from dubwright.packs.manifest import Manifest
from dubwright.packs.planning.machine import Machine
from dubwright.packs.planning.plan import PackPlan, PlanFile, version_of
from dubwright.packs.planning.preflight import Finding, preflight
from dubwright.packs.planning.rate import read_rate
from dubwright.packs.planning.space import Demand, rooms


@dataclass(frozen=True)
class Space:
    """One disk concerned: what is free on it and what the installs will add."""

    folder: Path
    free_bytes: int
    needed_bytes: int


@dataclass(frozen=True)
class Bill:
    """What an install of all ``plans`` means; files that several packs share count once."""

    plans: tuple[PackPlan, ...]
    download_bytes: int
    """Still to be fetched."""
    cached_bytes: int
    """Needed, and here already."""
    disk_bytes: int
    """Added by all of it: the packs' folders and the downloads that are kept."""
    spaces: tuple[Space, ...]
    rate_bytes_s: float | None
    """Of the last download here; None before the first."""
    findings: tuple[Finding, ...] = ()
    asked: bool = False
    """True when the index and the hubs were asked just now."""

    @property
    def seconds(self) -> float | None:
        """How long the download will take at that rate; None when no rate is known."""
        return self.download_bytes / self.rate_bytes_s if self.rate_bytes_s else None


def total(
    home: Home,
    plans: Sequence[PackPlan],
    manifests: Mapping[str, Manifest],
    machine: Machine,
    *,
    asked: bool = False,
    rate_bytes_s: float | None = None,
) -> Bill:
    """Add ``plans`` up and look at the machine; those that are installed cost nothing."""
    open_plans = [one for one in plans if not one.installed and one.blocked is None]
    demands = [demand(manifests[one.name], one) for one in open_plans]
    findings = preflight(machine, demands)
    files: dict[str, PlanFile] = {}
    shared_bytes = 0
    for plan in open_plans:
        for one in plan.files:
            key = one.sha256 or f"{plan.name}/{one.name}"
            if key in files:  # kept once; unpacked wheels are hard links to one copy
                shared_bytes += 0 if one.cached else one.size_bytes
                shared_bytes += one.unpacked_bytes if one.project and one.stays else 0
            files[key] = one
    disk_bytes = sum(one.disk_bytes + one.kept_bytes for one in open_plans) - shared_bytes
    blocked = [Finding(one.blocked.code, "blocker", one.blocked) for one in plans if one.blocked]
    return Bill(
        tuple(plans),
        sum(one.size_bytes for one in files.values() if not one.cached),
        sum(one.size_bytes for one in files.values() if one.cached),
        disk_bytes,
        tuple(
            Space(room.places[0].path, room.free_bytes, room.needed_bytes)
            for room in rooms(machine, demands)
            if room.needed_bytes
        ),
        rate_bytes_s or read_rate(home),
        (*blocked, *findings),
        asked,
    )


def demand(manifest: Manifest, plan: PackPlan, *, source_build: bool = False) -> Demand:
    """What ``plan`` asks of the machine, for the preflight."""
    wheels = plan.wheels
    new = sum(one.unpacked_bytes for one in wheels if not one.shared)
    return Demand(
        plan.name,
        plan.kept_bytes,
        new,
        max(0, plan.disk_bytes - new),
        sum(one.unpacked_bytes for one in wheels if one.shared),
        manifest.needs.ram_bytes,
        {one.project: version_of(one.name) for one in wheels},
        source_build=source_build,
    )
