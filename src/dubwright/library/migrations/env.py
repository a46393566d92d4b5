"""Alembic's entry: online only, inside the transaction that the caller opened."""

from __future__ import annotations

from alembic import context

from dubwright.library.revision import VERSION_TABLE

context.configure(
    connection=context.config.attributes["connection"],
    version_table=VERSION_TABLE,
    # SQLite rolls back table changes; Alembic assumes that it does not.
    transactional_ddl=True,
)
context.run_migrations()
