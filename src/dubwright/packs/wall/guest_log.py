"""A guest's stderr (its stdout too) on its way into the log of whoever is calling."""

from __future__ import annotations

import os
import re
import threading
import time
from collections import deque
from pathlib import Path
from typing import IO

from dubwright_kit.serve import END_OF_LOG

_TAIL_LINES = 200
_TAIL_LINE_BYTES = 1000
_LONGEST_LINE = 1 << 16
_END = re.compile(re.escape(END_OF_LOG).replace(r"\{\}", r"(\d+)").encode("ascii") + rb"\r?\n$")


class GuestLog:
    """Reads a guest's stderr on a thread and writes it to the log of the current call.

    The guest marks the end of a request in the stream itself, so that a warm guest's late lines
    never land in another job's log. What comes between two calls is dropped.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._changed = threading.Condition()
        self._file: IO[bytes] | None = None
        self._tail: deque[bytes] = deque(maxlen=_TAIL_LINES)
        self._ended = ""
        self._closed = False
        threading.Thread(target=self._pump, name="guest log", daemon=True).start()

    def attach(self, path: Path | None, *, keep: bool = False) -> None:
        """From now on lines go to the end of ``path`` (None: nowhere); the tail starts anew.

        With ``keep`` what came so far belongs to this call: a guest that has just been started may
        have said why it ends before anybody listens.
        """
        file: IO[bytes] | None = None
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("ab", buffering=0)
        with self._changed:
            self._close_file()
            self._file = file
            if not keep:
                self._tail.clear()
            elif self._tail:
                self._to_file(b"\n".join(self._tail) + b"\n")

    def detach(self) -> None:
        """Close the file: lines that still come are dropped."""
        with self._changed:
            self._close_file()

    def write(self, text: str) -> None:
        """Add our own words, such as a traceback, to the log (not to the tail)."""
        with self._changed:
            self._to_file(text.rstrip("\n").encode("utf-8", "backslashreplace") + b"\n")

    def wait(self, request: int | None, timeout_s: float) -> None:
        """Wait until all lines of ``request`` came, or (None) until the stream's end."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while not self._closed and (request is None or self._ended != str(request)):
                if not self._changed.wait(max(0.0, deadline - time.monotonic())):
                    return

    def tail(self) -> str:
        """Return the last lines of the current call."""
        with self._changed:
            return b"\n".join(self._tail).decode("utf-8", "replace").rstrip()

    def _pump(self) -> None:
        pending = b""
        descriptor = self._stream.fileno()
        while True:
            try:
                chunk = os.read(descriptor, _LONGEST_LINE)
            except OSError:
                chunk = b""
            if not chunk:
                break
            lines = (pending + chunk).splitlines(keepends=True)
            complete = lines[-1].endswith(b"\n") or len(lines[-1]) >= _LONGEST_LINE
            pending = b"" if complete else lines.pop()
            self._take(lines)
        with self._changed:
            if pending:
                self._keep([pending + b"\n"])
            self._closed = True
            self._changed.notify_all()
        self._stream.close()

    def _take(self, lines: list[bytes]) -> None:
        with self._changed:
            ended = False
            kept: list[bytes] = []
            for line in lines:
                end = _END.search(line)
                if end is None:
                    kept.append(line)
                    continue
                if end.start() > 0:
                    kept.append(line[: end.start()] + b"\n")
                self._ended, ended = end.group(1).decode("ascii"), True
            self._keep(kept)
            if ended:
                self._changed.notify_all()

    def _keep(self, lines: list[bytes]) -> None:
        self._tail.extend(line.rstrip(b"\r\n")[:_TAIL_LINE_BYTES] for line in lines[-_TAIL_LINES:])
        self._to_file(b"".join(lines))

    def _to_file(self, data: bytes) -> None:
        if self._file is not None and data:
            try:
                self._file.write(data)
            except OSError:
                self._close_file()  # disk full: the job itself will say so, its log cannot

    def _close_file(self) -> None:
        if self._file is not None:
            file, self._file = self._file, None
            file.close()
