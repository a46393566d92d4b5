"""The tables, as the newest migration leaves them (a test compares the two).

Imported for writing only: SQLAlchemy costs more than half a second of start-up, which listing
must not pay, so reads are plain SQL in :mod:`dubwright.library.rows`.
"""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData()

item = Table(
    "item",
    metadata,
    Column("id", String, primary_key=True),
    Column("title", String, nullable=False),
    Column("source", Text, nullable=False),
    Column("sha256", String, nullable=False, unique=True),
    Column("size_bytes", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Column("duration_s", Float, nullable=False),
    Column("container", String, nullable=False),
    Column("audio_stream", Integer, nullable=False),
    Column("probe", Text, nullable=False),
    Column("created_at", Float, nullable=False),
)

track = Table(
    "track",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("item_id", String, ForeignKey("item.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String, nullable=False),
    Column("language", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("origin", String, nullable=False),
    Column("draft", Boolean, nullable=False),
    Column("approximate", Boolean, nullable=False),
    Column("parent_id", Integer, ForeignKey("track.id", ondelete="SET NULL")),
    Column("created_at", Float, nullable=False),
    Column("digest", String, nullable=False),
    Column("note", Text, nullable=False),
    UniqueConstraint("item_id", "kind", "language", "version"),
    sqlite_autoincrement=True,
)

segment = Table(
    "segment",
    metadata,
    Column("track_id", Integer, ForeignKey("track.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("start_s", Float, nullable=False),
    Column("end_s", Float, nullable=False),
    Column("text", Text, nullable=False),
    Column("speaker", String),
    Column("words", Text, nullable=False),
)

voice = Table(
    "voice",
    metadata,
    Column("item_id", String, ForeignKey("item.id", ondelete="CASCADE"), primary_key=True),
    Column("speaker", String, primary_key=True),
    Column("voice", Text, nullable=False),
)

artifact = Table(
    "artifact",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("item_id", String, ForeignKey("item.id", ondelete="CASCADE"), nullable=False),
    Column("stage", String, nullable=False),
    Column("backend", String, nullable=False),
    Column("key", String, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("info", Text, nullable=False),
    Column("created_at", Float, nullable=False),
    Index("artifact_by_stage", "item_id", "stage", "backend"),
    sqlite_autoincrement=True,
)

artifact_file = Table(
    "artifact_file",
    metadata,
    Column("artifact_id", Integer, ForeignKey("artifact.id", ondelete="CASCADE"), primary_key=True),
    Column("position", Integer, primary_key=True),
    Column("path", Text, nullable=False),
    Column("size_bytes", Integer, nullable=False),
    Column("mtime_ns", Integer, nullable=False),
    Index("artifact_file_by_path", "path"),
)
