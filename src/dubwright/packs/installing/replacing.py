"""What an install changes about the weights of a pack: a person's own, and the listed ones."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from dubwright.packs.installing.options import InstallOptions
from dubwright.packs.state import PackStatus
from dubwright_kit import Problem


@dataclass(frozen=True)
class WeightsChange:
    """``renewed``: an installed pack that is up to date is built again. ``own``: bytes of the own
    weights that are taken, by the name of what they stand in for. ``replaced``: own weights that are
    installed go."""

    renewed: bool = False
    own: Mapping[str, int] = field(default_factory=dict)
    replaced: bool = False

    @property
    def words(self) -> str:
        """One line for the bill, "" where there is nothing to say."""
        if not (self.renewed or self.replaced):
            return ""
        old = "your own weights" if self.replaced else "the installed weights"
        return f"{old} are replaced by {'those in the files' if self.own else 'the official ones'}"


def renews(status: PackStatus, options: InstallOptions) -> bool:
    """True when the pack is built although it may be current: who names files for it wants them.

    The listed weights are the same from wherever they come, so they stay without --own-weights.
    """
    if options.supply is None or not status.manifest.weights:
        return False
    return options.own_weights or _has_own(status)


def weights_change(status: PackStatus, options: InstallOptions) -> WeightsChange:
    """Return what the install of this pack will do, as far as names and sizes tell; reads no file.

    What is wrong with the files is left to the install.
    """
    current = status.state == "installed" and not status.outdated
    renewed = renews(status, options)
    own = _own(status, options) if options.own_weights else {}
    return WeightsChange(current and renewed, own, _has_own(status) and (not current or renewed))


def _has_own(status: PackStatus) -> bool:
    return status.record is not None and bool(status.record.unlisted)


def _own(status: PackStatus, options: InstallOptions) -> dict[str, int]:
    from dubwright.packs.installing.supply import Supply

    weights = status.manifest.weights
    if options.supply is None or not weights:
        return {}
    try:
        with Supply.open(options.supply, pack=status.name, weights=weights) as supply:
            found = {one.name: supply.own_bytes(one) for one in weights}
    except Problem:
        return {}
    return {name: size_bytes for name, size_bytes in found.items() if size_bytes is not None}
