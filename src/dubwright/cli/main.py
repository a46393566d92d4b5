"""Entry point: parse, call the studio, print. Heavy imports wait inside the commands."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from dubwright import __version__
from dubwright.cli import dubbing, items, jobs, packs, separating, system
from dubwright.cli.face import HomeOption

app = typer.Typer(
    name="dubwright",
    help="A local-first dubbing studio: a film in, the same film in another language out.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback()
def everything(
    context: typer.Context,
    home: HomeOption = None,
    json_output: Annotated[bool, typer.Option("--json", help="Print one JSON document.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True)
    ] = False,
) -> None:
    """Options that may also stand after the command."""
    if version:
        print(f"dubwright {__version__}")
        raise typer.Exit
    context.obj = {"home": home, "json": json_output}


dubbing.register(app)
separating.register(app)
items.register(app)
jobs.register(app)
packs.register(app)
system.register(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    if sys.platform == "win32":  # subtitles and file names go beyond the console's code page
        for stream in (sys.stdout, sys.stderr):
            stream.reconfigure(encoding="utf-8", errors="replace")  # type: ignore[union-attr]  # real consoles are TextIOWrapper
    app(args=arguments, prog_name="dubwright")


if __name__ == "__main__":
    main()
