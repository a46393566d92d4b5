"""The command that explains a log."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dubwright.cli.face import Face, command_line

if TYPE_CHECKING:
    from rich.console import Console


def diagnose(
    face: Face,
    log_file: Annotated[
        str,
        typer.Argument(
            metavar="LOGFILE", help="The log of an install (uv, pip, a pack); - is stdin."
        ),
    ],
) -> None:
    """Which rule explains an install log: the cause, what to do, the lines that say so."""
    with face.studio() as studio:
        found = studio.diagnose_log(
            sys.stdin.buffer if log_file == "-" else Path(log_file).expanduser()
        )
    problem = found.problem

    def people(console: Console) -> None:
        if problem is None:
            console.print("No failure is in this log.")
            return
        rule = f"rule {found.rule}" if found.rule else "no rule explains this"
        console.print(f"{problem.message} ({rule}, {problem.code})", markup=False)
        if problem.next_action is not None:
            line = command_line(problem.next_action, face.home)
            console.print(f"Next: {problem.next_action.label}\n  {line}", markup=False)
        for one in found.evidence:
            console.print(f"line {one.number}: {one.text.strip()}", style="dim", markup=False)
        if found.rule is None:
            console.print(problem.detail, style="dim", markup=False)

    face.show(
        {
            "rule": found.rule,
            "failed": found.failed,
            "problem": problem.to_json() if problem else None,
            "evidence": [{"line": one.number, "text": one.text} for one in found.evidence],
        },
        people,
    )
