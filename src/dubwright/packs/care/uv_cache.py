"""Making uv forget what it keeps unpacked of some projects."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable

from dubwright.home import Home
from dubwright.packs.fetch.settings import uv_environment
from dubwright.packs.toolchain.interpreter import find_uv
from dubwright_kit import Problem

_LIMIT_S = 60.0
_LOCK_S = "10"


def forget(home: Home, projects: Iterable[str]) -> bool:
    """Throw away what uv's cache of this home holds of ``projects``; False when that was not possible.

    uv itself does it (``uv cache clean``), so that what the cache says and holds stays in step; an
    installed environment keeps its files, which are links of their own.
    """
    names = sorted(set(projects))
    if not names or not home.uv_cache.is_dir():
        return True
    try:
        done = subprocess.run(
            [find_uv(home), "cache", "clean", "--cache-dir", home.uv_cache, *names],
            env={**uv_environment(), "UV_LOCK_TIMEOUT": _LOCK_S},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_LIMIT_S,
        )
    except (Problem, OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
