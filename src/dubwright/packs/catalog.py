"""Packs: one object to see, plan, install, remove and call them. Cheap to make and to list."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dubwright.home import PACKS_VARIABLE, Home
from dubwright.packs.care.damage import mending
from dubwright.packs.manifest import Manifest, load_manifests
from dubwright.packs.record import env_python
from dubwright.packs.state import READY, PackStatus, estimate, newest_log, pack_status
from dubwright.packs.wall.spec import GuestSpec
from dubwright_kit import NextAction, Problem, Report, silent

if TYPE_CHECKING:
    from dubwright.packs.installing.options import InstallOptions
    from dubwright.packs.installing.steps import Events
    from dubwright.packs.planning.bill import Bill
    from dubwright.packs.planning.plan import PackPlan
    from dubwright.packs.wall.call import Wall


class Packs:
    """The packs of one home: those shipped, those of its pack folders and those in ``extra``.

    States are read from disk at every call: another process may have installed something. Every
    method that takes a name raises Problem ``pack-unknown`` for one that there is not, and any
    method ``pack-folder-invalid`` when a pack folder of the home holds no sound pack.
    """

    def __init__(self, home: Home, extra: Sequence[Path] = ()) -> None:
        self._home = home
        self._extra = (*home.pack_folders, *extra)

    @cached_property
    def manifests(self) -> Mapping[str, Manifest]:
        """Every manifest by id, sorted."""
        try:
            return load_manifests(self._extra)
        except (OSError, ValueError) as error:
            if not self._home.pack_folders:
                raise  # ours to mend
            raise Problem(
                "pack-folder-invalid",
                f"A folder that {PACKS_VARIABLE} names holds no sound pack: {error}",
                NextAction(
                    f"mend it, or take it out of {PACKS_VARIABLE}; then look again", "packs"
                ),
            ) from error

    def manifest(self, name: str) -> Manifest:
        """One manifest."""
        from dubwright.packs.planning.plan import manifest_of

        return manifest_of(name, self.manifests)

    def status(self, name: str) -> PackStatus:
        """The state of one pack."""
        return pack_status(self._home, self.manifest(name))

    def statuses(self) -> tuple[PackStatus, ...]:
        """The state of every pack, by name."""
        return tuple(pack_status(self._home, one) for one in self.manifests.values())

    def for_stage(self, stage: str) -> list[PackStatus]:
        """The packs that serve a stage ("speak"), those that can be used now first."""
        found = [
            pack_status(self._home, one) for one in self.manifests.values() if one.stage == stage
        ]
        return sorted(found, key=lambda status: status.state not in READY)

    def require(self, name: str) -> PackStatus:
        """Return the status of a pack that can be used now.

        Raises Problem ``pack-not-installed``, ``pack-broken`` or ``pack-unavailable``, whose next
        action makes it usable.
        """
        status = self.status(name)
        if status.state in READY:
            return status
        if status.state == "unavailable":
            from dubwright.packs.planning.plan import unavailable

            raise unavailable(status.manifest, status.why)
        install = NextAction(f"install {name}", "packs install", {"_": [name]})
        if status.state == "broken":
            if status.record is not None and status.record.unlisted:
                install = mending(name, own_weights=True)
            raise Problem("pack-broken", f"The pack {name} is broken: {status.why}.", install)
        sizes = estimate(status.manifest) or (0, 0)
        raise Problem(
            "pack-not-installed",
            f"The pack {name} ({status.manifest.title}) is not installed. "
            f"It is a download of {sizes[0] / 1e6:,.1f} MB ({sizes[1] / 1e6:,.1f} MB unpacked).",
            install,
        )

    def identity(self, name: str) -> str:
        """What identifies the pack's results: version, locks and weights. Raises as :meth:`require`."""
        return self.require(name).version

    def resolve(self, name: str) -> GuestSpec:
        """How to start the pack's guest. Raises as :meth:`require`."""
        status = self.require(name)
        folder = self._home.pack(name)
        own = status.manifest.env == "own"
        return GuestSpec(
            name,
            status.manifest.folder,
            env_python(folder) if own else Path(sys.executable),
            folder / "models",
            status.version,
            status.manifest.env,
        )

    def wall(self) -> Wall:
        """A new wall for these packs; a context manager."""
        from dubwright.packs.wall.call import Wall

        return Wall(self._home, resolve=lambda home, name: self.resolve(name))

    def plan(self, names: Sequence[str]) -> tuple[PackPlan, ...]:
        """What an install would do and cost; opens no connection. Raises ``pack-unavailable``."""
        from dubwright.packs.planning.plan import plan

        return plan(self._home, names, self.manifests)

    def bill(self, names: Sequence[str], *, refresh: bool = False) -> Bill:
        """What an install of all of ``names`` would cost, and what stands in its way.

        With ``refresh`` the index and the hubs are asked: that connects, nothing else here does.
        """
        from dubwright.packs.planning.bill import total
        from dubwright.packs.planning.machine import machine_facts
        from dubwright.packs.planning.plan import plan

        plans = plan(self._home, names, self.manifests, tolerant=True)
        machine = machine_facts(self._home)
        if not refresh:
            return total(self._home, plans, self.manifests, machine)
        from dubwright.packs.planning.refresh import refreshed

        plans, rate = refreshed(self._home, plans)
        return total(self._home, plans, self.manifests, machine, asked=True, rate_bytes_s=rate)

    def bill_of(self, whole: Bill, names: Sequence[str]) -> Bill:
        """The part of a bill that is of ``names``; nothing is looked up again but the machine."""
        from dubwright.packs.planning.bill import total
        from dubwright.packs.planning.machine import machine_facts

        plans = [one for one in whole.plans if one.name in set(names)]
        machine = machine_facts(self._home)
        rate = whole.rate_bytes_s
        return total(
            self._home, plans, self.manifests, machine, asked=whole.asked, rate_bytes_s=rate
        )

    def install(
        self,
        names: Sequence[str],
        report: Report = silent,
        events: Events | None = None,
        options: InstallOptions | None = None,
    ) -> tuple[PackStatus, ...]:
        """Install packs and what they require; see :func:`..installing.install.install`. This connects."""
        from dubwright.packs.installing.install import DEFAULT, install
        from dubwright.packs.installing.steps import unheard

        return install(
            self._home,
            names,
            report,
            manifests=self.manifests,
            events=events or unheard,
            options=options or DEFAULT,
        )

    def install_one(
        self,
        name: str,
        options: InstallOptions,
        report: Report = silent,
        events: Events | None = None,
    ) -> PackStatus:
        """Install one pack, not what it requires. This connects."""
        from dubwright.packs.installing.install import install_one
        from dubwright.packs.installing.steps import unheard

        return install_one(
            self._home,
            name,
            report,
            manifests=self.manifests,
            events=events or unheard,
            options=options,
        )

    def remove(self, name: str) -> int:
        """Remove an installed pack; return the bytes freed."""
        from dubwright.packs.installing.install import remove

        return remove(self._home, name, self.manifests)

    def log_path(self, name: str) -> Path | None:
        """The newest install log."""
        return newest_log(self._home, self.manifest(name).id)

    def log(self, name: str) -> str:
        """The text of the newest install log. Raises Problem ``pack-no-log``."""
        path = self.log_path(name)
        if path is None:
            raise Problem(
                "pack-no-log",
                f"{name} was never installed here, so there is no log.",
                NextAction("see every pack", "packs"),
            )
        return path.read_text("utf-8", errors="replace")


def resolve(home: Home, pack_id: str) -> GuestSpec:
    """How to start a shipped pack's guest; see :meth:`Packs.resolve`."""
    return Packs(home).resolve(pack_id)
