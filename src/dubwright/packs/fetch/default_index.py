"""The index that pip itself falls back to: its address stands in pip, not in this program."""

from __future__ import annotations

import ast
import importlib.util
import os
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

_MODULE = "pip/_internal/models/index.py"
_NAME = "PyPI"
_SIMPLE = "simple"
_UV_ANSWER_S = 20


def default_index(uv: Path | None, environment: Mapping[str, str]) -> tuple[str, str] | None:
    """Return the address and who carries it ("pip", "uv"), None when neither is here.

    Nothing of pip is run: its source is read. ``environment`` is what uv would be run with.
    """
    for source in _sources():
        address = _address(source)
        if address:
            return address, "pip"
    address = _from_uv(uv, environment) if uv is not None else ""
    return (address, "uv") if address else None


def _sources() -> Iterator[str]:
    """The text of the module that names the index, from every pip that is at hand."""
    folders = []
    found = importlib.util.find_spec("pip")  # of a top-level name: imports nothing
    if found is not None and found.submodule_search_locations:
        folders += [Path(place).parent for place in found.submodule_search_locations]
    base = {"base": sysconfig.get_config_var("installed_base") or ""}
    folders.append(Path(sysconfig.get_path("purelib", vars=base)))  # of the Python under a venv
    for folder in folders:
        try:
            yield (folder / _MODULE).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            continue
    import zipfile

    for wheel in _wheels():
        try:
            with zipfile.ZipFile(wheel) as archive:
                yield archive.read(_MODULE).decode("utf-8")
        except (OSError, KeyError, ValueError, zipfile.BadZipFile):
            continue


def _wheels() -> Iterator[Path]:
    """pip's wheel as Python carries it for new environments; distributions keep it elsewhere."""
    folders = []
    found = importlib.util.find_spec("ensurepip")
    if found is not None and found.submodule_search_locations:
        folders += [Path(place) / "_bundled" for place in found.submodule_search_locations]
    chosen = sysconfig.get_config_var("WHEEL_PKG_DIR")
    if chosen:
        folders.append(Path(str(chosen)))
    if os.name == "posix":
        folders += [Path("/usr/share/python-wheels"), Path("/usr/share/python-pip-wheels")]
    for folder in folders:
        yield from sorted(folder.glob("pip-*.whl"), reverse=True)


def _address(source: str) -> str:
    """The first argument of ``PyPI = PackageIndex("https://...", ...)``, with "simple" after it."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ""
    for node in tree.body:
        if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
            continue
        names = [target.id for target in node.targets if isinstance(target, ast.Name)]
        first = node.value.args[0] if node.value.args else None
        if _NAME in names and isinstance(first, ast.Constant) and isinstance(first.value, str):
            return first.value.rstrip("/") + "/" + _SIMPLE
    return ""


def _from_uv(uv: Path, environment: Mapping[str, str]) -> str:
    """What uv says that it would ask; it asks nobody."""
    try:
        done = subprocess.run(
            [
                *(uv, "pip", "compile", "--offline", "--no-config", "--no-header"),
                *("--emit-index-url", "-"),
            ],
            input=b"",
            capture_output=True,
            check=False,
            timeout=_UV_ANSWER_S,
            env=dict(environment),
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith("--index-url "):
            return line.removeprefix("--index-url ").strip()
    return ""
