"""The studio's verbs for what packs there are and what an install of them would cost."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Protocol

from dubwright.packs.catalog import Packs

if TYPE_CHECKING:
    from dubwright.packs.planning.bill import Bill
    from dubwright.packs.state import PackStatus


class _Planning(Protocol):
    @property
    def packs(self) -> Packs: ...

    def listed_packs(self) -> list[str]: ...

    def packs_in_order(self, names: Iterable[str]) -> list[str]: ...


class PackPlans:
    """What a :class:`Studio` knows of packs. Nothing connects but a bill with ``refresh``."""

    def pack_statuses(self: _Planning) -> Sequence[PackStatus]:
        """Every pack with its state."""
        return self.packs.statuses()

    def listed_packs(self: _Planning) -> list[str]:
        """The plan that every face shows: the optional packs that this machine can have, ticked or
        not, in order."""
        from dubwright.packs.planning.order import phase_2

        return [
            one.id
            for one in phase_2(self.packs.manifests)
            if one.installable and self.packs.status(one.id).state != "unavailable"
        ]

    def ticked_packs(self: _Planning) -> list[str]:
        """What "install all" means: those of :meth:`listed_packs` that are ticked."""
        from dubwright.packs.planning.order import ticked

        wanted = set(ticked(self.packs.manifests))
        return [name for name in self.listed_packs() if name in wanted]

    def packs_in_order(self: _Planning, names: Iterable[str]) -> list[str]:
        """``names`` and the packs that they require, in the order of an installation.

        Raises Problem ``pack-unknown``.
        """
        from dubwright.packs.planning.order import in_order

        return in_order([self.packs.manifest(name).id for name in names], self.packs.manifests)

    def bill(self: _Planning, names: Iterable[str], *, refresh: bool = False) -> Bill:
        """What installing would do and cost, with what the packs require; from the sizes shipped
        with the locks, or with ``refresh`` from the index and the hubs (which connects)."""
        return self.packs.bill(self.packs_in_order(names), refresh=refresh)

    def bill_of(self: _Planning, whole: Bill, names: Iterable[str]) -> Bill:
        """The part of ``whole`` that is of ``names`` and what they require; nothing is asked again."""
        return self.packs.bill_of(whole, self.packs_in_order(names))

    def remove_pack(self: _Planning, name: str) -> int:
        """Remove an installed pack; return the bytes freed."""
        return self.packs.remove(name)

    def pack_log(self: _Planning, name: str) -> str:
        """The newest install log of a pack. Raises Problem ``pack-no-log``."""
        return self.packs.log(name)
