"""Commands about items, tracks and voices."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dubwright.cli.face import Face, program, verb
from dubwright.cli.text import clock, short, size, table
from dubwright_kit import Problem

if TYPE_CHECKING:
    from rich.console import Console

    from dubwright.library.model import Item, Track

ItemArgument = Annotated[str, typer.Argument(help="Item id (its beginning is enough).")]


def item_json(item: Item) -> dict[str, Any]:
    """The public shape of an item."""
    return {
        "id": item.id,
        "title": item.title,
        "source": str(item.source),
        "duration_s": item.duration_s,
    }


def track_json(track: Track) -> dict[str, Any]:
    """The public shape of a track."""
    return {
        "id": track.id,
        "kind": track.kind,
        "language": track.language,
        "version": track.version,
        "origin": track.origin,
        "draft": track.draft,
        "approximate": track.approximate,
        "note": track.note,
    }


def track_words(track: Track) -> str:
    """Whether a person has to look at the track before using it."""
    if track.draft:
        return "draft: review before dubbing"
    return "approximate times" if track.approximate else ""


def add(
    face: Face,
    files: Annotated[list[str], typer.Argument(help="Video or audio files, folders or globs.")],
    title: Annotated[str | None, typer.Option(help="Title (default: the file's name).")] = None,
    audio_stream: Annotated[
        int | None,
        typer.Option(help="Which audio stream, counted from 0 (default: the default one)."),
    ] = None,
) -> None:
    """Add local video or audio files to the library; prints their ids."""
    with face.studio() as studio:
        result = studio.add_many(files, title, audio_stream)
    document: dict[str, Any] = {"items": [item_json(one.item) for one in result.added]}
    if result.failed:
        document["failed"] = [
            {"file": str(path), "problem": problem.to_json()} for path, problem in result.failed
        ]
    if not result.added and len(result.failed) == 1:
        raise result.failed[0][1]

    def people(console: Console) -> None:
        for one in result.added:
            known = "" if one.created else "  (already there)"
            console.print(
                f"{one.item.id}  {clock(one.item.duration_s)}  {short(one.item.title, 200)}{known}",
                markup=False,
            )

    face.show(document, people)
    if result.failed:
        if not face.json:
            for _, problem in result.failed:
                face.problem(problem)
        raise typer.Exit(1)


def items(face: Face) -> None:
    """List the library."""
    with face.studio() as studio:
        found = studio.items()

    def people(console: Console) -> None:
        if not found:
            console.print(f"The library is empty. Add a film:  {program()} add FILE")
            return
        rows = [(one.id, short(one.title), clock(one.duration_s), str(one.source)) for one in found]
        console.print(table(("id", "title", "length", "source"), rows))

    face.show({"items": [item_json(one) for one in found]}, people)


def item(face: Face, item: ItemArgument) -> None:
    """Show one item: tracks, artifacts, sizes."""
    with face.studio() as studio:
        view = studio.item(item)
    document = {
        **item_json(view.item),
        "source_present": view.source_present,
        "container": view.item.container,
        "audio_stream": view.item.audio_stream,
        "streams": {key: view.item.probe.get(key) for key in ("video", "audio")},
        "tracks": [track_json(track) for track in view.tracks],
        "artifacts": [
            {
                "stage": one.stage,
                "backend": one.backend,
                "paths": [str(path) for path in one.paths],
                "size_bytes": one.size_bytes,
            }
            for one in view.artifacts
        ],
        "sizes": dict(view.sizes),
    }

    def people(console: Console) -> None:
        one = view.item
        console.print(f"[bold]{one.title}[/bold]  {one.id}  {clock(one.duration_s)}")
        console.print(
            str(one.source) + ("" if view.source_present else "  (missing)"), markup=False
        )
        if view.tracks:
            rows = [(str(t.id), t.kind, t.language, t.origin, track_words(t)) for t in view.tracks]
            console.print(table(("track", "kind", "language", "from", ""), rows))
        if view.artifacts:
            made = [
                (a.stage, a.backend, size(a.size_bytes), str(a.paths[0]) if a.paths else "")
                for a in view.artifacts
            ]
            console.print(table(("stage", "backend", "size", "file"), made))
        if view.sizes:
            console.print("On disk: " + ", ".join(f"{k} {size(v)}" for k, v in view.sizes.items()))

    face.show(document, people)


def remove(face: Face, item: ItemArgument) -> None:
    """Remove an item's derived files and its entry; never the source."""
    with face.studio() as studio:
        result = studio.remove(item)
    face.show(
        {"removed": result.item_id, "freed_bytes": result.freed_bytes},
        lambda console: console.print(
            f"Removed {result.item_id}, {size(result.freed_bytes)} freed."
        ),
    )


def tracks(face: Face, item: ItemArgument) -> None:
    """List an item's tracks."""
    with face.studio() as studio:
        found = studio.tracks(item)

    def people(console: Console) -> None:
        if not found:
            console.print("No tracks yet.")
            return
        rows = [
            (str(t.id), t.kind, t.language, str(t.version), t.origin, track_words(t)) for t in found
        ]
        console.print(table(("track", "kind", "language", "version", "from", ""), rows))

    face.show({"tracks": [track_json(track) for track in found]}, people)


def track_export(
    face: Face,
    track: Annotated[int, typer.Argument(help="Track number (see: tracks ITEM).")],
    form: Annotated[str, typer.Option("--format", help="srt, vtt, json or txt.")] = "srt",
    out: Annotated[Path | None, typer.Option("--out", help="Write to this file.")] = None,
) -> None:
    """Print a track as subtitles, transcript json or plain text (or write it with --out)."""
    with face.studio() as studio:
        text = studio.export_track(track, form)
    if out is not None:
        try:
            out.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Problem(
                "out-not-writable", f"{out} cannot be written: {error.strerror}."
            ) from error
        face.show({"file": str(out)}, lambda console: console.print(str(out), markup=False))
    elif face.json and form != "json":
        face.show({"track": track, "format": form, "text": text}, lambda console: None)
    else:
        print(text, end="" if text.endswith("\n") else "\n")


def track_import(
    face: Face,
    item: ItemArgument,
    file: Annotated[Path, typer.Argument(help="srt, vtt, json or txt.")],
    language: Annotated[str, typer.Option("--language", help="Language of the file, e.g. es.")],
) -> None:
    """Import a file as a new version of the item's transcript or translation."""
    with face.studio() as studio:
        track = studio.import_track(item, file, language)
    face.show(
        {"track": track_json(track)},
        lambda console: console.print(
            f"Track {track.id}: {track.kind} {track.language}, version {track.version}."
        ),
    )


def voices(face: Face, item: ItemArgument) -> None:
    """Show which voice each speaker has."""
    with face.studio() as studio:
        found = studio.voices(item)

    def people(console: Console) -> None:
        if not found:
            console.print("No speakers are known yet; run diarize_local_v1 first.")
            return
        console.print(table(("speaker", "voice"), [(one.speaker, one.voice) for one in found]))

    face.show({"voices": [{"speaker": one.speaker, "voice": one.voice} for one in found]}, people)


def voice_set(
    face: Face,
    item: ItemArgument,
    speaker: Annotated[str, typer.Argument(help="Speaker, such as S1.")],
    voice: Annotated[str, typer.Argument(help="Voice name or a reference WAV.")],
) -> None:
    """Choose a speaker's voice."""
    with face.studio() as studio:
        choice = studio.set_voice(item, speaker, voice)
    face.show(
        {"speaker": choice.speaker, "voice": choice.voice},
        lambda console: console.print(f"{choice.speaker}: {choice.voice}", markup=False),
    )


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    for function in (add, items, item, remove, tracks, voices):
        verb(app)(function)
    track = typer.Typer(help="Export or import one track.", no_args_is_help=True)
    verb(track, "export")(track_export)
    verb(track, "import")(track_import)
    app.add_typer(track, name="track")
    voice = typer.Typer(help="Choose voices.", no_args_is_help=True)
    verb(voice, "set")(voice_set)
    app.add_typer(voice, name="voice")
