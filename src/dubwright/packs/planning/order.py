"""Which packs an install means and in which order: the one list that every face is driven by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dubwright.packs.manifest import Manifest

PHASE = 2


def phase_2(manifests: Mapping[str, Manifest]) -> list[Manifest]:
    """Every pack of the plan, ticked or not, in its order."""
    found = [one for one in manifests.values() if one.phase == PHASE]
    return sorted(found, key=lambda one: (one.order, one.id))


def ticked(manifests: Mapping[str, Manifest]) -> list[str]:
    """What ``packs install --all`` installs: programs of the machine are not ours to install."""
    return [one.id for one in phase_2(manifests) if one.ticked and one.installable]


def in_order(names: Iterable[str], manifests: Mapping[str, Manifest]) -> list[str]:
    """Return ``names`` and all that they require, each once, in the order of the plan.

    The names must be known (see ``planning.plan.manifest_of``). Raises ValueError for packs that
    require each other.
    """
    done: list[str] = []

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            raise ValueError(f"packs require each other: {' -> '.join((*path, name))}")
        if name not in done:
            for other in manifests[name].requires:
                add(other, (*path, name))
            done.append(name)

    for name in sorted(dict.fromkeys(names), key=lambda name: (manifests[name].order, name)):
        add(name, ())
    return done
