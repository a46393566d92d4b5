"""What would stop an install, or spoil it, said before the first byte: pure over the facts of a machine."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from dubwright.packs.planning.conflicts import conflicts
from dubwright.packs.planning.machine import Machine, Role
from dubwright.packs.planning.space import RESERVE_BYTES, Demand, linked, rooms
from dubwright_kit import NextAction, Problem

Severity = Literal["blocker", "warning"]
Reach = Callable[[], Problem | None]
"""Asks the index one cheap question; returns what is wrong."""

# These crash with an illegal instruction where AVX is missing: their wheels are built with it.
_NEED_AVX = frozenset(
    {"tensorflow", "tensorflow-cpu", "tensorflow-intel", "tensorflow-macos", "jaxlib"}
)
_WINDOWS_PATH = 259
_DEEPEST_PATH = 200
"""Where nobody knows: the deepest files of large wheels lie about this far below the environment."""
_ASIDE = len(".new--00000000/env/")
_DAY_S, _YEAR_S = 86_400.0, 31_557_600.0
_PROXY_SCHEMES = ("http", "https", "socks4", "socks4a", "socks5", "socks5h")
_WORDS: dict[Role, str] = {
    "packs": "packs",
    "downloads": "downloads",
    "uv_cache": "unpacked files",
    "temp": "temporary files",
}


@dataclass(frozen=True)
class Finding:
    """One thing found. Blockers stop the install, warnings are shown beside the bill and logged."""

    id: str
    severity: Severity
    problem: Problem


def preflight(
    machine: Machine,
    demands: Sequence[Demand],
    *,
    online: bool = False,
    reach: Reach | None = None,
) -> tuple[Finding, ...]:
    """Return what is wrong for installing the packs of ``demands``, blockers first.

    Without ``online`` nothing is asked of the network (a plan); with it, ``reach`` is called once,
    if something has to be fetched and nothing else stops the install.
    """
    if not demands:
        return ()
    checks = (_writable, _links, _room, _processor, _libraries, _paths, _memory, _surroundings)
    found = [one for check in checks for one in check(machine, demands)]
    if any(one.download_bytes for one in demands):
        found += _network(machine, demands)
        stopped = any(one.severity == "blocker" for one in found)
        problem = reach() if online and reach is not None and not stopped else None
        if problem is not None:
            found.append(_blocker(problem))
    return tuple(sorted(found, key=lambda one: one.severity != "blocker"))


def stop(findings: Sequence[Finding]) -> None:
    """Raise the first blocker's Problem, with the others in its detail."""
    blockers = [one.problem for one in findings if one.severity == "blocker"]
    if not blockers:
        return
    first = blockers[0]
    rest = [f"Also: {one.message}" for one in blockers[1:]]
    detail = "\n".join(text for text in (first.detail, *rest) if text)
    raise Problem(first.code, first.message, first.next_action, detail)


def _blocker(problem: Problem) -> Finding:
    return Finding(problem.code, "blocker", problem)


def _warning(problem: Problem) -> Finding:
    return Finding(problem.code, "warning", problem)


def _again(demands: Sequence[Demand], label: str) -> NextAction:
    return NextAction(label, "packs install", {"_": [one.name for one in demands]})


def _names(demands: Sequence[Demand]) -> str:
    names = [one.name for one in demands]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _mb(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:,.0f} MB"


# --- folders -------------------------------------------------------------------------------------


def _writable(machine: Machine, demands: Sequence[Demand]) -> Iterator[Finding]:
    for place in machine.places:
        if place.volume.refusal:
            yield _blocker(
                Problem(
                    "pack-not-writable",
                    f"{_names(demands)} cannot be installed: {place.path} "
                    f"({_WORDS[place.role]}) cannot be written ({place.volume.refusal}).",
                    _again(demands, "make it writable or choose another data folder, then install"),
                )
            )


def _links(machine: Machine, demands: Sequence[Demand]) -> Iterator[Finding]:
    packs = machine.place("packs")
    if packs is None or packs.volume.refusal:
        return
    volume = packs.volume
    kind = f" ({volume.filesystem})" if volume.filesystem else ""
    move = _again(demands, "choose a data folder on another disk with --home, then install")
    if volume.no_exec:
        yield _blocker(
            Problem(
                "pack-noexec",
                f"The disk with {packs.path} is mounted so that no program on it may run (noexec).",
                move,
            )
        )
    if not volume.links:
        yield _blocker(
            Problem(
                "pack-filesystem",
                f"The disk with {packs.path}{kind} cannot hold links, which environments are made of.",
                move,
            )
        )
    elif machine.target.system == "linux" and not volume.tells_case:
        yield _warning(
            Problem(
                "pack-filesystem",
                f"The disk with {packs.path}{kind} takes upper and lower case for the same; "
                "files whose names differ in nothing else would overwrite each other.",
                move,
            )
        )
    if volume.network:
        yield _warning(
            Problem(
                "pack-network-folder",
                f"{packs.path} is on a network drive{kind}: packs install and start slowly there, "
                "and fail when the network does.",
                move,
            )
        )
    if volume.synced:
        yield _warning(
            Problem(
                "pack-synced-folder",
                f"{packs.path} is in a folder that {volume.synced} copies elsewhere: thousands of "
                "files would be sent, and files in use may be locked or replaced.",
                _again(demands, "choose a data folder outside of it with --home, then install"),
            )
        )


def _room(machine: Machine, demands: Sequence[Demand]) -> Iterator[Finding]:
    for room in rooms(machine, demands):
        if not room.short_bytes:
            continue
        where = ", ".join(f"{place.path} ({_WORDS[place.role]})" for place in room.places)
        copied = "" if linked(machine) else " Files cannot be shared with the cache here."
        yield _blocker(
            Problem(
                "pack-disk-full",
                f"{_names(demands)}: {_mb(room.needed_bytes + RESERVE_BYTES)} are needed on the disk "
                f"with {where}, where {_mb(room.free_bytes)} are free.{copied}",
                _again(demands, f"free {_mb(room.short_bytes)} there, then install again"),
            )
        )


def _paths(machine: Machine, demands: Sequence[Demand]) -> Iterator[Finding]:
    packs = machine.place("packs")
    if machine.long_paths or packs is None:
        return
    for one in demands:
        inside = one.longest_path or _DEEPEST_PATH
        length = len(str(packs.path)) + 1 + _ASIDE + len(one.name) + inside
        if length <= _WINDOWS_PATH or not (one.pins or one.unpacked_bytes):
            continue
        problem = Problem(
            "pack-long-paths",
            f"{one.name} has files whose paths get {'' if one.longest_path else 'about '}{length} "
            f"characters long in {packs.path}; this Windows stops at 260.",
            _again([one], "switch on long paths in Windows or choose a shorter data folder, then install"),
        )  # fmt: skip
        yield _blocker(problem) if one.longest_path else _warning(problem)


# --- processor, memory, what does not fit together -----------------------------------------------


def _processor(machine: Machine, demands: Sequence[Demand]) -> Iterator[Finding]:
    if machine.target.machine != "x86_64" or machine.cpu_flags is None:
        return
    for one in demands:
        needing = sorted(_NEED_AVX & {name.lower().replace("_", "-") for name in one.pins})
        if needing and "avx" not in machine.cpu_flags:
            yield _blocker(
                Problem(
                    "pack-no-avx",
                    f"{one.name} needs a processor with AVX, because {needing[0]} is built with it; "
                    "this one has none, so it would crash.",
                    NextAction("see which packs do without", "packs"),
                )
            )


def _libraries(machine: Machine, demands: Sequence[Demand]) -> Iterator[Finding]:
    for one in demands:
        met = conflicts(one.pins)
        if met:
            yield _blocker(
                Problem(
                    "pack-abi-conflict",
                    f"{one.name} would be installed with releases that do not work together: "
                    f"{met[0].text}.",
                    NextAction("see what else there is", "packs"),
                    "\n".join(found.text for found in met),
                )
            )
        if one.source_build and not machine.compiler:
            yield _blocker(
                Problem(
                    "pack-no-compiler",
                    f"{one.name} would have to be built from sources, and no C compiler was found.",
                    _again([one], f"install {_compiler_of(machine)}, then install again"),
                )
            )


def _compiler_of(machine: Machine) -> str:
    return {
        "win32": "the C++ build tools of Visual Studio",
        "darwin": "the command line tools (xcode-select --install)",
    }.get(machine.target.system, "a C compiler such as gcc")


def _memory(machine: Machine, demands: Sequence[Demand]) -> Iterator[Finding]:
    for one in demands:
        if 0 < machine.memory_bytes < one.ram_bytes:
            yield _warning(
                Problem(
                    "pack-memory",
                    f"{one.name} needs {_mb(one.ram_bytes)} of memory when it runs; "
                    f"{_mb(machine.memory_bytes)} are free now.",
                    _again([one], "close other programs before it runs; it can be installed"),
                )
            )


# --- settings ------------------------------------------------------------------------------------


def _surroundings(machine: Machine, demands: Sequence[Demand]) -> Iterator[Finding]:
    early = machine.now < machine.released - _DAY_S
    if early or machine.now > machine.released + 20 * _YEAR_S:
        shown = time.strftime("%Y-%m-%d", time.gmtime(machine.now))
        yield _warning(
            Problem(
                "pack-clock",
                f"This machine's clock says {shown}, which cannot be right; "
                "secure connections fail by a wrong clock.",
                _again(demands, "set the clock, then install"),
            )
        )
    if machine.ignored:
        yield _warning(
            Problem(
                "pack-environment",
                f"{', '.join(machine.ignored)} {'is' if len(machine.ignored) == 1 else 'are'} set for "
                "other installers or Pythons, and not used for packs.",
                _again(demands, "nothing has to be done"),
            )
        )


def _network(machine: Machine, demands: Sequence[Demand]) -> Iterator[Finding]:
    for one in machine.certificates:
        if one.trouble:
            yield _blocker(
                Problem(
                    "pack-certificates",
                    f"{one.variable} names {one.path}, {one.trouble}; no server could be trusted.",
                    _again(demands, f"correct or unset {one.variable}, then install again"),
                )
            )
    for name, address in (machine.proxies or {}).items():
        wrong = proxy_trouble(address)
        if wrong:
            yield _blocker(
                Problem(
                    "pack-proxy",
                    f"{name} is no address of a proxy: {wrong}.",
                    _again(demands, f"correct {name} (http://host:port) or unset it, then install"),
                )
            )


def proxy_trouble(address: str) -> str:
    """Say what is wrong with a proxy's address, "" when it can be one. Never repeats a password."""
    text = address.strip()
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return "its host or port cannot be read"
    if parts.scheme.lower() not in _PROXY_SCHEMES:
        return f"{parts.scheme} is no kind of proxy"
    if not host or any(character.isspace() for character in text):
        return "it names no host"
    return "port 0 is none" if port == 0 else ""
