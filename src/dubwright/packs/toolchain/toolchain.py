"""The pack "python-toolchain": a uv that works, and for each pack a Python that fits, found or fetched."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from dubwright.home import Home
from dubwright.packs.fetch.connection import Connections
from dubwright.packs.fetch.fetcher import Fetcher, FetchState
from dubwright.packs.fetch.settings import uv_environment
from dubwright.packs.manifest import Manifest
from dubwright.packs.toolchain.choice import fit, in_order
from dubwright.packs.toolchain.interpreter import Interpreter, Interpreters, find_uv
from dubwright.packs.toolchain.managed import ManagedPython, install, measured, offered
from dubwright.packs.toolchain.output import output_of
from dubwright.packs.toolchain.settings import chosen_pythons
from dubwright.packs.toolchain.uv import UvState
from dubwright.packs.wheels import read_lock
from dubwright_kit import NextAction, Problem

NAME = "python-toolchain"


@dataclass(frozen=True)
class PackPython:
    """What one pack gets: ``interpreter``, or None and the ``managed`` version ("3.11") to be fetched
    ("" with ``why`` where neither can be had)."""

    pack: str
    interpreter: Interpreter | None
    managed: str = ""
    why: str = ""


@dataclass(frozen=True)
class ToolchainState:
    """uv and the Pythons of the packs asked about, as they are now."""

    uv: Path | None
    uv_version: str
    why: str
    """What is wrong with uv, else empty."""
    pythons: tuple[PackPython, ...]
    builds: tuple[ManagedPython, ...] = ()
    """What would be fetched, one a version; a version that is missing here uv cannot offer now."""
    fetched: Mapping[str, str] = field(default_factory=dict)
    """What :func:`ensure_toolchain` has just installed: file name to sha256."""

    @property
    def ready(self) -> bool:
        """True when nothing has to be fetched. Packs that cannot be had here at all do not count:
        they say so themselves."""
        return not self.why and not any(one.managed for one in self.pythons)

    @property
    def download_bytes(self) -> int:
        """Of the Pythons to be fetched; an estimate for those that nobody has asked about."""
        return sum(one.download_bytes for one in self.builds)

    @property
    def steps(self) -> tuple[str, ...]:
        """For people, in order."""
        builds = {one.minor: one for one in self.builds}
        lines = [f"use uv {self.uv_version} ({self.uv})" if not self.why else self.why]
        for version in in_order(one.managed for one in self.pythons if one.managed):
            packs = ", ".join(one.pack for one in self.pythons if one.managed == version)
            if version in builds:
                text = f"fetch Python {builds[version].version} ({builds[version].size_text})"
            else:
                text = f"fetch Python {version} (uv's list of Pythons cannot be read offline here)"
            lines.append(f"{text} for {packs}, because none that fits is on this machine")
        for one in self.pythons:
            if one.interpreter is not None:
                found = one.interpreter
                lines.append(f"{one.pack}: Python {found.version} ({found.path})")
            elif one.why:
                lines.append(f"{one.pack}: {one.why}")
        return tuple(lines)

    @property
    def distributions(self) -> dict[str, str]:
        """For the record: "uv" and "python <pack>" to versions."""
        found = {
            f"python {one.pack}": one.interpreter.version
            for one in self.pythons
            if one.interpreter is not None
        }
        return {"uv": self.uv_version, **found}

    @property
    def paths(self) -> dict[str, str]:
        """For diagnostics: the same names to full paths."""
        found = {
            f"python {one.pack}": str(one.interpreter.path)
            for one in self.pythons
            if one.interpreter is not None
        }
        return {"uv": str(self.uv or ""), **found}


def with_environment(manifests: Mapping[str, Manifest]) -> list[str]:
    """The packs of the plan that need a Python of their own and are installed unless unticked."""
    return [one.id for one in manifests.values() if one.phase and one.locks and one.ticked]


def toolchain_state(
    home: Home, manifests: Mapping[str, Manifest], packs: Iterable[str] | None = None
) -> ToolchainState:
    """Look at uv and at a Python for each of ``packs`` (those of :func:`with_environment`); opens no
    connection, starts programs. Raises Problem ``pack-settings-unreadable``.
    """
    uv, version, why = _uv(home)
    interpreters = Interpreters(uv, managed=home.pythons)
    chosen = chosen_pythons(home)
    names = with_environment(manifests) if packs is None else packs
    pythons = tuple(
        _python(manifests[name], interpreters, chosen.get(name, ""))
        for name in dict.fromkeys(names)
        if manifests[name].locks
    )
    env = uv_environment()
    missing = in_order(one.managed for one in pythons if one.managed)
    found = [offered(uv, one, env) for one in missing] if uv is not None and not why else []
    return ToolchainState(uv, version, why, pythons, tuple(one for one in found if one is not None))


def is_ready(home: Home, manifests: Mapping[str, Manifest]) -> bool:
    """True when uv is here and every ticked pack has a Python: for lists, so as cheap as can be.

    Starts no program where the running Python (or one that was installed for packs) does for all.
    """
    try:
        uv: Path | None = find_uv(home)
        chosen = chosen_pythons(home)
    except Problem:
        return False
    host = Interpreters().host()
    left = []
    for name in with_environment(manifests):
        manifest = manifests[name]
        by_host = host is not None and any(
            host.minor in one.python
            and read_lock(manifest.folder / one.file).choose(host.target) is not None
            for one in manifest.locks
        )
        if not by_host or chosen.get(name):
            left.append(name)
    interpreters = Interpreters(uv, managed=home.pythons)
    return not any(
        _python(manifests[name], interpreters, chosen.get(name, "")).managed for name in left
    )


def asked(state: ToolchainState, connections: Connections) -> ToolchainState:
    """Return ``state`` with the sizes that the servers say. This connects.

    Raises ``fetch.trouble.TroubleError``.
    """
    return replace(state, builds=tuple(measured(one, connections) for one in state.builds))


def ensure_toolchain(
    home: Home,
    manifests: Mapping[str, Manifest],
    packs: Sequence[str] | None,
    fetcher: Fetcher,
    log: IO[str],
    fetch_tick: Callable[[FetchState], None],
    uv_tick: Callable[[UvState], None],
) -> ToolchainState:
    """Fetch the Pythons that are missing, and return the state after that. This connects, but only
    when something is missing. The ticks may raise to stop it.

    Raises Problem ``uv-missing``, ``pack-no-interpreter`` and the fetcher's.
    """
    state = toolchain_state(home, manifests, packs)
    if state.uv is None or state.why:
        raise _no_uv(home, state.why)
    for version in in_order(one.managed for one in state.pythons if one.managed):
        if version not in {one.minor for one in state.builds}:
            raise _not_offered(version, [one.pack for one in state.pythons])
    if not state.builds:
        return state
    files = fetcher.fetch([one.wanted() for one in state.builds], fetch_tick)
    for build, file in zip(state.builds, files, strict=True):
        install(build, file.path, home, state.uv, uv_environment(), log, uv_tick)
    after = toolchain_state(home, manifests, packs)
    return replace(after, fetched={one.name: one.sha256 for one in files})


def _uv(home: Home) -> tuple[Path | None, str, str]:
    """Path, version and what is wrong."""
    try:
        uv = find_uv(home)
    except Problem as problem:
        return None, "", problem.message
    words = output_of([str(uv), "--version"]).split()
    if len(words) < 2 or words[0] != "uv":
        return uv, "", f"{uv} does not answer as uv does."
    return uv, words[1], ""


def _python(manifest: Manifest, interpreters: Interpreters, chosen: str) -> PackPython:
    try:
        found = fit(manifest, interpreters, chosen)
    except Problem as problem:
        return PackPython(manifest.id, None, why=problem.message.rstrip("."))
    if found is None:
        return PackPython(manifest.id, None, why="there are no files for this machine")
    return PackPython(manifest.id, found.interpreter, found.managed)


def _no_uv(home: Home, why: str) -> Problem:
    try:
        find_uv(home)
    except Problem as problem:
        return problem
    return Problem("uv-missing", why, NextAction("install uv again, then go on", "diagnostics"))


def _not_offered(version: str, packs: Sequence[str]) -> Problem:
    return Problem(
        "pack-no-interpreter",
        f"Python {version} is needed for {', '.join(packs)}, none is on this machine, and uv offers "
        "none for it.",
        NextAction(
            f"install Python {version}, then install again", "packs install", {"_": list(packs)}
        ),
    )
