"""What an install needs on each volume, for all of its packs together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from dubwright.packs.planning.machine import Machine, Place

RESERVE_BYTES = 30_000_000
"""Left free on a volume: the log, the record and what else runs need some room."""


@dataclass(frozen=True)
class Demand:
    """What installing one pack asks of the machine, in plain values.

    The unpacked files lie in uv's cache and, as hard links where both are on one volume, in the
    environment; else they are there twice.
    """

    name: str
    download_bytes: int = 0
    """Still to be fetched, into the folder of verified downloads."""
    unpacked_bytes: int = 0
    """Of the environment's wheels, without those that uv's cache has already."""
    own_bytes: int = 0
    """What only the pack's folder gets: byte code, weights, scripts."""
    linked_bytes: int = 0
    """Unpacked files that uv's cache has already: they cost again only where they are copied."""
    ram_bytes: int = 0
    pins: Mapping[str, str] = field(default_factory=dict)
    """Project to version, as the chosen rung pins them."""
    longest_path: int = 0
    """Characters of the longest path inside the environment; 0 = unknown."""
    source_build: bool = False
    """The chosen rung would build from sources."""


@dataclass(frozen=True)
class Room:
    """One volume: what is needed there, without reserve, and what is free."""

    places: tuple[Place, ...]
    needed_bytes: int
    free_bytes: int

    @property
    def short_bytes(self) -> int:
        """How much must be freed; 0 when it fits."""
        if not self.needed_bytes:
            return 0
        return max(0, self.needed_bytes + RESERVE_BYTES - self.free_bytes)


def linked(machine: Machine) -> bool:
    """True when environments are hard links into uv's cache."""
    packs, cache = machine.place("packs"), machine.place("uv_cache")
    if packs is None or cache is None:
        return False
    return packs.volume.device == cache.volume.device and packs.volume.hard_links


def rooms(machine: Machine, demands: Sequence[Demand]) -> tuple[Room, ...]:
    """Return every volume that the install writes to, with the sum of what it must hold."""
    once = linked(machine)
    unpacked = sum(one.unpacked_bytes for one in demands)
    copied = 0 if once else unpacked + sum(one.linked_bytes for one in demands)
    needs = {
        "downloads": sum(one.download_bytes for one in demands),
        "uv_cache": unpacked,
        "packs": sum(one.own_bytes for one in demands) + copied,
        "temp": 0,
    }
    by_device: dict[int, list[Place]] = {}
    for place in machine.places:
        if not place.volume.refusal:
            by_device.setdefault(place.volume.device, []).append(place)
    return tuple(
        Room(
            tuple(places),
            sum(needs[place.role] for place in places),
            min(place.volume.free_bytes for place in places),
        )
        for places in by_device.values()
    )
