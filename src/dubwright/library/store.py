"""The library: what the user added, what is known about it, and what was made from it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubwright.home import Home
from dubwright_kit import NextAction, Problem, Report, silent

from .adoption import Adoption, remove_folder
from .database import Database
from .model import Artifact, Item, Segment, Track, TrackKind, VoiceChoice
from .rows import (
    artifact_record,
    item_record,
    json_text,
    segment_record,
    stored_file,
    track_record,
    voice_record,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable

ID_DIGITS = 16


class Library:
    """Items, tracks, voices and artifacts of one data folder. Thread safe; a context manager.

    Several processes may have the same folder open; writes wait for each other up to 30 s.
    """

    def __init__(self, home: Home) -> None:
        """Open. Raises Problems ``library-newer``, ``library-damaged``, ``library-unwritable``."""
        self.home = home
        self._database = Database(home)

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._database.close()

    # --- items -----------------------------------------------------------------------------------

    def add_item(
        self,
        source: Path,
        *,
        title: str | None,
        sha256: str,
        size_bytes: int,
        mtime_ns: int,
        duration_s: float,
        container: str,
        audio_stream: int,
        probe: Mapping[str, Any],
    ) -> tuple[Item, bool]:
        """Return the item with this content, and whether it is new.

        Known content keeps its item. The item then follows the file: it takes the new path when
        the old one is gone or holds something else by now.
        """
        from .writing import put_item

        item_id = sha256[:ID_DIGITS]
        values = {
            "id": item_id,
            "title": title,
            "source": str(source),
            "sha256": sha256,
            "size_bytes": size_bytes,
            "mtime_ns": mtime_ns,
            "duration_s": duration_s,
            "container": container,
            "audio_stream": audio_stream,
            "probe": json_text(probe),
            "created_at": time.time(),
        }
        with self._database.write() as connection:
            created = put_item(connection, values)
        return self.item(item_id), created

    def item(self, item_id: str) -> Item:
        """Return the item by its id or the unique beginning of one. Raises ``item-not-found``."""
        rows = self._database.read("SELECT * FROM item WHERE id = ?", (item_id,))
        if not rows and item_id:
            pattern = item_id.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            rows = self._database.read(
                "SELECT * FROM item WHERE id LIKE ? ESCAPE '\\' ORDER BY id LIMIT 9", (pattern,)
            )
        if len(rows) == 1:
            return item_record(rows[0])
        if rows:
            names = ", ".join(f"{row['id']} ({row['title']})" for row in rows)
            message = f'"{item_id}" is the beginning of several items: {names}.'
        else:
            message = f'There is no item "{item_id}" in the library.'
        raise Problem("item-not-found", message, NextAction("see which there are", "items", {}))

    def items(self) -> list[Item]:
        """Return every item, newest first."""
        rows = self._database.read("SELECT * FROM item ORDER BY created_at DESC, id")
        return [item_record(row) for row in rows]

    def remove_item(self, item_id: str) -> int:
        """Forget the item and delete its derived files; returns the bytes freed.

        The source is never touched. Raises ``item-not-found``, ``file-in-use``.
        """
        from .writing import delete_item

        item = self.item(item_id)
        with self._database.write() as connection:
            delete_item(connection, item.id)
            return remove_folder(self.home.item(item.id), self.home.scratch)

    def relocate(self, item_id: str, source: Path, report: Report = silent) -> Item:
        """Tell the library where the item's file is now.

        Raises ``source-changed`` when that file has other content, ``file-missing`` and so on.
        """
        from .content import fingerprint
        from .writing import change_item

        item = self.item(item_id)
        content = fingerprint(source, report)
        if content.sha256 != item.sha256:
            raise Problem(
                "source-changed",
                f"{source} is not the file that {item.title} was made from (other content).",
                NextAction("add it as a film of its own", "add", {"_": [str(source)]}),
            )
        with self._database.write() as connection:
            change_item(connection, item.id, source=str(source), mtime_ns=content.mtime_ns)
        return self.item(item.id)

    def choose_audio(self, item_id: str, audio_stream: int) -> Item:
        """Choose which audio stream is dubbed (0 = first)."""
        from .writing import change_item

        item = self.item(item_id)
        with self._database.write() as connection:
            change_item(connection, item.id, audio_stream=audio_stream)
        return replace(item, audio_stream=audio_stream)

    # --- tracks ----------------------------------------------------------------------------------

    def add_track(
        self,
        item_id: str,
        kind: TrackKind,
        language: str,
        segments: Sequence[Segment],
        *,
        origin: str,
        draft: bool = False,
        approximate: bool = False,
        parent_id: int | None = None,
        note: str = "",
    ) -> Track:
        """Store a new version of the item's transcript or translation.

        Lines keep their order and are numbered from 0. Raises ``item-not-found``; a line that ends
        before it starts is a ``ValueError``.
        """
        from .writing import NewTrack, put_track

        for line in segments:
            if not 0 <= line.start_s <= line.end_s < float("inf"):
                raise ValueError(f"line {line.index} runs from {line.start_s} to {line.end_s}")
        item = self.item(item_id)
        new = NewTrack(item.id, kind, language, origin, draft, approximate, parent_id, note)
        with self._database.write() as connection:
            track_id = put_track(connection, new, segments)
        return self.track(track_id)

    def track(self, track_id: int) -> Track:
        """Return one track. Raises Problem ``track-not-found``."""
        rows = self._database.read("SELECT * FROM track WHERE id = ?", (track_id,))
        if not rows:
            raise Problem(
                "track-not-found",
                f"There is no track {track_id}.",
                NextAction("see the items; `tracks ITEM` lists an item's tracks", "items", {}),
            )
        return track_record(rows[0])

    def tracks(self, item_id: str) -> list[Track]:
        """Return the item's tracks, oldest first. Raises ``item-not-found``."""
        item = self.item(item_id)
        rows = self._database.read("SELECT * FROM track WHERE item_id = ? ORDER BY id", (item.id,))
        return [track_record(row) for row in rows]

    def segments(self, track_id: int) -> tuple[Segment, ...]:
        """Return the track's lines in order."""
        rows = self._database.read(
            "SELECT * FROM segment WHERE track_id = ? ORDER BY position", (track_id,)
        )
        return tuple(segment_record(row) for row in rows)

    def newest_track(
        self, item_id: str, kind: TrackKind, language: str | None = None
    ) -> Track | None:
        """Return the track of this kind (and language) that was stored last."""
        rows = self._database.read(
            "SELECT * FROM track WHERE item_id = ? AND kind = ? AND (? IS NULL OR language = ?) "
            "ORDER BY id DESC LIMIT 1",
            (item_id, kind, language, language),
        )
        return track_record(rows[0]) if rows else None

    # --- voices ----------------------------------------------------------------------------------

    def voices(self, item_id: str) -> tuple[VoiceChoice, ...]:
        """Return what the user chose, by speaker."""
        rows = self._database.read(
            "SELECT * FROM voice WHERE item_id = ? ORDER BY speaker", (item_id,)
        )
        return tuple(voice_record(row) for row in rows)

    def set_voice(self, item_id: str, speaker: str, voice: str) -> None:
        """Choose a speaker's voice. Raises ``item-not-found``."""
        from .writing import put_voice

        item = self.item(item_id)
        with self._database.write() as connection:
            put_voice(connection, item.id, speaker, voice)

    # --- artifacts -------------------------------------------------------------------------------

    def find_artifact(self, item_id: str, stage: str, backend: str, key: str) -> Artifact | None:
        """Return what was made with this key, only while every file is there unchanged."""
        return self._first_there(
            "SELECT * FROM artifact WHERE item_id = ? AND stage = ? AND backend = ? AND key = ? "
            "ORDER BY id DESC",
            (item_id, stage, backend, key),
        )

    def newest_artifact(
        self, item_id: str, stage: str, backend: str | None = None
    ) -> Artifact | None:
        """Return the stage's last artifact whose files are there unchanged."""
        return self._first_there(
            "SELECT * FROM artifact WHERE item_id = ? AND stage = ? "
            "AND (? IS NULL OR backend = ?) ORDER BY id DESC",
            (item_id, stage, backend, backend),
        )

    def artifacts(self, item_id: str) -> list[Artifact]:
        """Return everything made for the item that is there unchanged, oldest first."""
        rows = self._database.read(
            "SELECT * FROM artifact WHERE item_id = ? ORDER BY id", (item_id,)
        )
        found = (self._if_there(row) for row in rows)
        return [artifact for artifact in found if artifact is not None]

    def _first_there(self, sql: str, values: Sequence[Any]) -> Artifact | None:
        for row in self._database.read(sql, values):
            artifact = self._if_there(row)
            if artifact is not None:
                return artifact
        return None

    def _if_there(self, row: sqlite3.Row) -> Artifact | None:
        rows = self._database.read(
            "SELECT * FROM artifact_file WHERE artifact_id = ? ORDER BY position", (row["id"],)
        )
        files = [stored_file(file, self.home.root) for file in rows]
        if not files or not all(file.is_there() for file in files):
            return None
        return artifact_record(row, files)

    def adopt(
        self,
        item_id: str,
        stage: str,
        backend: str,
        key: str,
        files: Mapping[Path, Path],
        info: Mapping[str, Any],
        *,
        on_step: Callable[[str], None] | None = None,
    ) -> Artifact:
        """Move finished scratch files (or whole folders) to their public places and record them.

        ``files`` maps scratch path to final path; a folder replaces the folder at its place.
        Everything is synced to disk first; then, in one transaction under the write lock, rows whose
        files are overwritten go, the files are renamed and the new row is written. Killed at any
        moment, the library lists the old artifact, the new one or (between two renames) none, never
        one whose files are not all its own. An error puts the old files back.

        ``on_step`` is told "synced", "renamed" (after each rename), "recorded" and "committed", for
        tests that stop there. Raises ``item-not-found``, ``disk-full``, ``file-in-use``, ``not-writable``.
        """
        from .writing import NewArtifact, forget_overwritten, put_artifact

        item = self.item(item_id)
        step = on_step or _no_step
        root = self.home.root
        adoption = Adoption(files, self.home.item(item.id))
        adoption.sync()
        step("synced")
        row_files = adoption.final_files()
        new = NewArtifact(item.id, stage, backend, key, info)
        with adoption, self._database.write() as connection:
            forget_overwritten(connection, adoption.final_paths(), root)
            adoption.rename(lambda: step("renamed"))
            artifact = put_artifact(connection, new, row_files, root)
            step("recorded")
        step("committed")
        adoption.discard_old()
        return artifact


def _no_step(name: str) -> None:
    """Nobody watches."""
