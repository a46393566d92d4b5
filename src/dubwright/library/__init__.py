"""Room of the tower; see docs/architecture.md."""
