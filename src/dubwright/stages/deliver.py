"""After mux: the report of the dub, subtitles beside it, and the copy where the user wants it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dubwright.library.artifacts import disk_problem
from dubwright.library.model import Artifact
from dubwright.stages.base import StageContext, StageResult
from dubwright_kit import NextAction, Problem

NAME = "deliver"
VERSION = 1
BACKEND = "dub_preview"
OVERFLOW_SHOWN_S = 0.05
FILM_SUFFIXES = (".mkv", ".mp4", ".m4a")
ASKED_SUFFIXES = (
    *(".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".ts"),
    *(".m4a", ".mp3", ".wav", ".flac", ".ogg", ".aac", ".opus"),
)
"""What counts as the suffix of a name given with ``--out`` ("talk v1.2" has none)."""


def run(ctx: StageContext) -> StageResult:
    """Write ``dub_preview/report.json``; copy film and sidecar subtitles when asked.

    Raises Problem ``no-film`` before mux, ``disk-full`` and ``out-not-writable`` when copying.
    """
    film = ctx.library.newest_artifact(ctx.item.id, "mux")
    if film is None:
        raise Problem(
            "no-film",
            "There is no film to deliver yet.",
            NextAction("make it", "run", {"_": ["mux_dub_preview_v1", ctx.item.id]}),
        )
    source = film.paths[0]
    language = str(ctx.options.get("to") or film.info.get("language") or "")
    delivered = source
    if ctx.options.get("out"):
        delivered = place_copy(source, Path(str(ctx.options["out"])), ctx.item.source)
    sidecars: list[Path] = []
    if ctx.options.get("subtitles") == "sidecar":
        for srt, name in _subtitle_files(ctx, language):
            beside = delivered.with_name(f"{delivered.stem}.{name}.srt")
            sidecars.append(place_copy(srt, beside, ctx.item.source))
    report = build_report(ctx, film, language)
    report["film"] = str(delivered)
    asked = ctx.options.get("out")
    if asked and str(delivered) != str(asked):
        report["warnings"].append(
            f"The film is written as {delivered.name}: its pictures go into {source.suffix[1:]}."
        )
    report["subtitles"] = [str(path) for path in sidecars] or [
        str(path) for path, _ in _subtitle_files(ctx, language)
    ]
    path = ctx.files.dub_preview / "report.json"
    _write_json(path, report)
    info = {
        "film": str(delivered),
        "report": str(path),
        "subtitles": report["subtitles"],
        "warnings": report["warnings"],
    }
    return StageResult(None, info=info)


def _subtitle_files(ctx: StageContext, language: str) -> list[tuple[Path, str]]:
    found = []
    source = ctx.library.newest_track(ctx.item.id, "source")
    original = ctx.files.asr / "transcript.srt"
    if source is not None and original.exists() and source.language != language:
        found.append((original, source.language))
    translated = ctx.files.asr / f"translation.{language}.srt"
    if translated.exists():
        found.append((translated, language))
    return found


def place_copy(made: Path, final: Path, keep: Path) -> Path:
    """Copy ``made`` to ``final`` atomically, with the suffix of what it is; never onto ``keep``.

    Returns the path written: the film itself (``keep``) may bear the name that the suffix gives,
    so the copy is then called ``NAME.dub.SUFFIX``. Raises Problem ``disk-full``.
    """
    if final.suffix.lower() != made.suffix.lower() and made.suffix in FILM_SUFFIXES:
        stem = final.stem if final.suffix.lower() in ASKED_SUFFIXES else final.name
        renamed = final.with_name(stem + made.suffix)
        # A name that nobody asked for must not take the place of somebody's file.
        final = renamed.with_name(f"{stem}.dub{made.suffix}") if renamed.exists() else renamed
    if final.exists() and keep.exists() and final.samefile(keep):
        final = final.with_name(f"{final.stem}.dub{final.suffix}")
    # The same name each time: what a killed run left is overwritten by the next and not kept for ever.
    aside = final.with_name(f".{final.name}.dubwright.part")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(made, aside)
        aside.replace(final)
    except OSError as error:
        raise disk_problem(error, final.parent) from error
    finally:
        aside.unlink(missing_ok=True)
    return final


def build_report(ctx: StageContext, film: Artifact, language: str) -> dict[str, Any]:
    """What a person should know about this dub: figures, lines to look at, warnings."""
    manifest_path = ctx.files.manifest_json()
    manifest = json.loads(manifest_path.read_text("utf-8")) if manifest_path.exists() else {}
    lines: Sequence[Mapping[str, Any]] = manifest.get("segments", [])
    mix = ctx.library.newest_artifact(ctx.item.id, "mix")
    track = ctx.library.newest_track(ctx.item.id, "source")
    over = [line for line in lines if float(line.get("overflow_s") or 0.0) > OVERFLOW_SHOWN_S]
    warnings = []
    if track is not None and track.draft:
        warnings.append(
            "The transcript is a draft by a small recogniser: review before dubbing "
            f"(dubwright track export {track.id} --format srt)."
        )
    if track is not None and track.approximate:
        warnings.append("Line times are approximate: they were spread over the speech found.")
    if over:
        warnings.append(
            f"{len(over)} of {len(lines)} lines are longer than their place even when spoken "
            "faster; shorten their translation. They are listed under overflow."
        )
    silent = [line for line in lines if line.get("warnings")]
    if silent:
        numbers = ", ".join(str(int(line["index"]) + 1) for line in silent[:10])
        more = ", ..." if len(silent) > 10 else ""
        warnings.append(f"The voice had nothing to say in line {numbers}{more}: no words it knows.")
    for artifact in (ctx.library.newest_artifact(ctx.item.id, "ingest"), mix, film):
        if artifact is not None:
            warnings += [str(note) for note in artifact.info.get("notes", ())]
    strategies: dict[str, int] = {}
    for line in lines:
        name = str(line.get("strategy"))
        strategies[name] = strategies.get(name, 0) + 1
    return {
        "item": ctx.item.id,
        "title": ctx.item.title,
        "source": str(ctx.item.source),
        "language": language,
        "duration_s": ctx.item.duration_s,
        "lines": len(lines),
        "strategies": strategies,
        "overflow": [
            {key: line.get(key) for key in ("index", "start_s", "text", "overflow_s")}
            for line in over
        ],
        "mix": dict(mix.info) if mix is not None else {},
        "mux": dict(film.info),
        "warnings": warnings,
    }


def _write_json(path: Path, value: Mapping[str, Any]) -> None:
    aside = path.with_suffix(".json.part")
    try:
        aside.write_text(json.dumps(value, indent=2, ensure_ascii=False), "utf-8")
        aside.replace(path)
    except OSError as error:
        raise disk_problem(error, path.parent) from error
