"""Write ``docs/commands.md`` from the command line and the table of rules in ``docs/packs.md`` from
``rules.toml``; ``--check`` only compares.

A test runs the check, so that the pages are never behind the code.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import typer

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE = DOCS / "commands.md"
PACKS = DOCS / "packs.md"
BEGIN = "<!-- rules: written by tools/docs.py from src/dubwright/packs/diagnosis/rules.toml -->"
END = "<!-- rules end -->"
COMMON = {"--home", "--json", "--progress", "--help"}
HEAD = """# Commands

Generated from the program by `tools/docs.py`; do not edit.

Every command also takes `--home DIR` (data folder), `--json` (one JSON document on stdout) and
`--progress auto|json|none` (events of long work as JSON lines on stderr). Exit codes: 0 done, 1 a Problem
(see [problems.md](problems.md)), 2 wrong usage, 130 interrupted.
"""


def render() -> str:
    """The page as text."""
    from dubwright.cli.main import app

    parts = [HEAD]
    for path, command in walk(typer.main.get_command(app), ["dubwright"]):
        parts.append(section(path, command))
    return "\n".join(parts)


def walk(command: Any, path: list[str]) -> list[tuple[list[str], Any]]:
    """Every command that does something, with its words."""
    found = []
    subcommands = getattr(command, "commands", None)
    if len(path) > 1 and (not subcommands or command.invoke_without_command):
        found.append((path, command))
    for name, child in sorted((subcommands or {}).items()):
        found += walk(child, [*path, name])
    return found


def section(path: list[str], command: Any) -> str:
    """One command: usage, help, arguments and options."""
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [
        p for p in command.params if p.param_type_name == "option" and p.opts[0] not in COMMON
    ]
    words = [*path, *(name_of(one) for one in arguments)]
    words += [f"{one.opts[0]}{'' if one.is_flag else ' VALUE'}" for one in options if one.required]
    lines = [
        f"## {' '.join(path)}",
        "",
        f"    {' '.join(words)}",
        "",
        (command.help or "").strip(),
        "",
    ]
    lines += [f"- `{name_of(one)}` {one.help or ''}".rstrip() for one in arguments]
    for one in options:
        lines.append(f"- `{', '.join([*one.opts, *one.secondary_opts])}` {one.help or ''}".rstrip())
    return "\n".join(lines).rstrip() + "\n"


def name_of(argument: Any) -> str:
    """FILE... or [NAMES]..."""
    name = argument.name.upper()
    name = name if argument.required else f"[{name}]"
    return name + ("..." if argument.nargs == -1 else "")


def with_rules(page: str) -> str:
    """``page`` with the table of the diagnosis rules between its two marks."""
    from dubwright.packs.diagnosis.rulebook import filled, rulebook

    words = {"tool": "it", "header": "it", "wanted": "as it asks for"}
    rows = ["| rule | code | what to do |", "|---|---|---|"]
    for rule in rulebook().rules:
        code = "" if rule.code.startswith("{") else f"[`{rule.code}`](problems.md#{rule.code})"
        label = filled(rule.label, {**words, **rulebook().defaults})
        rows.append(f"| `{rule.id}` | {code} | {label} |")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return "\n".join([f"{before}{BEGIN}", "", *rows, "", f"{END}{after}"])


if __name__ == "__main__":
    pages = {PAGE: render(), PACKS: with_rules(PACKS.read_text("utf-8"))}
    if "--check" in sys.argv:
        behind = [
            path.name
            for path, text in pages.items()
            if not path.exists() or path.read_text("utf-8") != text
        ]
        sys.exit(f"docs/{', '.join(behind)} is behind: run tools/docs.py" if behind else 0)
    for path, text in pages.items():
        path.write_text(text, "utf-8")
