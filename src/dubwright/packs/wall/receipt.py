"""The job's receipt: what its guests wanted from the network, and what refused them."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Attempt = Mapping[str, Any]
"""{"host", "port", "at", "by", "pack"}."""


class Receipts:
    """Writes ``receipt.json`` files: {"denied", "packs", "attempts"}. Thread safe, atomic.

    ``denied`` is "namespace" when every guest so far had a network namespace of its own, else "hook":
    then only what Python code attempted was seen and refused.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()

    def add(self, path: Path, pack_id: str, *, netns: bool, attempts: Sequence[Attempt]) -> None:
        """Merge one call into the receipt at ``path``; a damaged receipt is begun anew."""
        with self._lock:
            old = _read(path)
            whole = netns and old.get("denied", "namespace") == "namespace"
            receipt = {
                "denied": "namespace" if whole else "hook",
                "packs": sorted({*old.get("packs", []), pack_id}),
                "attempts": [*old.get("attempts", []), *({**a, "pack": pack_id} for a in attempts)],
            }
            _write(path, receipt)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _write(path: Path, receipt: Mapping[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=".receipt-", dir=path.parent)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(receipt, file, indent=1)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
