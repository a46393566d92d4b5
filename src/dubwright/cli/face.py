"""The command line's manners: one JSON document or people's text, Problems, exit codes."""

from __future__ import annotations

import inspect
import json
import os
import shlex
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from dubwright_kit import Cancelled, NextAction, Problem

if TYPE_CHECKING:
    from rich.console import Console

    from dubwright.studio import Studio

DONE, PROBLEM, USAGE, INTERRUPTED = 0, 1, 2, 130

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home", help="Data folder (default: $DUBWRIGHT_HOME, else your user data folder)."
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
PROGRESS = ("auto", "json", "none")


def _known_progress(value: str) -> str:
    if value not in PROGRESS:
        raise typer.BadParameter(
            f'it is {", ".join(PROGRESS[:-1])} or {PROGRESS[-1]}, not "{value}".'
        )
    return value


ProgressOption = Annotated[
    str,
    typer.Option(
        "--progress",
        help="auto, json (events as JSON lines on stderr) or none.",
        callback=_known_progress,
    ),
]


@dataclass
class Face:
    """How one command talks: its home, its form of output, its streams."""

    home: Path | None
    json: bool
    progress: str

    @cached_property
    def out(self) -> Console:
        """Console for results."""
        from rich.console import Console

        # Into a file or pipe a line stays a line; terminals fold.
        return Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 240)

    @cached_property
    def err(self) -> Console:
        """Console for progress, notes and problems."""
        from rich.console import Console

        return Console(stderr=True, highlight=False, soft_wrap=True)

    def studio(self) -> Studio:
        """Open the studio of the chosen home."""
        from dubwright.studio import Studio

        return Studio(self.home)

    def show(self, document: Any, people: Callable[[Console], None]) -> None:
        """Print ``document`` as JSON, or let ``people`` print it for a person."""
        if self.json:
            print(json.dumps(document, ensure_ascii=False, indent=2, default=str))
        else:
            people(self.out)

    def note(self, text: str) -> None:
        """Tell a person something on the side (nothing with --json)."""
        if not self.json:
            from rich.markup import escape

            self.err.print(f"[dim]{escape(text)}[/dim]")

    def problem(self, problem: Problem) -> None:
        """Print a failure and what gets the user on."""
        if self.json:
            print(json.dumps({"problem": problem.to_json()}, ensure_ascii=False, indent=2))
            return
        from rich.markup import escape

        self.err.print(
            f"[bold red]Problem[/bold red] [dim]({problem.code})[/dim]  {escape(problem.message)}"
        )
        if problem.detail:
            self.err.print(f"[dim]{escape(problem.detail[-2000:])}[/dim]")
        if problem.next_action is not None:
            line = command_line(problem.next_action, self.home)
            self.err.print(
                f"Next: {escape(problem.next_action.label)}\n  [bold]{escape(line)}[/bold]"
            )

    def guarded(self, work: Callable[[], None]) -> int:
        """Run ``work``; turn what it raises into text and an exit code."""
        try:
            work()
        except Problem as problem:
            self.problem(problem)
            return PROBLEM
        except (KeyboardInterrupt, Cancelled) as stop:
            if self.json:
                job = str(stop) if isinstance(stop, Cancelled) and str(stop) else None
                print(json.dumps({"cancelled": True, "job": job}))
            return INTERRUPTED
        except BrokenPipeError:
            # The reader (head, less) has seen enough; keep Python from complaining at exit.
            os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
            return DONE
        except (typer.Exit, typer.Abort, typer.BadParameter):
            raise
        except Exception as error:  # the one place where bugs become a message
            self.problem(bug(error, self.home))
            return PROBLEM
        return DONE


def bug(error: Exception, chosen: Path | None) -> Problem:
    """Write the traceback to ``logs/bugs.log`` and return the Problem that points there."""
    from dubwright.home import Home

    text = "".join(traceback.format_exception(error))
    log = Home.find(chosen).logs / "bugs.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8") as file:
            file.write(f"{' '.join(sys.argv[1:])}\n{text}\n")
        where = f"The traceback is in {log}."
    except OSError:
        where = text
    return Problem(
        "bug",
        f"dubwright made a mistake: {type(error).__name__}: {error}",
        NextAction("look at versions and recent failures for a report", "diagnostics", {}),
        where,
    )


def program() -> str:
    """What to type for the program: its name when that is on PATH, else where it lies."""
    beside = Path(sys.executable).with_name("dubwright.exe" if os.name == "nt" else "dubwright")
    return "dubwright" if shutil.which("dubwright") or not beside.exists() else str(beside)


def command_line(action: NextAction, home: Path | None = None) -> str:
    """Return the command that a person types for an action."""
    words = [program(), *action.verb.split()]
    options: Mapping[str, Any] = action.args
    words += [str(word) for word in options.get("_", ())]
    for name, value in options.items():
        if name == "_" or value is None or value is False:
            continue
        flag = "--" + name.replace("_", "-")
        values = value if isinstance(value, (list, tuple)) else [value]
        for one in values:
            words += [flag] if one is True else [flag, str(one)]
    if home is not None and "home" not in options:
        words += ["--home", str(home)]
    return subprocess.list2cmdline(words) if sys.platform == "win32" else shlex.join(words)


def verb(app: typer.Typer, name: str | None = None, **options: Any) -> Callable[[Any], Any]:
    """Register ``function(face, ...)`` as a command that also takes --home, --json, --progress."""

    def register(function: Any) -> Any:
        hints = get_type_hints(function, include_extras=True)
        own = list(inspect.signature(function).parameters.values())[1:]
        common = {"home": HomeOption, "json_output": JsonOption, "progress": ProgressOption}
        defaults = {"home": None, "json_output": False, "progress": "auto"}

        def command(context: typer.Context, **given: Any) -> None:
            before = context.find_root().obj or {}
            face = Face(
                given.pop("home") or before.get("home"),
                given.pop("json_output") or before.get("json", False),
                given.pop("progress"),
            )
            code = face.guarded(lambda: function(face, **given))
            if code != DONE:
                raise typer.Exit(code)

        kind = inspect.Parameter.KEYWORD_ONLY
        parameters = [
            inspect.Parameter(
                "context", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context
            )
        ]
        parameters += [p.replace(annotation=hints[p.name], kind=kind) for p in own]
        parameters += [
            inspect.Parameter(key, kind, default=defaults[key], annotation=hint)
            for key, hint in common.items()
        ]
        command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # Typer reads it
        command.__annotations__ = {p.name: p.annotation for p in parameters}
        command.__doc__ = function.__doc__
        command.__name__ = function.__name__
        app.command(name, **options)(command)
        return function

    return register
