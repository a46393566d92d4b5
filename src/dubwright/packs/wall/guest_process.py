"""One running guest: its pipes as messages, its log, its end."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from dubwright.home import Home
from dubwright.packs.wall import process
from dubwright.packs.wall.guest_log import GuestLog
from dubwright.packs.wall.spec import GuestSpec
from dubwright_kit.serve import MODELS_VARIABLE

Message = Mapping[str, Any]

END_OF_GUEST: Message = {"kind": "eof"}
"""Comes after the last message of a guest that ended or closed its line."""

_LAST_WORDS_S = 0.5  # a dead guest's messages may still be in the pipe
_PROGRAM_FOLDER = Path(__file__).resolve().parents[3]


class GuestProcess:
    """A guest from its start to its end. Used by one caller at a time; :meth:`kill` by anybody."""

    def __init__(self, spec: GuestSpec, folder: Path, home: Home) -> None:
        """Start ``spec.python`` on the guest ``folder``. Raises OSError when it cannot be started."""
        arguments: list[str | Path] = [spec.python, "-I", "-X", "utf8", folder, spec.folder.name]
        if spec.env == "host":
            # Found by the interpreter itself when installed, but not when run from a source folder.
            arguments += ["--path", _PROGRAM_FOLDER]
        home.cache.mkdir(parents=True, exist_ok=True)
        started = process.start(arguments, cwd=home.cache, environment=_environment(spec))
        popen = started.popen
        self.spec = spec
        self.netns = False
        self.greeted = False
        self._started = started
        self._popen = popen
        self._kill_lock = threading.Lock()
        self._killed = False
        self._exit_seen_at: float | None = None
        self._number = 0
        self._outbox: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._inbox: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self.log = GuestLog(started.errors)
        for target, stream in (
            (self._send_all, started.requests),
            (self._receive_all, started.replies),
        ):
            threading.Thread(target=target, args=(stream,), name="guest pipe", daemon=True).start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    def send(self, op: str, **fields: Any) -> int:
        """Queue a request and return its number; never blocks, whatever the guest does."""
        self._number += 1
        self._post({"op": op, "id": self._number, **fields})
        return self._number

    def cancel(self) -> None:
        """Ask the guest to stop its current request."""
        self._post({"op": "cancel", "id": self._number})

    def receive(self, timeout_s: float) -> Message | None:
        """Return the next message, :data:`END_OF_GUEST` after the last, None when none came in time."""
        try:
            return self._inbox.get(timeout=timeout_s)
        except queue.Empty:
            pass
        if self._popen.poll() is None:
            return None
        # The pipe of a dead guest stays open when a process that it forked still holds it.
        if self._exit_seen_at is None:
            self._exit_seen_at = time.monotonic()
        late = time.monotonic() - self._exit_seen_at > _LAST_WORDS_S
        return END_OF_GUEST if late else None

    def alive(self) -> bool:
        return not self._killed and self._popen.poll() is None

    def exit_code(self) -> int | None:
        """Return how the guest ended by itself (waits up to 1 s); None when it did not."""
        if self._killed:
            return None
        try:
            return self._popen.wait(1.0)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """End the guest and all that it started; returns when they are gone. Safe to call again."""
        with self._kill_lock:
            if self._killed:
                return
            self._killed = True
            process.kill_tree(self._popen)
            self._started.close_lifeline()
            self._outbox.put(None)

    def _post(self, message: Mapping[str, Any]) -> None:
        text = json.dumps(message, separators=(",", ":"))
        self._outbox.put(text.encode("ascii") + b"\n")

    def _send_all(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError):  # the guest ended; its exit tells why
            while (line := self._outbox.get()) is not None:
                stream.write(line)
                stream.flush()
        with contextlib.suppress(OSError):
            stream.close()

    def _receive_all(self, stream: IO[bytes]) -> None:
        with contextlib.suppress(OSError):
            for line in stream:
                self._inbox.put(_parse(line))
        self._inbox.put(END_OF_GUEST)
        stream.close()


def _parse(line: bytes) -> Message:
    try:
        message = json.loads(line)
    except ValueError:
        message = None
    if isinstance(message, dict) and isinstance(message.get("kind"), str):
        return message
    return {"kind": "unreadable", "line": line[:500].decode("utf-8", "backslashreplace").rstrip()}


def _environment(spec: GuestSpec) -> dict[str, str]:
    environment = dict(os.environ)
    environment[MODELS_VARIABLE] = str(spec.models)
    if spec.env == "host":
        # The engines' matrix products are small: a second BLAS thread gains nothing and, where
        # other programs want the cores too, waits for itself (measured: three to ten times slower).
        environment.setdefault("OPENBLAS_NUM_THREADS", "1")
    if sys.platform == "darwin":
        environment.pop("__PYVENV_LAUNCHER__", None)  # would turn the guest into our interpreter
    return environment
