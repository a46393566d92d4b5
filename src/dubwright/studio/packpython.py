"""Which Python a pack gets, and choosing another."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.record import read_record
from dubwright_kit import NextAction, Problem


@dataclass(frozen=True)
class PackPythonView:
    """``chosen`` is a version, a path or "" (the usual order); ``path`` and ``version`` are the Python
    that an install would take, ``managed`` the one ("3.11") that it would fetch where none fits;
    ``installed`` is the version that the installed environment has, "" without one."""

    name: str
    chosen: str
    path: str
    version: str
    managed: str
    installed: str
    runs_on: tuple[str, ...]

    @property
    def other_installed(self) -> bool:
        """True when the installed environment has another Python than an install would take now."""
        return bool(self.installed) and self.installed != self.version


def pack_python(home: Home, packs: Packs, name: str, choice: str | None = None) -> PackPythonView:
    """Return the Python of a pack; with ``choice`` ("3.10", a path, "auto") after choosing it.

    Opens no connection. Raises Problem ``pack-unknown``, ``pack-python-unfit``,
    ``pack-settings-unreadable`` and ``pack-unavailable``.
    """
    from dubwright.packs.toolchain.choice import AUTO, fit, in_order, is_path
    from dubwright.packs.toolchain.interpreter import Interpreters
    from dubwright.packs.toolchain.settings import choose_python, chosen_python

    manifest = packs.manifest(name)
    if not manifest.locks:
        raise Problem(
            "pack-python-unfit",
            f"{name} has no Python of its own: it needs none, or runs with this program's.",
            NextAction("see every pack", "packs"),
        )
    chosen = chosen_python(home, name) if choice is None else "" if choice == AUTO else choice
    if chosen and is_path(chosen):
        chosen = str(Path(chosen).expanduser().absolute())
    found = fit(manifest, Interpreters.of(home), chosen)
    if found is None:
        raise Problem(
            "pack-unavailable",
            f"{name} cannot be used here: there are no files for this kind of machine.",
            NextAction("see every pack", "packs"),
        )
    if choice is not None:
        choose_python(home, name, chosen)
    record = read_record(home.pack(name))
    return PackPythonView(
        name,
        chosen,
        str(found.interpreter.path) if found.interpreter else "",
        found.interpreter.version if found.interpreter else "",
        found.managed,
        record.python_version if record else "",
        tuple(in_order(version for one in manifest.locks for version in one.python)),
    )
