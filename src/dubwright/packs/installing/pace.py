"""A tick that is heard a few times a second, however often the work calls it."""

from __future__ import annotations

import time
from collections.abc import Callable

_EVERY_S = 0.1


class Paced:
    """Calls ``tick`` at most ten times a second; what it raises goes on."""

    def __init__(self, tick: Callable[[], None]) -> None:
        self._tick = tick
        self._next = 0.0

    def __call__(self) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _EVERY_S
            self._tick()
