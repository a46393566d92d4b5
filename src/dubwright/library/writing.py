"""The statements that change the tables. Imported by the first write, never for listing."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, delete, func, insert, or_, select, update
from sqlalchemy.dialects import sqlite

from . import schema
from .model import Artifact, Segment, TrackKind
from .rows import StoredFile, json_text, stored_path, track_digest, words_text


@dataclass(frozen=True)
class NewTrack:
    """A track that has no number yet."""

    item_id: str
    kind: TrackKind
    language: str
    origin: str
    draft: bool
    approximate: bool
    parent_id: int | None
    note: str


@dataclass(frozen=True)
class NewArtifact:
    """An artifact that has no number yet."""

    item_id: str
    stage: str
    backend: str
    key: str
    info: Mapping[str, Any]


def put_item(connection: Connection, values: Mapping[str, Any]) -> bool:
    """Insert the item, or let the known one follow its file; returns whether it is new."""
    table = schema.item
    known = connection.execute(select(table).where(table.c.id == values["id"])).first()
    source = Path(values["source"])
    if known is None:
        title = values["title"] or source.stem
        connection.execute(insert(table).values({**values, "title": title}))
        return True
    changes: dict[str, Any] = {}
    if not StoredFile(Path(known.source), known.size_bytes, known.mtime_ns).is_there():
        changes.update(source=values["source"], mtime_ns=values["mtime_ns"])
    if values["title"] and values["title"] not in (known.title, source.stem):
        changes["title"] = values["title"]
    if changes:
        change_item(connection, known.id, **changes)
    return False


def change_item(connection: Connection, item_id: str, **changes: Any) -> None:
    """Set columns of one item."""
    connection.execute(update(schema.item).where(schema.item.c.id == item_id).values(changes))


def delete_item(connection: Connection, item_id: str) -> None:
    """Delete the item with its tracks, voices and artifact rows."""
    connection.execute(delete(schema.item).where(schema.item.c.id == item_id))


def put_track(connection: Connection, new: NewTrack, lines: Sequence[Segment]) -> int:
    """Insert the next version and its lines, numbered from 0; returns the track's number."""
    track = schema.track
    newest = connection.execute(
        select(func.max(track.c.version)).where(
            track.c.item_id == new.item_id,
            track.c.kind == new.kind,
            track.c.language == new.language,
        )
    ).scalar()
    values = {
        **vars(new),
        "version": (newest or 0) + 1,
        "created_at": time.time(),
        "digest": track_digest(new.language, lines),
    }
    track_id: int = connection.execute(
        insert(track).values(values).returning(track.c.id)
    ).scalar_one()
    if lines:
        rows = [
            {
                "track_id": track_id,
                "position": position,
                "start_s": line.start_s,
                "end_s": line.end_s,
                "text": line.text,
                "speaker": line.speaker,
                "words": words_text(line.words),
            }
            for position, line in enumerate(lines)
        ]
        connection.execute(insert(schema.segment), rows)
    return track_id


def put_voice(connection: Connection, item_id: str, speaker: str, voice: str) -> None:
    """Set a speaker's voice."""
    table = schema.voice
    connection.execute(
        sqlite.insert(table)
        .values(item_id=item_id, speaker=speaker, voice=voice)
        .on_conflict_do_update(
            index_elements=[table.c.item_id, table.c.speaker], set_={"voice": voice}
        )
    )


def forget_overwritten(connection: Connection, finals: Sequence[Path], root: Path) -> None:
    """Delete the artifacts that own a file at, or in a folder at, one of ``finals``."""
    column = schema.artifact_file.c.path
    for final in finals:
        path = stored_path(final, root)
        owners = select(schema.artifact_file.c.artifact_id).where(
            or_(column == path, column.startswith(path + "/", autoescape=True))
        )
        connection.execute(delete(schema.artifact).where(schema.artifact.c.id.in_(owners)))


def put_artifact(
    connection: Connection, new: NewArtifact, files: Sequence[StoredFile], root: Path
) -> Artifact:
    """Insert the artifact and its files."""
    table = schema.artifact
    size_bytes = sum(file.size_bytes for file in files)
    created_at = time.time()
    values = {**vars(new), "info": json_text(new.info)}
    artifact_id: int = connection.execute(
        insert(table)
        .values(values | {"size_bytes": size_bytes, "created_at": created_at})
        .returning(table.c.id)
    ).scalar_one()
    rows = [
        {
            "artifact_id": artifact_id,
            "position": position,
            "path": stored_path(file.path, root),
            "size_bytes": file.size_bytes,
            "mtime_ns": file.mtime_ns,
        }
        for position, file in enumerate(files)
    ]
    connection.execute(insert(schema.artifact_file), rows)
    return Artifact(
        id=artifact_id,
        **vars(new) | {"info": json.loads(values["info"])},
        paths=tuple(file.path for file in files),
        size_bytes=size_bytes,
        created_at=created_at,
    )
