"""``packs python``: which Python a pack gets, and choosing another."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from dubwright.cli.face import Face, program

if TYPE_CHECKING:
    from rich.console import Console

    from dubwright.studio.packpython import PackPythonView


def python(
    face: Face,
    name: Annotated[str, typer.Argument(help="Pack.")],
    choice: Annotated[
        str | None,
        typer.Argument(
            metavar="[VERSION|PATH|auto]",
            help="The Python to use from now on; auto: the first that fits, 3.11 before others.",
        ),
    ] = None,
) -> None:
    """Show which Python a pack gets, or choose it. Opens no connection."""
    from dubwright.studio.packpython import pack_python

    with face.studio() as studio:
        view = pack_python(studio.home, studio.packs, name, choice)
    face.show(asdict(view), lambda console: _people(view, console))


def _people(view: PackPythonView, console: Console) -> None:
    taken = f"Python {view.version} ({view.path})"
    if view.managed:
        taken = f"Python {view.managed}, which an install fetches because none that fits is here"
    why = f"as chosen: {view.chosen}" if view.chosen else f"runs on {', '.join(view.runs_on)}"
    lines = [f"{view.name}: {taken}; {why}."]
    if view.other_installed:
        lines.append(
            f"What is installed has Python {view.installed}. For another: "
            f"{program()} packs remove {view.name}, then {program()} packs install {view.name}"
        )
    console.print("\n".join(lines), markup=False, soft_wrap=True)
