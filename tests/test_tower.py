"""Imports go down the tower only: a room never imports one above or beside it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parent.parent / "src"
LEVELS = {
    "dubwright_kit": 0,
    "home": 1,
    "jobs": 2, "library": 2, "packs": 2, "engines": 2, "media": 2,
    "stages": 3,
    "recipe": 4,
    "studio": 5,
    "demo": 6,
    "cli": 7, "web": 7,
}  # fmt: skip
STDLIB_ONLY = "dubwright_kit"
GUEST_ROOMS = {"engines", "media"}
NEVER = {"training", "bench", "tests", "torch"}
"""What makes or measures the program, which does not know of it."""


def room_of(path: Path) -> str:
    parts = path.relative_to(SRC).parts
    return parts[0] if parts[0] != "dubwright" else parts[1].removesuffix(".py")


def imported(path: Path) -> set[str]:
    """Modules imported anywhere in the file (inside functions and TYPE_CHECKING too)."""
    found: set[str] = set()
    package = path.relative_to(SRC).parent.parts
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (base, node.module or "") if part)
            found.add(module)
            if module == "dubwright":
                found.update(f"dubwright.{alias.name}" for alias in node.names)
    return found


def rooms_imported(path: Path) -> set[str]:
    rooms = set()
    for module in imported(path):
        parts = module.split(".")
        if parts[0] == "dubwright" and len(parts) > 1 and parts[1] != "__version__":
            rooms.add(parts[1])
        elif parts[0] in ("dubwright_kit", "dubwright_packs"):
            rooms.add(parts[0])
    return rooms


def files(package: str) -> list[Path]:
    return sorted((SRC / package).rglob("*.py"))


@pytest.mark.parametrize("path", files("dubwright"), ids=lambda p: str(p.relative_to(SRC)))
def test_host_imports_go_down(path: Path) -> None:
    room = room_of(path)
    if room == "__init__":
        assert rooms_imported(path) <= {"studio"}
        return
    assert room in LEVELS, (
        f"{room} is not a room of the tower; add it to docs/architecture.md first"
    )
    for other in rooms_imported(path) - {room}:
        assert other != "dubwright_packs", "the host never imports a pack"
        assert LEVELS[other] < LEVELS[room], f"{room} imports {other}, which is not below it"


@pytest.mark.parametrize("path", files("dubwright_kit"), ids=lambda p: p.name)
def test_the_kit_is_standard_library_only(path: Path) -> None:
    import sys

    for module in imported(path):
        top = module.split(".")[0]
        # psutil is asked for only where Windows has nothing better, and its absence is handled.
        assert top in sys.stdlib_module_names | {
            STDLIB_ONLY,
            "psutil",
            "__future__",
            "dubwright_packs",
        }, module


@pytest.mark.parametrize("path", files("dubwright_packs"), ids=lambda p: str(p.relative_to(SRC)))
def test_backends_import_the_kit_engines_and_media_only(path: Path) -> None:
    rooms = rooms_imported(path) - {"dubwright_kit", "dubwright_packs"}
    pack = path.relative_to(SRC).parts[1]
    manifest = SRC / "dubwright_packs" / pack / "pack.toml"
    if not manifest.exists():
        return
    own = 'env = "own"' in manifest.read_text("utf-8")
    assert rooms <= (set() if own else GUEST_ROOMS)
    # A guest of an own environment has nothing but the kit and its folder. Those of the host may share
    # modules, with such a pack too (its modules run anywhere): one network, several packs of weights.
    if own:
        packs = {one.split(".")[1] for one in imported(path) if one.startswith("dubwright_packs.")}
        assert packs <= {pack}


def test_the_program_does_not_know_how_it_was_made() -> None:
    for path in sorted(SRC.rglob("*.py")):
        known = {module.split(".")[0] for module in imported(path)}
        assert not known & NEVER, path.relative_to(SRC)


def test_files_and_functions_stay_readable() -> None:
    crowded = []
    for path in sorted(SRC.rglob("*.py")):
        text = path.read_text("utf-8")
        if len(text.splitlines()) > 420:
            crowded.append(f"{path.relative_to(SRC)}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
                length = (node.end_lineno or 0) - node.lineno + 1
                if length > 70:
                    crowded.append(f"{path.relative_to(SRC)}:{node.name}: {length} lines")
    assert not crowded, crowded
