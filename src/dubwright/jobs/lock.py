"""The worker lock: held by the one worker of a home, gone with its process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from filelock import BaseFileLock

ACQUIRE_TIMEOUT_S = 1.0
"""Long enough to wait out somebody who only looks whether the lock is held."""


class WorkerLock:
    """An exclusive operating-system lock on ``path``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._held: BaseFileLock | None = None

    def acquire(self) -> bool:
        """Take the lock; False when another worker has it."""
        from filelock import FileLock, Timeout

        self._path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self._path, thread_local=False)
        try:
            lock.acquire(timeout=ACQUIRE_TIMEOUT_S, poll_interval=0.02)
        except Timeout:
            return False
        self._held = lock
        return True

    def release(self) -> None:
        """Give it back; nothing happens when it is not held."""
        if self._held is not None:
            self._held.release()
            self._held = None


def is_held(path: Path) -> bool:
    """True while some process (this one included) holds the lock on ``path``.

    Looking must not keep a worker from starting or look like one: where the system can, this
    takes a shared lock for an instant, which any number of onlookers may do at once.
    """
    if not path.exists():
        return False
    if sys.platform != "win32":
        import fcntl

        with path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            return False
    from filelock import FileLock, Timeout

    lock = FileLock(path, thread_local=False)
    try:
        lock.acquire(timeout=0.2, poll_interval=0.01)
    except Timeout:
        return True
    lock.release()
    return False
