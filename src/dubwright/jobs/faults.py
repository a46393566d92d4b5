"""Tells a worker that crashed by itself from one that was killed."""

from __future__ import annotations

import faulthandler
from pathlib import Path
from typing import TextIO


class FaultTrace:
    """Python's fault handler, writing to a file while a worker runs.

    A worker that dies of a segmentation fault, an abort or the like leaves its stack there; one
    that was killed from outside leaves nothing.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None

    def start(self) -> bool:
        """Watch from now on; True when the last worker left a trace of its own crash."""
        crashed = self._path.exists() and self._path.stat().st_size > 0
        if crashed:
            self._path.replace(self._path.with_suffix(".last.log"))
        if not faulthandler.is_enabled():  # who enabled it first keeps it
            self._file = self._path.open("w", encoding="utf-8")
            faulthandler.enable(self._file)
        return crashed

    def stop(self) -> None:
        """Stop watching and remove the empty file."""
        if self._file is not None:
            faulthandler.disable()
            self._file.close()
            self._file = None
            self._path.unlink(missing_ok=True)
