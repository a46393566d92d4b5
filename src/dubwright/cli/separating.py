"""The command ``separate``: stems of files and folders, without the library."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dubwright.cli.face import Face, command_line, verb
from dubwright.cli.follow import interruptible
from dubwright.cli.stemprogress import display
from dubwright.cli.text import shown, size, table
from dubwright_kit import Cancelled

if TYPE_CHECKING:
    from rich.console import Console

    from dubwright.studio.stems.model import SeparationResult, SourceStems


def separate(
    face: Face,
    files: Annotated[list[Path], typer.Argument(help="Video or audio files, or folders of them.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for the stems.")],
    separator: Annotated[str | None, typer.Option(help="auto, builtin, spleeter ...")] = None,
    stems: Annotated[str, typer.Option(help="2, 4 or 5.")] = "2",
    form: Annotated[str, typer.Option("--format", help="wav, flac, mp3 or m4a.")] = "wav",
    extension: Annotated[
        str | None,
        typer.Option(
            help="Above 11 kHz: average (as below it) or zeros (silence, as Spleeter does)."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Do again what is complete.")] = False,
) -> None:
    """Write the stems of files, without the library. A batch that was stopped goes on where it was."""
    interruptible()
    with face.studio() as studio, display(face) as show:
        plan = studio.plan_separation(
            files,
            out,
            separator=separator,
            stems=stems,
            form=form,
            extension=extension,
            force=force,
            look=show.look,
        )
        show.begin(plan)
        try:
            result = studio.separate_planned(plan, show.watch)
        except (KeyboardInterrupt, Cancelled):
            show.stopped(plan)
            raise
    if plan.batch:
        _tell_batch(face, result)
        if result.failed:
            raise typer.Exit(1)
        return
    (made,) = result.files
    if made.problem is not None:
        raise made.problem
    _tell_one(face, files[0], out, made)


def _tell_one(face: Face, source: Path, out: Path, made: SourceStems) -> None:
    stems = {name: str(out / path.name) for name, path in made.stems.items()}  # as typed
    document = {
        "source": str(source),
        "separator": made.separator,
        "stems": stems,
        "wall_s": made.wall_s,
        "peak_rss_bytes": made.peak_rss_bytes,
        **({"warnings": [made.note]} if made.note else {}),
    }

    def people(console: Console) -> None:
        for name, path in stems.items():
            console.print(f"{name:<11}{path}", markup=False)
        console.print(
            f"{made.wall_s:.1f} s with {made.separator}, peak memory {size(made.peak_rss_bytes)}",
            markup=False,
        )
        _warn(console, shown(source.name), made)

    face.show(document, people)


def _warn(console: Console, name: str, made: SourceStems) -> None:
    if made.note:
        console.print(f"Note: {name}: {made.note}", style="yellow", markup=False)


def _tell_batch(face: Face, result: SeparationResult) -> None:
    face.show(
        {
            "out": str(result.plan.out),
            "files": [_document(one) for one in result.files],
            "skipped": [{"source": shown(o.path), "why": o.why} for o in result.plan.skipped],
        },
        lambda console: _people(face, result, console),
    )


def _document(one: SourceStems) -> dict[str, Any]:
    return {
        "source": shown(one.source),
        "state": one.state,
        "separator": one.separator,
        "folder": shown(one.folder),
        "stems": {name: str(path) for name, path in one.stems.items()},
        "duration_s": one.duration_s,
        "wall_s": one.wall_s,
        "peak_rss_bytes": one.peak_rss_bytes,
        "warnings": [one.note] if one.note else [],
        "problem": one.problem.to_json() if one.problem is not None else None,
    }


def _people(face: Face, result: SeparationResult, console: Console) -> None:
    out = result.plan.out
    rows = []
    for one in result.files:
        folder = one.folder.relative_to(out)
        # A folder's files by their place in it: many albums have a "01.flac".
        name = shown(folder.parent / one.source.name)
        rows.append((name, shown(folder), ", ".join(one.stems) or "none", _end(one)))
    console.print(table(("File", "Folder", "Stems", "Result"), rows))
    counts = [
        (sum(one.state == "kept" for one in result.files), "complete from an earlier run"),
        (len(result.failed), "failed"),
    ]
    done = sum(one.state == "done" for one in result.files)
    said = [f"{done} of {len(result.files)} files separated"]
    said += [f"{count} {word}" for count, word in counts if count]
    separator = result.plan.model.separator
    console.print(
        f"{', '.join(said)}. The stems, made with {separator}, are in {out}", markup=False
    )
    for one in result.files:
        _warn(console, shown(one.folder.relative_to(out).parent / one.source.name), one)
    for line in _next_lines(face, result):
        console.print(line, markup=False)


def _end(one: SourceStems) -> str:
    if one.problem is not None:
        return f"({one.problem.code}) {one.problem.message}"
    return f"{one.wall_s:.1f} s" if one.state == "done" else "complete already"


def _next_lines(face: Face, result: SeparationResult) -> list[str]:
    """What gets the user on, each once: most failures of a batch have the same way out."""
    actions = [one.problem.next_action for one in result.failed if one.problem is not None]
    lines = {
        f"Next: {action.label}\n  {command_line(action, face.home)}": None
        for action in actions
        if action is not None
    }
    return list(lines)


def register(app: typer.Typer) -> None:
    """Add this file's command."""
    verb(app)(separate)
