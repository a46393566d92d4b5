"""Finding uv, and finding Pythons by full path: each is run once before it is believed."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import dubwright
from dubwright.home import UV_VARIABLE, Home
from dubwright.packs.toolchain import describe
from dubwright.packs.wheels import Target
from dubwright_kit import NextAction, Problem

_EXE = ".exe" if sys.platform == "win32" else ""
_SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"
_ANSWER_S = 20.0


@dataclass(frozen=True)
class Interpreter:
    """A CPython that answered. ``path`` is the base interpreter, never one of a venv."""

    path: Path
    version: str
    target: Target


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
    """The Pythons of this machine, looked for only as far as somebody asks. Not thread safe."""

    def __init__(self, uv: Path | None = None, env: Mapping[str, str] | None = None) -> None:
        self._uv = uv
        self._env = os.environ if env is None else env
        self._asked: dict[Path, Interpreter | None] = {}

    def host(self) -> Interpreter | None:
        """The running interpreter's base, None when it is no CPython that packs can use."""
        return self._ask(Path(describe.describe()["base"]))

    def find(self, versions: Sequence[str]) -> Iterator[Interpreter]:
        """Yield Pythons of ``versions`` ("3.11"): this one first, then in the order of ``versions``."""
        host = self.host()
        if host is not None and _minor(host) in versions:
            yield host
        seen = {host.path} if host else set()
        for version in versions:
            for candidate in self._candidates(version):
                found = self._ask(candidate)
                if found is not None and _minor(found) == version and found.path not in seen:
                    seen.add(found.path)
                    yield found

    def _ask(self, program: Path) -> Interpreter | None:
        if program not in self._asked:
            self._asked[program] = ask(program)
        return self._asked[program]

    def _candidates(self, version: str) -> Iterator[Path]:
        on_path = shutil.which(f"python{version}", path=self._env.get("PATH"))
        if on_path:
            yield Path(on_path)
        pyenv = Path(self._env.get("PYENV_ROOT") or Path.home() / ".pyenv")
        inside = "python.exe" if sys.platform == "win32" else f"bin/python{version}"
        for root in (pyenv, pyenv / "pyenv-win"):
            for folder in sorted((root / "versions").glob(f"{version}.*"), reverse=True):
                yield folder / inside
        if sys.platform == "win32":
            yield from self._listed(
                [
                    shutil.which("py") or "py",
                    f"-{version}",
                    "-c",
                    "import sys; print(sys.executable)",
                ]
            )
        if sys.platform == "darwin":
            for prefix in ("/opt/homebrew/opt", "/usr/local/opt"):
                yield Path(prefix) / f"python@{version}" / "bin" / f"python{version}"
            yield Path(
                f"/Library/Frameworks/Python.framework/Versions/{version}/bin/python{version}"
            )
        if self._uv is not None:
            yield from self._listed(
                [str(self._uv), "python", "find", "--no-project", "--no-python-downloads", version]
            )

    def _listed(self, command: Sequence[str]) -> Iterator[Path]:
        for line in _output(command).splitlines():
            if line.strip():
                yield Path(line.strip())


def ask(program: Path) -> Interpreter | None:
    """Run ``program`` and return what it says it is; None unless a 64-bit CPython with a GIL answers."""
    if not program.is_file():
        return None
    text = _output([str(program), "-I", "-S", str(Path(describe.__file__))])
    try:
        facts = json.loads(text)
    except ValueError:
        return None  # a shim without a version behind it, a stub of an app store
    if facts["implementation"] != "cpython" or facts["bits"] != "64" or facts["free_threaded"]:
        return None
    return Interpreter(Path(facts["base"]), facts["python"], Target.of(facts))


def _output(command: Sequence[str]) -> str:
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            check=False,
            timeout=_ANSWER_S,
            env=environment,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.decode("utf-8", "replace") if done.returncode == 0 else ""


def _minor(interpreter: Interpreter) -> str:
    major, minor = interpreter.target.python
    return f"{major}.{minor}"
