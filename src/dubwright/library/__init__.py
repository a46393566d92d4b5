"""Items, tracks, segments, voices and the artifacts that stages made.

Import-light: listing what is there needs no more than ``sqlite3``.
"""

from __future__ import annotations

from .store import Library

__all__ = ["Library"]
