"""The verbs: one service layer that the command line, REST and pages call."""

from __future__ import annotations

from dubwright.studio.studio import Studio

__all__ = ["Studio"]
