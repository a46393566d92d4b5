"""A job while it runs: its log, its throttled progress, and whether it was asked to stop."""

from __future__ import annotations

import logging
import sqlite3
import threading
import time
from collections.abc import Mapping
from typing import Any, Literal

from dubwright.home import Home
from dubwright_kit import Cancelled

from .attempts import Attempts
from .model import Job

REPORT_INTERVAL_S = 0.25
"""Progress is written at most four times a second."""
BEAT_S = 0.8
"""After so long without a word the last progress is repeated: nothing looks stuck for a second."""

StopReason = Literal["cancel", "interrupt"]


class RunningJob:
    """The :class:`~dubwright.jobs.model.JobContext` of one run. Thread safe."""

    def __init__(self, home: Home, job: Job, attempts: Attempts) -> None:
        self.job = job
        self.folder = home.job(job.id)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.log_path = self.folder / "job.log"
        self.log = _open_log(job, str(self.log_path))
        self.stop_reason: StopReason | None = None
        self._attempts = attempts
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._stage: tuple[str, float, float] = ("", 0.0, 1.0)
        self._latest: tuple[float, float | None, str] = (0.0, None, "")
        self._detail: Mapping[str, Any] | None = None
        self._pending = False
        self._open = True
        self._written_s = -REPORT_INTERVAL_S

    def report(
        self,
        done: float,
        total: float | None = None,
        note: str = "",
        *,
        detail: Mapping[str, Any] | None = None,
        at_once: bool = False,
    ) -> None:
        """Progress of the current stage, in its own units. Raises ``Cancelled``."""
        self.check()
        with self._lock:
            self._latest = (done, total, note)
            self._detail = detail
            self._pending = True
            if at_once:
                self._write()
            else:
                self._write_if_due()

    def stage(self, name: str, start: float = 0.0, end: float = 1.0) -> None:
        """From now on reports are of stage ``name`` and fill ``start..end`` of the job's progress."""
        self.check()
        self.log.info("stage %s", name)
        with self._lock:
            self._stage = (name, start, end)
            self._latest = (0.0, None, "")
            self._detail = None
            self._pending = True
            self._write_if_due()

    def cancelled(self) -> bool:
        """True once the job was asked to stop, or has to because its worker stops."""
        return self._stop.is_set()

    def check(self) -> None:
        """Raise ``Cancelled`` if :meth:`cancelled`."""
        if self._stop.is_set():
            raise Cancelled(self.job.id)

    def stop(self, reason: StopReason) -> None:
        """Ask the run to end; ``interrupt``: the job goes on at the next start of a worker."""
        with self._lock:
            if self.stop_reason != "cancel":
                self.stop_reason = reason
        self._stop.set()

    def flush(self) -> None:
        """Write progress held back by the throttle, if it is due, and repeat it during a silence."""
        with self._lock:
            self._write_if_due()
            silent_s = time.monotonic() - self._written_s
            if self._open and silent_s >= BEAT_S:
                self._beat()

    def close(self) -> None:
        """Write the last progress and close the log."""
        with self._lock:
            self._open = False
            if self._pending:
                self._write()
        for handler in list(self.log.handlers):
            self.log.removeHandler(handler)
            handler.close()

    def _write_if_due(self) -> None:
        if self._pending and time.monotonic() - self._written_s >= REPORT_INTERVAL_S:
            self._write()

    def _write(self) -> None:
        self._pending = False
        self._written_s = time.monotonic()
        name, start, end = self._stage
        done, total, note = self._latest
        overall: tuple[float, float | None]
        if total:
            part = min(1.0, max(0.0, done / total))
            overall = (start + (end - start) * part, 1.0)
        elif (start, end) != (0.0, 1.0):
            overall = (start, 1.0)
        else:
            overall = (done, None)
        try:
            self._attempts.progress(self.job.id, name, (done, total), overall, note, self._detail)
        except sqlite3.OperationalError as error:  # progress that cannot be shown stops no work
            self.log.warning("progress could not be written: %s", error)

    def _beat(self) -> None:
        # Asked of the rows: a parent does not know when its children were heard last.
        self._written_s = time.monotonic()
        try:
            self._written_s -= self._attempts.beat(self.job.id, BEAT_S)
        except sqlite3.OperationalError as error:
            self.log.warning("progress could not be written: %s", error)


class LogFile(logging.FileHandler):
    """A log that a full disk makes shorter, not louder."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Lose the line: logging would print a traceback over the progress bars."""


def _open_log(job: Job, path: str) -> logging.Logger:
    # Not from logging.getLogger: that keeps every logger for ever, and a job's log is its own.
    log = logging.Logger(f"dubwright.job.{job.id}", logging.DEBUG)
    handler = LogFile(path, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    return log
