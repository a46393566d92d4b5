"""How fast downloads came here the last time: the only honest source of a duration."""

from __future__ import annotations

import contextlib
import json

from dubwright.home import Home

_WORTH_BYTES = 2_000_000
"""Less than this measures the greeting, not the line."""


def read_rate(home: Home) -> float | None:
    """Bytes a second of the last download worth measuring; None before the first."""
    try:
        rate = float(json.loads(home.download_rate.read_text("utf-8"))["bytes_s"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return rate if rate > 0 else None


def write_rate(home: Home, received_bytes: int, wall_s: float) -> None:
    """Remember a download; small ones and a cache that cannot be written are passed over."""
    if received_bytes < _WORTH_BYTES or wall_s <= 0:
        return
    with contextlib.suppress(OSError):
        home.cache.mkdir(parents=True, exist_ok=True)
        scratch = home.download_rate.with_suffix(".new")
        scratch.write_text(json.dumps({"bytes_s": received_bytes / wall_s}), "utf-8")
        scratch.replace(home.download_rate)
