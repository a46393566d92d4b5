"""Warm guests that wait for their next call."""

from __future__ import annotations

import threading
import time
from collections.abc import Hashable

from dubwright.packs.wall.guest_process import GuestProcess


class GuestPool:
    """Keeps idle guests for ``idle_s`` seconds, then ends them. Thread safe."""

    def __init__(self, idle_s: float) -> None:
        self._idle_s = idle_s
        self._changed = threading.Condition()
        self._idle: list[tuple[float, Hashable, GuestProcess]] = []
        """(until, key, guest), the oldest first."""
        self._closed = False
        self._reaper: threading.Thread | None = None

    def take(self, key: Hashable) -> GuestProcess | None:
        """Return a living idle guest of ``key`` (the one used last), or None."""
        dead: list[GuestProcess] = []
        found: GuestProcess | None = None
        with self._changed:
            for entry in reversed(self._idle.copy()):
                if entry[1] != key:
                    continue
                self._idle.remove(entry)
                if entry[2].alive():
                    found = entry[2]
                    break
                dead.append(entry[2])  # the system ended it while it waited
        for guest in dead:
            guest.kill()
        return found

    def give(self, key: Hashable, guest: GuestProcess) -> None:
        """Keep ``guest`` for the next call; after :meth:`close` it is killed instead."""
        with self._changed:
            closed = self._closed
            if not closed:
                self._idle.append((time.monotonic() + self._idle_s, key, guest))
                if self._reaper is None:
                    self._reaper = threading.Thread(
                        target=self._reap, name="guest pool", daemon=True
                    )
                    self._reaper.start()
                self._changed.notify()
        if closed:
            guest.kill()

    def close(self) -> None:
        """Kill every idle guest."""
        with self._changed:
            self._closed = True
            idle, self._idle = self._idle, []
            self._changed.notify()
        for _, _, guest in idle:
            guest.kill()

    def _reap(self) -> None:
        while True:
            with self._changed:
                if self._closed:
                    return
                now = time.monotonic()
                over = [entry for entry in self._idle if entry[0] <= now]
                self._idle = [entry for entry in self._idle if entry[0] > now]
                if not over:
                    self._changed.wait(self._idle[0][0] - now if self._idle else None)
            for _, _, guest in over:
                guest.kill()
