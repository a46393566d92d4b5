"""What every step of one install works with."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeVar

from dubwright.home import Home
from dubwright.packs.installing.options import InstallOptions
from dubwright.packs.installing.steps import Steps
from dubwright.packs.manifest import Manifest
from dubwright.packs.planning.plan import PackPlan
from dubwright.packs.toolchain.uv import Uv
from dubwright_kit import Cancelled

T = TypeVar("T")

_BEAT_S = 0.25


@dataclass(frozen=True)
class Site:
    """One attempt to build the pack of ``plan`` in ``folder``, beside the working one."""

    home: Home
    manifest: Manifest
    plan: PackPlan
    folder: Path
    options: InstallOptions
    uv: Uv
    steps: Steps
    log: IO[str]

    @property
    def name(self) -> str:
        return self.manifest.id

    @property
    def models(self) -> Path:
        return self.folder / "models"

    @property
    def log_path(self) -> Path:
        return Path(self.log.name)

    def say(self, text: str) -> None:
        """One line of the install log."""
        self.log.write(f"[{time.strftime('%H:%M:%S')}] {text}\n")
        self.log.flush()

    def beat(self) -> None:
        """Show that the current step goes on. Raises what the caller's report raises."""
        self.steps.show(0.0, heartbeat=True)

    def stopped(self) -> Callable[[], bool]:
        """For the wall, which asks often: true when the caller's report says to stop."""
        beaten_at = float("-inf")

        def ask() -> bool:
            nonlocal beaten_at
            if time.monotonic() - beaten_at >= _BEAT_S:
                beaten_at = time.monotonic()
                try:
                    self.beat()
                except Cancelled:
                    return True
            return False

        return ask

    def beating(self, work: Callable[[], T]) -> T:
        """Do ``work`` on another thread and beat meanwhile; see :func:`beating`."""
        return beating(self.steps, work)


def beating(steps: Steps, work: Callable[[], T]) -> T:
    """Do ``work`` on another thread and show meanwhile that the step goes on.

    When showing raises, ``work`` is left to end by itself: it must only read, or have time limits of
    its own.
    """
    results: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)

    thread = threading.Thread(target=run, name="install", daemon=True)
    thread.start()
    thread.join(_BEAT_S)
    while thread.is_alive():
        steps.show(0.0, heartbeat=True)
        thread.join(_BEAT_S)
    if errors:
        raise errors[0]
    return results[0]
