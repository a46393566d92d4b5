"""Hash locks with the sizes shipped beside them, and which wheel of a lock a Python would take."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dubwright.packs.toolchain.describe import describe

SIZES_NAME = "sizes.json"

_REQUIREMENT = re.compile(
    r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)(?:\s*;\s*(.+?))?\s+(?=--hash)"
)
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_LEGACY_MANYLINUX = {
    "manylinux1": "manylinux_2_5",
    "manylinux2010": "manylinux_2_12",
    "manylinux2014": "manylinux_2_17",
}
_VERSIONED_PLATFORM = re.compile(r"^(manylinux|musllinux|macosx)_(\d+)_(\d+)_(.+)$")
_MACHINES = {"AMD64": "x86_64", "ARM64": "arm64"}  # what Windows calls them
_SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
_ANY = 1_000
"""Rank of a wheel for any platform: after every one made for this platform."""


@dataclass(frozen=True)
class Wheel:
    """One file of an index: ``size_bytes`` to download, ``unpacked_bytes`` of files inside,
    ``python_bytes`` of these are sources (which get byte code of about their size).
    """

    name: str
    size_bytes: int
    unpacked_bytes: int
    python_bytes: int
    sha256: str


@dataclass(frozen=True)
class Pin:
    """One line of a lock: exactly this version, one of these sha256, where ``marker`` holds.

    A project may have several, with other versions, whose markers exclude each other.
    """

    project: str
    version: str
    sha256: frozenset[str]
    marker: str = ""


@dataclass(frozen=True)
class Lock:
    """A lock file: its pins, its own ``sha256`` and the wheels that its hashes stand for."""

    path: Path
    sha256: str
    pins: tuple[Pin, ...]
    wheels: Mapping[Pin, tuple[Wheel, ...]]

    def pins_for(self, target: Target) -> tuple[Pin, ...]:
        """Return the pins whose markers hold on ``target``."""
        return tuple(pin for pin in self.pins if not pin.marker or target.meets(pin.marker))

    def choose(self, target: Target) -> tuple[Wheel, ...] | None:
        """Return one wheel a pin as ``target`` would take them, None when one of them has none."""
        chosen = []
        for pin in self.pins_for(target):
            ranked = [
                (rank, wheel)
                for wheel in self.wheels[pin]
                if (rank := target.rank(wheel.name)) is not None
            ]
            if not ranked:
                return None
            chosen.append(min(ranked, key=lambda pair: pair[0])[1])
        return tuple(chosen)


def read_lock(path: Path) -> Lock:
    """Read ``path`` and the sizes beside it. Raises ValueError when they do not belong together."""
    pins = _pins(path, path.read_text("utf-8"))
    sizes = json.loads((path.parent / SIZES_NAME).read_text("utf-8"))["files"]
    known = {
        entry["sha256"]: Wheel(
            name,
            int(entry["size_bytes"]),
            int(entry["unpacked_bytes"]),
            int(entry["python_bytes"]),
            entry["sha256"],
        )
        for name, entry in sizes.items()
    }
    try:
        wheels = {pin: tuple(known[one] for one in sorted(pin.sha256)) for pin in pins}
    except KeyError as error:
        raise ValueError(f"{path}: {SIZES_NAME} has no file with sha256 {error}") from error
    return Lock(path, lock_file_sha256(path), pins, wheels)


def lock_file_sha256(path: Path) -> str:
    """The hash of a lock's text, the same whatever line ends a checkout has given it."""
    return hashlib.sha256(path.read_text("utf-8").encode()).hexdigest()


def _pins(path: Path, text: str) -> tuple[Pin, ...]:
    pins = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        match = _REQUIREMENT.match(line)
        hashes = frozenset(_HASH.findall(line))
        if match is None or not hashes:
            raise ValueError(f"{path}: not a pinned, hashed line: {line!r}")
        marker = match[3] or ""
        if marker:
            _marker(path, marker)
        pins.append(Pin(match[1], match[2], hashes, marker))
    return tuple(pins)


def _marker(path: Path, text: str) -> None:
    """Raise ValueError unless ``text`` is a marker that this program can evaluate."""
    from packaging.markers import InvalidMarker, Marker  # here: most locks have none

    try:
        Marker(text)
    except InvalidMarker as error:
        raise ValueError(f"{path}: not a marker: {text!r}") from error


@dataclass(frozen=True)
class Target:
    """What decides which wheels fit: a CPython version on a platform.

    ``system`` is sys.platform's word; ``os_version`` the glibc, musl or macOS version.
    """

    python: tuple[int, int]
    system: str
    machine: str
    libc: str = ""
    """ "glibc", "musl" or "" where it does not matter."""
    os_version: tuple[int, int] = (0, 0)
    python_full: str = ""
    """Such as "3.11.7"; empty where only the minor version is known."""

    @classmethod
    def here(cls) -> Target:
        """The running interpreter."""
        return cls.of(describe())

    @classmethod
    def of(cls, facts: Mapping[str, str]) -> Target:
        """From what ``describe`` says in some interpreter."""
        major, minor = facts["python"].split(".")[:2]
        machine = _MACHINES.get(facts["machine"], facts["machine"])
        return cls(
            (int(major), int(minor)),
            facts["system"],
            machine,
            facts["libc"],
            _two(facts["os"]),
            facts["python"],
        )

    def with_python(self, version: str) -> Target:
        """The same platform with another Python, such as "3.11"."""
        return Target(_two(version), self.system, self.machine, self.libc, self.os_version)

    def meets(self, marker: str) -> bool:
        """True when the environment marker (PEP 508, without extras) holds for this CPython."""
        from packaging.markers import Marker  # here: most locks have none

        return Marker(marker).evaluate(self._marker_values())

    def _marker_values(self) -> dict[str, str]:
        short = f"{self.python[0]}.{self.python[1]}"
        windows = self.system == "win32"
        names = {ours: theirs for theirs, ours in _MACHINES.items()} if windows else {}
        return {
            "python_version": short,
            # An unknown patch release is taken to be a late one, as of a Python fetched now.
            "python_full_version": self.python_full or f"{short}.99",
            "sys_platform": self.system,
            "platform_machine": names.get(self.machine, self.machine),
            "platform_system": _SYSTEMS.get(self.system, ""),
            "platform_release": "",
            "platform_version": "",
            "os_name": "nt" if windows else "posix",
            "implementation_name": "cpython",
            "implementation_version": self.python_full or f"{short}.99",
            "platform_python_implementation": "CPython",
        }

    def rank(self, wheel_name: str) -> tuple[int, int] | None:
        """Return how well the wheel fits, lower is better; None when it does not.

        The order is that of installers (PEP 425): the closest Python tag, then the newest platform.
        """
        pythons, abis, platforms = wheel_name.removesuffix(".whl").split("-")[-3:]
        python_ranks = [
            rank
            for python in pythons.split(".")
            for abi in abis.split(".")
            if (rank := self._python_rank(python, abi)) is not None
        ]
        platform_ranks = [
            rank for tag in platforms.split(".") if (rank := self._platform_rank(tag)) is not None
        ]
        if not python_ranks or not platform_ranks:
            return None
        return min(python_ranks), min(platform_ranks)

    def _python_rank(self, python: str, abi: str) -> int | None:
        major, minor = self.python
        exact = f"cp{major}{minor}"
        if python == exact:
            return {exact: 0, "abi3": 1, "none": 2}.get(abi)
        if python.startswith(f"cp{major}") and python[3:].isdigit() and abi == "abi3":
            older = int(python[3:])
            return 10 + minor - older if older < minor else None
        if abi == "none" and python.startswith("py"):
            version = python[2:]
            if version in (f"{major}{minor}", str(major)):
                return 100 if version != str(major) else 101
            if version.startswith(str(major)) and version[1:].isdigit():
                older = int(version[1:])
                return 102 + minor - older if older < minor else None
        return None

    def _platform_rank(self, tag: str) -> int | None:
        if tag == "any":
            return _ANY
        for old, new in _LEGACY_MANYLINUX.items():
            tag = tag.replace(f"{old}_", f"{new}_")  # the tag under its newer name
        if self.system == "win32":
            return (
                0
                if tag == {"x86_64": "win_amd64", "arm64": "win_arm64"}.get(self.machine)
                else None
            )
        if self.system == "linux" and tag == f"linux_{self.machine}":
            return _ANY - 1
        match = _VERSIONED_PLATFORM.match(tag)
        if match is None:
            return None
        kind, version, machine = match[1], (int(match[2]), int(match[3])), match[4]
        wanted = {"glibc": "manylinux", "musl": "musllinux"}.get(self.libc, "macosx")
        universal = self.system == "darwin" and machine == "universal2"
        if (
            kind != wanted
            or version > self.os_version
            or (machine != self.machine and not universal)
        ):
            return None
        return (self.os_version[0] - version[0]) * 50 + self.os_version[1] - version[1] + universal


def _two(version: str) -> tuple[int, int]:
    """The first two numbers of a version."""
    first, _, rest = version.partition(".")
    second = rest.partition(".")[0]
    return int(first) if first.isdigit() else 0, int(second) if second.isdigit() else 0
