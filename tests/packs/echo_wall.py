"""The echo pack behind a real wall, for the tests of this room."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil

from dubwright.home import Home
from dubwright.packs.wall.call import Wall
from dubwright.packs.wall.spec import GuestSpec
from dubwright_kit.contracts import TranslateAsk

ECHO = Path(__file__).resolve().parent / "echo"


def echo_spec(python: str | Path = sys.executable, env: str = "host") -> GuestSpec:
    return GuestSpec("echo", ECHO, Path(python), ECHO / "models", "1", env)


def echo_wall(root: Path, python: str | Path = sys.executable, **options: Any) -> Wall:
    spec = echo_spec(python, "host" if str(python) == sys.executable else "own")
    return Wall(Home(root), resolve=lambda home, pack_id: spec, **options)


def lines(*texts: str) -> TranslateAsk:
    return TranslateAsk(texts, "en", "es")


def alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], timeout_s: float) -> bool:
    end = time.monotonic() + timeout_s
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return condition()
