"""Commands that make films: dub, run, demo."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dubwright.cli.face import Face, program, verb
from dubwright.cli.follow import follow, interruptible
from dubwright.cli.outlook import tell
from dubwright.cli.text import clock
from dubwright_kit import NextAction, Problem
from dubwright_kit.codec import to_json

if TYPE_CHECKING:
    from rich.console import Console

    from dubwright.studio import Studio
    from dubwright.studio.views import Film


def dub(
    face: Face,
    films: Annotated[list[str], typer.Argument(help="Film files or item ids (several: a batch).")],
    to: Annotated[str, typer.Option("--to", help="Language of the dub, e.g. es.")],
    source: Annotated[
        str | None, typer.Option("--from", help="Language spoken in the film.")
    ] = None,
    transcript: Annotated[
        Path | None, typer.Option(help="What is said: txt, srt, vtt or json.")
    ] = None,
    translation: Annotated[
        Path | None, typer.Option(help="What shall be said: srt, vtt or json.")
    ] = None,
    separator: Annotated[str | None, typer.Option(help="auto, builtin, spleeter ...")] = None,
    asr: Annotated[str | None, typer.Option(help="Which recogniser.")] = None,
    diarizer: Annotated[str | None, typer.Option(help="Which pack tells speakers apart.")] = None,
    translator: Annotated[str | None, typer.Option(help="Which translator.")] = None,
    voice: Annotated[str | None, typer.Option(help="One voice for every speaker.")] = None,
    speakers: Annotated[
        int | None, typer.Option(help="How many people speak, if you know.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Write the film here (file or folder).")] = None,
    keep_original_track: Annotated[
        bool,
        typer.Option("--keep-original-track", help="Keep the original sound as a second track."),
    ] = False,
    subtitles: Annotated[str, typer.Option(help="embed, sidecar or none.")] = "embed",
) -> None:
    """Dub films into another language."""
    interruptible()
    options: dict[str, Any] = {
        "source_language": source,
        "transcript": transcript,
        "translation": translation,
        "separator": separator,
        "asr": asr,
        "diarizer": diarizer,
        "translator": translator,
        "voice": voice,
        "speakers": speakers,
        "out": out,
        "keep_original_track": keep_original_track,
        "subtitles": subtitles,
    }
    with face.studio() as studio:
        ids, failed = _items(studio, films)
        if failed and not ids and len(failed) == 1:
            raise failed[0][1]
        if len(ids) == 1 and not failed:
            film = _dub_one(face, studio, ids[0], to, options)
            face.show(_film_json(film), lambda console: _film_text(film, console))
            return
        _batch(face, studio, ids, failed, to, options)


Failed = list[tuple[str, Problem]]


def _items(studio: Studio, films: list[str]) -> tuple[list[str], Failed]:
    """Return the ids of the films (files are added now) and what could not be found or added.

    A file wins over an id of the same name.
    """
    ids: list[str] = []
    failed: Failed = []
    for film in films:
        looks_like_file = Path(film).exists() or any(mark in film for mark in "./\\*?[")
        try:
            if not looks_like_file:
                ids.append(studio.library.item(film).id)
                continue
            result = studio.add_many([film])
        except Problem as problem:
            failed.append((film, problem))
            continue
        failed += [(str(path), problem) for path, problem in result.failed]
        ids += [one.item.id for one in result.added]
    return list(dict.fromkeys(ids)), failed


def _dub_one(face: Face, studio: Studio, item_id: str, to: str, options: Mapping[str, Any]) -> Film:
    dubbing = studio.dub(item_id, to, **options)
    tell(face, dubbing.forecast)
    follow(face, dubbing)
    return dubbing.wait()


def _batch(
    face: Face,
    studio: Studio,
    ids: list[str],
    failed: Failed,
    to: str,
    options: dict[str, Any],
) -> None:
    """One film after another; a failure is told and the rest goes on."""
    _check_batch(options)
    if options["out"] is not None:
        _check_names([studio.library.item(one).source for one in ids], options["out"])
    films: list[dict[str, Any]] = []
    for name, problem in failed:
        films.append({"source": name, "problem": problem.to_json()})
        if not face.json:
            face.problem(problem)
    failures = len(failed)
    for number, item_id in enumerate(ids, 1):
        title = studio.library.item(item_id).title
        face.note(f"[{number}/{len(ids)}] {title}")
        try:
            film = _dub_one(face, studio, item_id, to, options)
            films.append(_film_json(film))
            if not face.json:
                _film_text(film, face.out)
        except Problem as problem:
            failures += 1
            films.append({"item": item_id, "problem": problem.to_json()})
            if not face.json:
                face.problem(problem)
    face.show(
        {"items": films},
        lambda console: console.print(f"{len(films) - failures} of {len(films)} films dubbed."),
    )
    if failures:
        raise typer.Exit(1)


def _check_batch(options: Mapping[str, Any]) -> None:
    for name in ("transcript", "translation"):
        if options[name] is not None:
            raise Problem(
                "option-invalid",
                f"--{name} belongs to one film; with several, import a track for each first.",
                NextAction(
                    "import it",
                    "track import",
                    {"_": ["ITEM", str(options[name])], "language": "LANG"},
                ),
            )
    if options["out"] is not None and not Path(options["out"]).is_dir():
        raise Problem(
            "option-invalid",
            f"With several films --out names an existing folder; {options['out']} is none.",
            NextAction("leave --out away", "dub", {"_": ["FILES"], "to": "LANG"}),
        )


def _check_names(sources: list[Path], out: Path) -> None:
    """Films of one name would be written over each other."""
    stems = [source.stem.lower() for source in sources]
    twice = next((source for source in sources if stems.count(source.stem.lower()) > 1), None)
    if twice is not None:
        raise Problem(
            "option-invalid",
            f'Several of these films are called "{twice.stem}"; in {out} they would take each '
            "other's place. Dub them one by one, each with its own --out.",
            NextAction(
                "or leave --out away", "dub", {"_": [str(p) for p in sources], "to": "LANG"}
            ),
        )


def _film_json(film: Film) -> dict[str, Any]:
    return {
        "item": film.item.id,
        "film": str(film.path),
        "report": str(film.report),
        "subtitles": [str(path) for path in film.subtitles],
        "warnings": list(film.warnings),
        "job": film.job.id,
        "forecast": to_json(film.forecast),
    }


def _film_text(film: Film, console: Console) -> None:
    console.print(
        f"[bold green]Done[/bold green]  {film.item.title}  {clock(film.item.duration_s)}"
    )
    console.print(f"Film       {film.path}", markup=False)
    for path in film.subtitles:
        console.print(f"Subtitles  {path}", markup=False)
    console.print(f"Report     {film.report}", markup=False)
    for warning in film.warnings:
        console.print(f"Note: {warning}", style="yellow", markup=False)


def run(
    face: Face,
    job_type: Annotated[str, typer.Argument(help="Such as separate_audio_builtin or asr_local.")],
    item: Annotated[str, typer.Argument(help="Item id.")],
    option: Annotated[list[str] | None, typer.Option("--option", help="key=value")] = None,
    detach: Annotated[bool, typer.Option("--detach", help="Only enqueue.")] = False,
) -> None:
    """Enqueue one job and follow it (starts a worker here when none runs)."""
    interruptible()
    options: dict[str, Any] = {}
    for pair in option or []:
        key, equals, value = pair.partition("=")
        if not equals:
            raise Problem(
                "option-invalid",
                f'--option takes key=value, not "{pair}".',
                NextAction("see the help", "run", {"help": True}),
            )
        options[key] = value
    with face.studio() as studio:
        handle = studio.run(job_type, item, options)
        tell(face, handle.forecast)
        if detach:
            job = handle.job
            face.note(f"Queued. A worker ({program()} worker) will take it.")
        else:
            job = follow(face, handle)
    artifacts = list((job.result or {}).get("artifacts", ()))
    face.show(
        {"job": job.id, "state": job.state, "artifacts": artifacts},
        lambda console: console.print(
            "\n".join([f"{job.id}: {job.state}", *artifacts]), markup=False
        ),
    )


def demo(
    face: Face,
    to: Annotated[str, typer.Option("--to", help="Language of the dub.")] = "es",
) -> None:
    """Generate a two-speaker sample with known truth, dub it, and score every step."""
    interruptible()
    from dubwright.cli.demo import run_demo

    run_demo(face, to)


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    for function in (dub, run, demo):
        verb(app)(function)
