"""Connections as this machine's settings want them. Making them opens none."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from dubwright.packs.fetch.connection import Connections
from dubwright.packs.fetch.settings import index_settings
from dubwright.packs.fetch.trouble import Again

_ATTEMPTS = 5
_READ_S = 30.0


def connections_of(
    uv: Path | None, again: Again, env: Mapping[str, str] | None = None
) -> Connections:
    """Return connections to the index of uv's or pip's settings.

    uv's UV_HTTP_RETRIES and UV_HTTP_TIMEOUT (seconds) hold here too: whoever has a slow or flaky
    line has set them already. Raises Problem ``pack-no-index``.
    """
    given = os.environ if env is None else env
    retries = _number(given.get("UV_HTTP_RETRIES"))
    read_s = _number(given.get("UV_HTTP_TIMEOUT"))
    return Connections(
        index_settings(env, uv, again),
        read_s=_READ_S if not read_s else float(read_s),
        attempts=_ATTEMPTS if retries is None else retries + 1,
    )


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
