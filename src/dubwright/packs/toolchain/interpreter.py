"""Finding uv, and finding Pythons by full path: each is run once before it is believed."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dubwright
from dubwright.home import UV_VARIABLE, Home
from dubwright.packs.toolchain import describe
from dubwright.packs.toolchain.output import output_of
from dubwright.packs.toolchain.places import Places
from dubwright.packs.wheels import Target
from dubwright_kit import NextAction, Problem

_EXE = ".exe" if sys.platform == "win32" else ""
_SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"
_FACTS = frozenset(describe.describe())


@dataclass(frozen=True)
class Interpreter:
    """A CPython that answered. ``path`` is the base interpreter, never one of a venv."""

    path: Path
    version: str
    target: Target

    @property
    def minor(self) -> str:
        """Such as "3.11"."""
        return f"{self.target.python[0]}.{self.target.python[1]}"


def find_uv(home: Home) -> Path:
    """Return uv by full path: the chosen one, beside this Python, its wheel, PATH, usual places.

    Raises Problem ``uv-missing``.
    """
    if home.uv_program is not None:
        chosen = shutil.which(home.uv_program)
        if chosen is None:
            raise Problem(
                "uv-missing",
                f"{UV_VARIABLE} names {home.uv_program}, which is not a program that can be run.",
                NextAction(f"correct or unset {UV_VARIABLE}, then go on", "diagnostics"),
            )
        return Path(chosen).absolute()
    for candidate in _uv_candidates():
        if candidate is not None and candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate.absolute()
    raise Problem(
        "uv-missing",
        "Packs are installed by the program uv, which was found neither beside this Python "
        f"({sys.executable}) nor on PATH.",
        NextAction(
            f"install it with: {sys.executable} -m pip install uv (or set {UV_VARIABLE}), then go on",
            "diagnostics",
        ),
    )


def _uv_candidates() -> Iterator[Path | None]:
    yield Path(sys.executable).parent / f"uv{_EXE}"
    yield _uv_of_wheel()
    on_path = shutil.which("uv")
    yield Path(on_path) if on_path else None
    checkout = Path(dubwright.__file__).resolve().parents[2]
    for folder in (_SCRIPTS, "bin"):
        yield checkout / ".tools" / folder / f"uv{_EXE}"
    for folder in (".local/bin", ".cargo/bin"):
        yield Path.home() / folder / f"uv{_EXE}"


def _uv_of_wheel() -> Path | None:
    try:
        return Path(importlib.import_module("uv").find_uv_bin())
    except (ImportError, AttributeError, FileNotFoundError):
        return None


class Interpreters:
    """The Pythons of this machine, looked for only as far as somebody asks. Not thread safe.

    ``managed`` is the folder with Pythons that were installed for packs.
    """

    def __init__(
        self,
        uv: Path | None = None,
        env: Mapping[str, str] | None = None,
        managed: Path | None = None,
    ) -> None:
        self._places = Places(os.environ if env is None else env, output_of, uv, managed)
        self._asked: dict[Path, Interpreter | None] = {}
        self._host: tuple[Interpreter | None] | None = None

    @classmethod
    def of(cls, home: Home) -> Interpreters:
        """Those that packs of ``home`` can use; a missing uv only means one source fewer."""
        try:
            uv: Path | None = find_uv(home)
        except Problem:
            uv = None
        return cls(uv, managed=home.pythons)

    def host(self) -> Interpreter | None:
        """The running interpreter's base, None when it is no CPython that packs can use.

        It is known without starting it.
        """
        if self._host is None:
            facts = describe.describe()
            self._host = (_believed(facts) if Path(facts["base"]).is_file() else None,)
        return self._host[0]

    def find(self, versions: Sequence[str]) -> Iterator[Interpreter]:
        """Yield the Pythons of ``versions`` ("3.11"), all of the first before those of the second.

        Of one version the running one comes first: it costs nothing to look at.
        """
        seen: set[Path] = set()
        for version in versions:
            for found in self._of_version(version):
                place = found.path.resolve()  # one Python has many names
                if found.minor == version and place not in seen:
                    seen.add(place)
                    yield found

    def at(self, path: Path) -> Interpreter | None:
        """What stands at ``path`` (a program, or the folder of an environment or installation)."""
        if path.is_dir():
            inside = ("python.exe", "Scripts/python.exe") if _EXE else ("bin/python3", "bin/python")
            answers = (self._ask(path / name) for name in inside)
            return next((one for one in answers if one is not None), None)
        return self._ask(path)

    def _of_version(self, version: str) -> Iterator[Interpreter]:
        host = self.host()
        if host is not None:
            yield host
        for candidate in self._places.candidates(version):
            found = self._ask(candidate)
            if found is not None:
                yield found

    def _ask(self, program: Path) -> Interpreter | None:
        if program not in self._asked:
            self._asked[program] = ask(program)
        return self._asked[program]


def ask(program: Path) -> Interpreter | None:
    """Run ``program`` and return what it says it is; None unless a 64-bit CPython with a GIL answers.

    A Python of an environment stands for its base, which has to answer for itself.
    """
    facts = _answer(program)
    if facts is None:
        return None
    if not _same(Path(facts["base"]), Path(facts["executable"] or program)):
        facts = _answer(Path(facts["base"]))
    return None if facts is None else _believed(facts)


def _answer(program: Path) -> dict[str, str] | None:
    """What ``describe`` prints there; None for a shim without a version behind it, a store's stub."""
    if not program.is_file():
        return None
    text = output_of([str(program), "-I", "-S", str(Path(describe.__file__))])
    try:
        facts = json.loads(text)
    except ValueError:
        return None
    return facts if isinstance(facts, dict) and facts.keys() >= _FACTS else None


def _believed(facts: Mapping[str, str]) -> Interpreter | None:
    if facts["implementation"] != "cpython" or facts["bits"] != "64" or facts["free_threaded"]:
        return None
    return Interpreter(Path(facts["base"]), facts["python"], Target.of(facts))


def _same(one: Path, other: Path) -> bool:
    try:
        return one == other or one.samefile(other)
    except OSError:
        return False
