"""mux_dub_preview_v1: the film with the dub as its sound, and the lines as subtitles."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from dubwright.library.artifacts import scratch_folder
from dubwright.library.content import check_source
from dubwright.library.disk import disk_problem, full_problem
from dubwright.library.languages import name, normalise
from dubwright.library.model import Artifact, Track
from dubwright.library.subtitles import write_srt
from dubwright.stages.base import StageContext, StageResult
from dubwright_kit import NextAction, Problem
from dubwright_kit.contracts import MuxAsk, MuxDone, SubtitleFile

NAME = "mux"
VERSION = 1
BACKEND = "mux_dub_preview_v1"
PACK = "muxer"
SUBTITLES = ("embed", "sidecar", "none")

_DUB_BYTES_PER_S = 26_000
"""AAC at 192 kbit/s with its container, roundly."""


def run(ctx: StageContext) -> StageResult:
    """Write ``dub_preview/mux_dub_preview_v1.<suffix>``, or return the film of the same inputs.

    Options: ``to`` (the language the mix must be in), ``subtitles`` (embed, sidecar, none; only
    embed concerns this stage), ``keep_original_track``. Raises Problems ``no-mix``,
    ``option-invalid``, ``source-missing``, ``source-changed``, ``disk-full``, and the muxer's.
    """
    item = check_source(ctx.item)
    mix = ctx.library.newest_artifact(item.id, "mix")
    if mix is None:
        raise _no_mix(ctx, "there is no mix yet")
    language = _language(ctx)
    source_track = ctx.library.newest_track(item.id, "source")
    tracks = _subtitle_tracks(ctx, language, source_track)
    keep = bool(ctx.options.get("keep_original_track"))
    key = ctx.key(
        NAME,
        VERSION,
        PACK,
        content=item.sha256,
        audio_stream=item.audio_stream if keep else None,
        mix=mix.key,
        language=language,
        subtitles=[track.digest for track in tracks],
        source_language=source_track.language if source_track is not None else "",
    )
    known = ctx.library.find_artifact(item.id, NAME, BACKEND, key)
    if known is not None:
        return StageResult(known, cached=True, info=known.info)
    with scratch_folder(ctx.home, NAME) as folder:
        _check_space(ctx, folder)
        ask = MuxAsk(
            source=str(item.source),
            audio_wav=str(mix.paths[0]),
            out_base=str(folder / "film"),
            language=language,
            source_language=source_track.language if source_track is not None else "",
            subtitles=tuple(_write(ctx, track, folder) for track in tracks),
            keep_original_track=keep,
            audio_stream=item.audio_stream,
        )
        done: MuxDone = ctx.call(PACK, ask)
        return _adopt(ctx, key, language, done)


def _adopt(ctx: StageContext, key: str, language: str, done: MuxDone) -> StageResult:
    made = Path(done.film)
    info: dict[str, Any] = {
        "language": language,
        "container": done.container,
        "video_codec": done.video_codec,
        "duration_s": done.duration_s,
        "metrics": dict(done.metrics),
        "notes": list(done.notes),
    }
    places = {made: ctx.files.film(made.suffix)}
    artifact: Artifact = ctx.library.adopt(ctx.item.id, NAME, BACKEND, key, places, info)
    return StageResult(artifact, info=info)


def _language(ctx: StageContext) -> str:
    """The language that the mix's lines are spoken in. Raises Problem ``no-mix`` if not ``to``."""
    path = ctx.files.manifest_json()
    manifest = json.loads(path.read_text("utf-8")) if path.exists() else {}
    spoken = str(manifest.get("language") or "")
    wanted = str(ctx.options.get("to") or "")
    if not wanted:
        return spoken or "und"
    if spoken and normalise(wanted) != normalise(spoken):
        raise _no_mix(ctx, f"the mix is in {name(normalise(spoken))}, not in {wanted}")
    return normalise(wanted)


def _no_mix(ctx: StageContext, why: str) -> Problem:
    args: dict[str, Any] = {"_": ["mix_dub_preview_v1", ctx.item.id]}
    if ctx.options.get("to"):
        args["option"] = f"to={ctx.options['to']}"
    return Problem(
        "no-mix",
        f'The film of "{ctx.item.title}" cannot be put together: {why}.',
        NextAction("mix first", "run", args),
    )


def _subtitle_tracks(ctx: StageContext, language: str, source: Track | None) -> list[Track]:
    """The tracks to embed: the spoken lines first, then the source unless it says the same.

    Raises Problem ``option-invalid``.
    """
    wanted = str(ctx.options.get("subtitles") or SUBTITLES[0])
    if wanted not in SUBTITLES:
        raise Problem(
            "option-invalid",
            f'subtitles takes {", ".join(SUBTITLES)}, not "{wanted}".',
            NextAction(
                "embed them",
                "run",
                {"_": ["mux_dub_preview_v1", ctx.item.id], "option": "subtitles=embed"},
            ),
        )
    if wanted != "embed":
        return []
    lines = ctx.library.newest_track(ctx.item.id, "translation", language)
    if lines is not None and source is not None and source.language == lines.language:
        return [lines]
    return [track for track in (lines, source) if track is not None]


def _write(ctx: StageContext, track: Track, folder: Path) -> SubtitleFile:
    path = folder / f"{track.id}.srt"
    try:
        path.write_text(write_srt(ctx.library.segments(track.id)), "utf-8", newline="\n")
    except OSError as error:
        raise disk_problem(error, folder) from error
    return SubtitleFile(str(path), track.language, name(track.language))


def _check_space(ctx: StageContext, folder: Path) -> None:
    """Raises Problem ``disk-full`` before the film is copied for nothing."""
    needed = ctx.item.size_bytes + int(ctx.item.duration_s * _DUB_BYTES_PER_S) + 1_000_000
    if shutil.disk_usage(folder).free < needed:
        raise full_problem(folder)
