"""The guest's private line to its host: JSON lines, out of reach of whatever prints to stdout."""

from __future__ import annotations

import collections
import json
import os
import sys
import threading
from typing import Any, BinaryIO, Deque, Dict, Iterator, Optional

from . import lifeline

_MOST_BLOCKED = 200  # attempts told per process; a library that retries for ever must not flood


class Channel:
    """Sends replies and reads requests over duplicates of the standard streams. Thread safe."""

    def __init__(self, requests: int, replies: int) -> None:
        self._requests: BinaryIO = os.fdopen(requests, "rb")
        self._replies = replies
        self._lock = threading.Lock()
        self._sender: Optional[int] = None
        self._blocked: Deque[Dict[str, Any]] = collections.deque()
        self._n_blocked = 0
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._after_fork)

    def _after_fork(self) -> None:
        """A forked child of the backend (multiprocessing) must not wait for a lock held elsewhere."""
        self._lock = threading.Lock()
        self._sender = None

    @classmethod
    def take(cls) -> Channel:
        """Duplicate fd 0 and fd 1, then point fd 1 at stderr and fd 0 at nothing.

        After this, ``print``, ``os.write(1, ...)`` and C's ``printf`` all end in the log.
        """
        requests, replies = os.dup(0), os.dup(1)
        if sys.platform == "win32":
            import msvcrt

            msvcrt.setmode(requests, os.O_BINARY)
            msvcrt.setmode(replies, os.O_BINARY)
        os.dup2(2, 1)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.close(nothing)
        for stream in (sys.stdout, sys.stderr):
            reconfigure = getattr(stream, "reconfigure", None)
            if reconfigure is not None:
                reconfigure(line_buffering=True, errors="backslashreplace")
        return cls(requests, replies)

    def requests(self) -> Iterator[Dict[str, Any]]:
        """Yield requests until the host closes its end."""
        for line in self._requests:
            request: Dict[str, Any] = json.loads(line)
            yield request

    def send(self, **message: Any) -> None:
        """Send one message. Raises TypeError or ValueError when it is no JSON."""
        line = json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n"
        with self._lock:
            self._sender = threading.get_ident()
            try:
                self._flush_blocked()
                self._write(line)
            finally:
                self._sender = None

    def blocked(self, attempt: Dict[str, Any]) -> None:
        """Tell of an attempt to use the network, at once if that is possible.

        It is called from inside an audit hook, thus possibly from a finalizer that runs while this
        very thread is sending; then the attempt waits for the next message.
        """
        self._n_blocked += 1
        if self._n_blocked > _MOST_BLOCKED:
            return
        self._blocked.append(dict(attempt, kind="blocked"))
        if self._sender != threading.get_ident():
            with self._lock:
                self._sender = threading.get_ident()
                try:
                    self._flush_blocked()
                finally:
                    self._sender = None

    def _flush_blocked(self) -> None:
        while self._blocked:
            message = self._blocked.popleft()
            self._write(json.dumps(message, separators=(",", ":")).encode("ascii") + b"\n")

    def _write(self, line: bytes) -> None:
        rest = memoryview(line)
        try:
            while rest:
                rest = rest[os.write(self._replies, rest) :]
        except OSError:
            lifeline.end()  # nobody is there to work for
