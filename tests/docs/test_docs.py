"""The docs are tested against the code."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from dubwright.packs.diagnosis.rulebook import rulebook

ROOT = Path(__file__).resolve().parents[2]
CODE = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*$")


def raised_codes() -> set[str]:
    """First arguments of every ``Problem(...)`` call in the sources."""
    codes = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id != "Problem" or not node.args:
                continue
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                codes.add(first.value)
    return codes | {rule.code for rule in rulebook().rules if not rule.code.startswith("{")}


def documented_codes() -> set[str]:
    text = (ROOT / "docs" / "problems.md").read_text("utf-8")
    return set(re.findall(r"^### `([a-z0-9-]+)`", text, re.MULTILINE))


def test_every_problem_code_is_documented() -> None:
    codes = raised_codes()
    assert len(codes) > 20
    assert all(CODE.match(code) for code in codes)
    assert codes - documented_codes() == set()


def test_no_documented_code_is_gone() -> None:
    files = [*(ROOT / "src").rglob("*.py"), *(ROOT / "src").rglob("rules.toml")]
    sources = "\n".join(path.read_text("utf-8") for path in files)
    gone = {code for code in documented_codes() if f'"{code}"' not in sources}
    assert gone == set()


def test_the_generated_pages_are_what_the_code_says() -> None:
    check = [sys.executable, str(ROOT / "tools" / "docs.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_host_dependency_has_its_reason() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    text = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    needs = project["project"]["dependencies"] + project["dependency-groups"]["dev"]
    for need in needs:
        name = re.split(r"[<>=~! ]", need)[0]
        assert re.search(rf"\b{re.escape(name)}\b", text), name


def test_locks_name_no_host() -> None:
    locks = [*ROOT.glob("requirements/*"), *(ROOT / "src" / "dubwright_packs").rglob("*")]
    for path in locks:
        if path.is_file() and path.suffix in (".txt", ".in", ".json", ".toml"):
            lines = path.read_text("utf-8").splitlines()
            # Where weights come from and pages for people are addresses; nothing else is.
            told = ("homepage = ", "url = ", "source = ")
            assert not [one for one in lines if "://" in one and not one.startswith(told)], path


def test_links_in_the_docs_lead_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
