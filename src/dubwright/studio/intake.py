"""From paths that a person typed to items of the library."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dubwright.library import Library
from dubwright.studio.views import Added, AddResult
from dubwright_kit import NextAction, Problem, Report, silent

MEDIA_SUFFIXES = frozenset(
    [
        ".3gp",
        ".aac",
        ".ac3",
        ".aif",
        ".aiff",
        ".avi",
        ".flac",
        ".flv",
        ".m2ts",
        ".m4a",
        ".m4v",
        ".mka",
        ".mkv",
        ".mov",
        ".mp3",
        ".mp4",
        ".mpeg",
        ".mpg",
        ".mts",
        ".mxf",
        ".oga",
        ".ogg",
        ".ogv",
        ".opus",
        ".ts",
        ".vob",
        ".wav",
        ".webm",
        ".wma",
        ".wmv",
    ]
)
"""What a folder is searched for. A file named on its own is probed whatever its name."""


def expand(paths: Iterable[Path | str]) -> tuple[Path, ...]:
    """Return the files that ``paths`` name: files as they are, folders searched, globs resolved.

    Raises Problem ``nothing-to-add`` when a folder or glob holds no media file.
    """
    found: dict[Path, None] = {}
    for given in paths:
        path = Path(given).expanduser()
        if path.is_dir():
            inside = sorted(
                child
                for child in path.rglob("*")
                if child.suffix.lower() in MEDIA_SUFFIXES and child.is_file()
            )
            if not inside:
                raise _nothing(path, "holds no video or audio file")
            found.update(dict.fromkeys(inside))
        elif not path.exists() and any(mark in path.name for mark in "*?["):
            matches = sorted(child for child in path.parent.glob(path.name) if child.is_file())
            if not matches:
                raise _nothing(path, "matches no file")
            found.update(dict.fromkeys(matches))
        else:
            found[path] = None
    return tuple(Path(os.path.abspath(path)) for path in found)  # noqa: PTH100  # resolve() would follow links, and the user's own path is what they know


def _nothing(path: Path, why: str) -> Problem:
    return Problem(
        "nothing-to-add",
        f"{path} {why}.",
        NextAction("name a video or audio file", "add", {"_": ["FILE"]}),
    )


def add_one(
    library: Library,
    path: Path,
    title: str | None = None,
    audio_stream: int | None = None,
    report: Report = silent,
) -> Added:
    """Probe, hash and store one file. Raises the Problems of ``media.probe``."""
    from dubwright.library.content import hash_file
    from dubwright.media.probe import probe

    info = probe(path)
    stream = pick_stream([s.default for s in info.audio], audio_stream, path)
    content = hash_file(path, report)
    stat = path.stat()
    item, created = library.add_item(
        path,
        title=title or path.stem,
        sha256=content,
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        duration_s=info.duration_s,
        container=info.container,
        audio_stream=stream,
        probe=_jsonable(dataclasses.asdict(info)),
    )
    if not created and audio_stream is not None and item.audio_stream != stream:
        item = library.choose_audio(item.id, stream)
    return Added(item, created)


def pick_stream(defaults: list[bool], wanted: int | None, path: Path) -> int:
    """Return the audio stream: ``wanted``, else the first default one, else 0."""
    if wanted is None:
        return next((index for index, default in enumerate(defaults) if default), 0)
    if not 0 <= wanted < len(defaults):
        raise Problem(
            "no-such-audio-stream",
            f"{path.name} has {len(defaults)} audio stream(s); there is no number {wanted} "
            "(they count from 0).",
            NextAction("take the first one", "add", {"_": [str(path)], "audio-stream": 0}),
        )
    return wanted


def add_many(
    library: Library,
    paths: Iterable[Path | str],
    title: str | None = None,
    audio_stream: int | None = None,
    report: Report = silent,
) -> AddResult:
    """Add every file; one that fails is reported beside the others."""
    added: list[Added] = []
    failed: list[tuple[Path, Problem]] = []
    for path in expand(paths):
        try:
            added.append(add_one(library, path, title, audio_stream, report))
        except Problem as problem:
            failed.append((path, problem))
    return AddResult(tuple(added), tuple(failed))


def _jsonable(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _jsonable(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(item) for item in value]
    return str(value) if isinstance(value, Path) else value
