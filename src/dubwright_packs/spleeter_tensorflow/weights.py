"""The checkpoint that the pack was installed with: all there, and what was recorded."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Dict

from dubwright_kit import NextAction, Problem

FOLDER = "2stems"
PREFIX = "model"
"""The official checkpoint's name; the file ``checkpoint`` beside it is not asked, it may name a path
of another machine."""
FILES = (f"{PREFIX}.index", f"{PREFIX}.data-00000-of-00001")
_CHUNK_BYTES = 1 << 20


def checkpoint(models: Path) -> Path:
    """Return the checkpoint's prefix under the pack's folder ``models``.

    Spleeter itself takes an empty or half a folder for a trained model and goes on with random
    weights. So files must be there and, where the install's record lies beside the folder, have the
    recorded size and sha256. Raises Problem ``weights-missing`` or ``weights-wrong``.
    """
    recorded = _recorded(models)
    for name in FILES:
        path = models / FOLDER / name
        if not path.is_file() or not path.stat().st_size:
            raise Problem(
                "weights-missing", f"Spleeter's weights are not complete: {path}.", again()
            )
        expected = recorded.get(f"{FOLDER}/{name}")
        if expected and expected != {"size_bytes": path.stat().st_size, "sha256": _sha256(path)}:
            raise Problem(
                "weights-wrong", f"Spleeter's weights are not what was installed: {path}.", again()
            )
    return models / FOLDER / PREFIX


def again() -> NextAction:
    """What puts the pack right."""
    return NextAction("install it again", "packs install", {"_": ["spleeter-tensorflow"]})


def _recorded(models: Path) -> Dict[str, Any]:
    """Size and hash by path; nothing while an install still runs: that has just checked them."""
    try:
        data = json.loads((models.parent / "record.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    found = data.get("models") if isinstance(data, dict) else None
    return found if isinstance(found, dict) else {}


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
            digest.update(chunk)
    return digest.hexdigest()
