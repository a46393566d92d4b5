"""Which lock and which Python a pack gets: one order for all, and what a person has chosen."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dubwright.packs.manifest import Manifest
from dubwright.packs.toolchain.interpreter import Interpreter, Interpreters
from dubwright.packs.wheels import Lock, Target, Wheel, read_lock
from dubwright_kit import NextAction, Problem

PREFERRED = ("3.11", "3.10", "3.9", "3.8")
"""Then newer ones, the oldest of these first: what heavy packages support longest comes first."""
AUTO = "auto"


@dataclass(frozen=True)
class Fit:
    """What an environment is made from. ``interpreter`` is None when none that fits is here:
    then ``managed`` is the version ("3.11") that uv is to be given."""

    lock: Lock
    wheels: tuple[Wheel, ...]
    interpreter: Interpreter | None
    managed: str = ""


def fit(manifest: Manifest, interpreters: Interpreters, chosen: str = "") -> Fit | None:
    """Return what fits best; None when no lock has files for this machine.

    ``chosen`` is "3.10", a path, or "" (see ``settings.chosen_python``). Without one the first Python
    in the order of ``PREFERRED`` for which some lock has files is taken, whatever `python` happens to
    be. Raises Problem ``pack-python-unfit`` when what was chosen cannot be had.
    """
    locks = [(read_lock(manifest.folder / one.file), one.python) for one in manifest.locks]
    versions = in_order(version for _, pythons in locks for version in pythons)
    found: Iterable[Interpreter]
    if not chosen:
        found = interpreters.find(versions)
    elif is_path(chosen):
        found = [_at(manifest, interpreters, chosen, versions)]
    elif chosen in versions:
        versions = [chosen]
        found = interpreters.find(versions)
    else:
        raise _unfit(manifest, f"Python {chosen} is not among those it runs on", versions)
    for interpreter in found:
        for lock, wheels in _having(locks, interpreter.minor, interpreter.target):
            return Fit(lock, wheels, interpreter)
    if chosen and is_path(chosen):
        raise _unfit(
            manifest, f"there are no files for {chosen} and its kind of processor", versions
        )
    for version in versions:
        for lock, wheels in _having(locks, version, Target.here().with_python(version)):
            return Fit(lock, wheels, None, version)
    if chosen:
        raise _unfit(manifest, f"there are no files for Python {chosen} on this machine", versions)
    return None


def is_path(chosen: str) -> bool:
    """True for a path, False for a version such as "3.10"."""
    return "/" in chosen or os.sep in chosen or not chosen.replace(".", "").isdigit()


def in_order(versions: Iterable[str]) -> list[str]:
    """``versions``, each once, the preferred first."""

    def rank(version: str) -> tuple[int, tuple[int, ...]]:
        place = PREFERRED.index(version) if version in PREFERRED else len(PREFERRED)
        return place, tuple(int(part) for part in version.split("."))

    return sorted(set(versions), key=rank)


def _having(
    locks: Sequence[tuple[Lock, Sequence[str]]], version: str, target: Target
) -> Iterator[tuple[Lock, tuple[Wheel, ...]]]:
    for lock, pythons in locks:
        wheels = lock.choose(target) if version in pythons else None
        if wheels is not None:
            yield lock, wheels


def _at(
    manifest: Manifest, interpreters: Interpreters, chosen: str, versions: Sequence[str]
) -> Interpreter:
    path = Path(chosen).expanduser()
    if not path.exists():
        raise _unfit(manifest, f"there is no {path}", versions)
    interpreter = interpreters.at(path.absolute())
    if interpreter is None:
        why = f"{path} does not answer as a 64-bit CPython with a GIL"
        raise _unfit(manifest, why, versions)
    if interpreter.minor not in versions:
        why = f"{path} is Python {interpreter.version}"
        raise _unfit(manifest, why, versions)
    return interpreter


def _unfit(manifest: Manifest, why: str, versions: Sequence[str]) -> Problem:
    return Problem(
        "pack-python-unfit",
        f"The Python chosen for {manifest.id} cannot be used: {why}. "
        f"It runs on {', '.join(in_order(versions))}.",
        NextAction("let one be chosen again", "packs python", {"_": [manifest.id, AUTO]}),
    )
