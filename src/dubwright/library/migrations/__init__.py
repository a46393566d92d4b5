"""The steps from an empty file to the newest tables, run by Alembic."""
