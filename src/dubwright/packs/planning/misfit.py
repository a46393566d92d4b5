"""Why a lock has no files for a machine, in words that say what would have to be different."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from dubwright.packs.wheels import Lock, Pin, Target, Wheel

_VERSIONED = re.compile(r"(?:manylinux|musllinux|macosx)_(\d+)_(\d+)_")
_LEGACY = ((2, 5), (2, 12), (2, 17))
"""The glibc of manylinux1, 2010 and 2014."""
_SYSTEMS = {"linux": "Linux", "darwin": "macOS", "win32": "Windows"}


def why_no_files(lock: Lock, targets: Iterable[Target]) -> str:
    """Say why ``lock.choose`` finds nothing for any of ``targets`` (the Pythons of one machine).

    The closest target is explained: the one that lacks the fewest files. Empty when one has all.
    """
    missing = [(target, _missing(lock, target)) for target in targets]
    if not missing:
        return "no version of Python is named for it"
    target, pins = min(missing, key=lambda pair: len(pair[1]))
    return _why(pins[0], lock.wheels[pins[0]], target) if pins else ""


def _missing(lock: Lock, target: Target) -> list[Pin]:
    return [
        pin
        for pin in lock.pins_for(target)
        if not any(target.rank(wheel.name) is not None for wheel in lock.wheels[pin])
    ]


def _why(pin: Pin, wheels: Iterable[Wheel], target: Target) -> str:
    wheels = tuple(wheels)
    what = f"{pin.project} {pin.version}"
    system = _SYSTEMS.get(target.system, target.system)

    def fits(other: Target) -> bool:
        return any(other.rank(wheel.name) is not None for wheel in wheels)

    needed = next(
        (one for one in _os_versions(wheels) if fits(replace(target, os_version=one))), None
    )
    if needed is not None:
        name = {"glibc": "glibc", "musl": "musl"}.get(target.libc, system)
        return (
            f"{what} needs {name} {needed[0]}.{needed[1]} or newer, "
            f"and this machine has {target.os_version[0]}.{target.os_version[1]}"
        )
    if target.libc == "musl" and fits(replace(target, libc="glibc", os_version=(99, 0))):
        return f"{what} has no files for systems with musl, such as Alpine, only for glibc"
    for machine in ("x86_64", "arm64" if target.system != "linux" else "aarch64"):
        if fits(replace(target, machine=machine, os_version=(99, 0))):
            return f"{what} has no files for {target.machine} on {system}, only for {machine}"
    python = f"Python {target.python[0]}.{target.python[1]}"
    return f"{what} has no files for {python} on {system} ({target.machine})"


def _os_versions(wheels: Iterable[Wheel]) -> list[tuple[int, int]]:
    found = {(int(a), int(b)) for one in wheels for a, b in _VERSIONED.findall(one.name)}
    return sorted({*found, *_LEGACY})
