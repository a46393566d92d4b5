"""Where Pythons stand on a machine: full paths to try, the cheap places first. Nothing here is believed."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

Run = Callable[[Sequence[str]], str]
"""Runs a program and returns what it prints; empty when it fails."""

_LAUNCHER_LINE = re.compile(r"^\s*-V?:?(\d+\.\d+)\S*\s+(?:\*\s+)?(.+?)\s*$")
_CONDAS = ("miniconda3", "miniforge3", "mambaforge", "anaconda3")


class Places:
    """Candidates of one machine. Programs that list Pythons (py, uv) are run once, and only when
    the places before them did not do."""

    def __init__(
        self, env: Mapping[str, str], run: Run, uv: Path | None = None, managed: Path | None = None
    ) -> None:
        self._env = env
        self._run = run
        self._uv = uv
        self._managed = managed
        self._lists: dict[str, list[tuple[str, Path]]] = {}

    def candidates(self, version: str) -> Iterator[Path]:
        """Yield paths that may be a Python of ``version`` ("3.11"): ours, PATH, what installers and
        version managers use, then what the launcher and uv know."""
        if self._managed is not None:
            yield from managed_pythons(self._managed, version)
        on_path = shutil.which(f"python{version}", path=self._env.get("PATH"))
        if on_path:
            yield Path(on_path)
        yield from self._pyenv(version)
        if sys.platform == "win32":
            yield from self._windows(version)
        else:
            yield from _unix(version)
        for name in ("python3", "python"):  # of any version; asked once, taken where it fits
            on_path = shutil.which(name, path=self._env.get("PATH"))
            if on_path:
                yield Path(on_path)
        yield from self._conda(version)
        yield from self._named("uv", version, self._of_uv)

    def _pyenv(self, version: str) -> Iterator[Path]:
        pyenv = Path(self._env.get("PYENV_ROOT") or Path.home() / ".pyenv")
        inside = "python.exe" if sys.platform == "win32" else f"bin/python{version}"
        for root in (pyenv, pyenv / "pyenv-win"):
            folders = (root / "versions").glob(f"{version}.*")
            for folder in sorted(folders, key=_patch, reverse=True):
                yield folder / inside

    def _windows(self, version: str) -> Iterator[Path]:
        yield from self._named("py", version, self._of_launcher)
        short = "Python" + version.replace(".", "")
        for variable, below in (
            ("LOCALAPPDATA", "Programs/Python"),
            ("PROGRAMFILES", ""),
            ("SYSTEMDRIVE", "/"),
        ):
            if self._env.get(variable):
                yield Path(self._env[variable]) / below / short / "python.exe"

    def _conda(self, version: str) -> Iterator[Path]:
        roots = [Path.home() / name for name in _CONDAS]
        if self._env.get("CONDA_PREFIX"):
            roots.insert(0, Path(self._env["CONDA_PREFIX"]))
        if sys.platform != "win32":
            roots.append(Path("/opt/conda"))
        for root in roots:
            windows = sys.platform == "win32"
            yield root / ("python.exe" if windows else f"bin/python{version}")

    def _named(
        self, key: str, version: str, ask: Callable[[], list[tuple[str, Path]]]
    ) -> Iterator[Path]:
        if key not in self._lists:
            self._lists[key] = ask()
        yield from (path for found, path in self._lists[key] if found == version)

    def _of_launcher(self) -> list[tuple[str, Path]]:
        launcher = shutil.which("py", path=self._env.get("PATH"))
        return launcher_lines(self._run([launcher, "-0p"])) if launcher else []

    def _of_uv(self) -> list[tuple[str, Path]]:
        if self._uv is None:
            return []
        text = self._run(
            [
                *(str(self._uv), "python", "list", "--only-installed"),
                *("--no-config", "--offline", "--output-format", "json"),
            ]
        )
        return uv_entries(text)


def managed_pythons(folder: Path, version: str) -> Iterator[Path]:
    """The Pythons of ``version`` that were installed into ``folder``, the newest first."""
    inside = "python.exe" if sys.platform == "win32" else f"bin/python{version}"
    for one in sorted(folder.glob(f"cpython-{version}.*"), key=_patch, reverse=True):
        yield one / inside


def launcher_lines(text: str) -> list[tuple[str, Path]]:
    """Read ``py -0p``: version and path a line, in the launcher's order."""
    found = []
    for line in text.splitlines():
        match = _LAUNCHER_LINE.match(line)
        if match:
            found.append((match[1], Path(match[2])))
    return found


def uv_entries(text: str) -> list[tuple[str, Path]]:
    """Read ``uv python list --output-format json``: plain CPythons only."""
    try:
        entries = json.loads(text)
        return [
            (f"{parts['major']}.{parts['minor']}", Path(one["path"]))
            for one in entries
            if one["implementation"] == "cpython"
            and one.get("variant", "default") == "default"
            and one["path"]
            for parts in (one["version_parts"],)
        ]
    except (ValueError, TypeError, KeyError):
        return []  # a uv that lists in another way: the other places remain


def _unix(version: str) -> Iterator[Path]:
    if sys.platform == "darwin":
        for prefix in ("/opt/homebrew/opt", "/usr/local/opt"):
            yield Path(prefix) / f"python@{version}" / "bin" / f"python{version}"
        yield Path(f"/Library/Frameworks/Python.framework/Versions/{version}/bin/python{version}")
    else:
        yield Path("/home/linuxbrew/.linuxbrew/bin") / f"python{version}"
    for folder in ("/usr/local/bin", "/usr/bin"):  # PATH of a desktop program may be short
        yield Path(folder) / f"python{version}"


def _patch(folder: Path) -> tuple[int, ...]:
    """The numbers of a folder's name: 3.11.10 is newer than 3.11.9."""
    return tuple(int(number) for number in re.findall(r"\d+", folder.name)[:3])
