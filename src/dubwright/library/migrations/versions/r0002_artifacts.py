"""Artifacts, with the size and time of each file as they were adopted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the tables of what stages made."""
    op.create_table(
        "artifact",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(
            "item_id", sa.String, sa.ForeignKey("item.id", ondelete="CASCADE"), nullable=False
        ),
        sa.Column("stage", sa.String, nullable=False),
        sa.Column("backend", sa.String, nullable=False),
        sa.Column("key", sa.String, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("info", sa.Text, nullable=False),
        sa.Column("created_at", sa.Float, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("artifact_by_stage", "artifact", ["item_id", "stage", "backend"])
    op.create_table(
        "artifact_file",
        sa.Column(
            "artifact_id",
            sa.Integer,
            sa.ForeignKey("artifact.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("position", sa.Integer, primary_key=True),
        sa.Column("path", sa.Text, nullable=False),
        sa.Column("size_bytes", sa.Integer, nullable=False),
        sa.Column("mtime_ns", sa.Integer, nullable=False),
    )
    op.create_index("artifact_file_by_path", "artifact_file", ["path"])
