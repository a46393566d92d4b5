"""Tasks on a few threads while the caller's thread ticks, and all of them stopped within a second."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Generic, TypeVar

T = TypeVar("T")

TICK_S = 0.2
_GRACE_S = 1.0
"""How long threads get to stop; one that is inside the system's name look-up is left behind then."""


class HaltedError(Exception):
    """Raised inside a task whose result nobody waits for any more."""


class Halt:
    """Tells tasks to stop; waits of theirs end at once."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def stopped(self) -> bool:
        return self._event.is_set()

    def stop(self) -> None:
        self._event.set()

    def check(self) -> None:
        """Raise HaltedError once stopped."""
        if self._event.is_set():
            raise HaltedError

    def wait(self, seconds: float) -> None:
        """Sleep; raise HaltedError as soon as stopped."""
        if self._event.wait(seconds):
            raise HaltedError


class Crew(Generic[T]):
    """Runs tasks in their order on ``parallel`` threads.

    ``shut`` is called with the idents of threads that shall stop, and closes what they wait on.
    The threads are daemons: one that cannot be woken dies with its own timeout or the process.
    """

    def __init__(self, parallel: int, halt: Halt, shut: Callable[[Iterable[int]], None]) -> None:
        self._parallel = parallel
        self._halt = halt
        self._shut = shut
        self._todo: deque[tuple[int, Callable[[], T]]] = deque()
        self._results: dict[int, T] = {}
        self._failures: list[BaseException] = []
        self._running = 0
        self._lock = threading.Lock()
        self._over = threading.Event()

    def run(self, tasks: Sequence[Callable[[], T]], tick: Callable[[], None]) -> list[T]:
        """Return the tasks' results; the first failure stops the others and is raised.

        ``tick`` is called on this thread every 0.2 s and at the end; what it raises stops all.
        """
        self._todo.extend(enumerate(tasks))
        threads = [
            threading.Thread(target=self._work, name=f"fetch {number}", daemon=True)
            for number in range(min(self._parallel, len(tasks)))
        ]
        self._running = len(threads)
        try:
            for thread in threads:
                thread.start()
            while threads and not self._over.wait(TICK_S):
                tick()
        finally:
            self._halt.stop()
            self._end(threads)
        if self._failures:
            raise self._failures[0]
        tick()
        return [self._results[number] for number in range(len(tasks))]

    def _work(self) -> None:
        try:
            while not self._halt.stopped and (next_one := self._next()) is not None:
                number, task = next_one
                self._results[number] = task()
        except HaltedError:
            pass  # nobody waits for it
        except BaseException as error:  # raised again on the caller's thread
            if not self._halt.stopped:
                self._failures.append(error)
        finally:
            with self._lock:
                self._running -= 1
                if self._failures or not self._running:
                    self._over.set()

    def _next(self) -> tuple[int, Callable[[], T]] | None:
        with contextlib.suppress(IndexError):
            return self._todo.popleft()
        return None

    def _end(self, threads: Sequence[threading.Thread]) -> None:
        until = time.monotonic() + _GRACE_S
        while alive := [thread for thread in threads if thread.is_alive()]:
            if time.monotonic() > until:
                return
            self._shut([thread.ident for thread in alive if thread.ident is not None])
            alive[0].join(0.05)
