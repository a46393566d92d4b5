"""What a check found wrong with a pack, beside it, until the pack is built again (which replaces the folder)."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence
from pathlib import Path

from dubwright_kit import NextAction

FILE_NAME = "damaged.json"
_NAMED = 3


def note_damage(folder: Path, missing: Sequence[str], changed: Sequence[str]) -> None:
    """Write down what is wrong with the pack in ``folder``; where that cannot be, nothing is."""
    scratch = folder / f"{FILE_NAME}.new"
    try:
        scratch.write_text(json.dumps({"missing": missing, "changed": changed}, indent=1), "utf-8")
        scratch.replace(folder / FILE_NAME)
    except OSError:
        with contextlib.suppress(OSError):
            scratch.unlink()


def mending(name: str, own_weights: bool) -> NextAction:
    """What puts a damaged pack right. A person's own weights are nowhere else than with that person: a
    plain install would replace them by the official ones."""
    if not own_weights:
        return NextAction("install it again", "packs install", {"_": [name]})
    args = {"_": [name], "from": "FOLDER", "own_weights": True}
    return NextAction("install your own weights again", "packs install", args)


def clear_damage(folder: Path) -> None:
    """Nothing is wrong any more."""
    with contextlib.suppress(OSError):
        (folder / FILE_NAME).unlink(missing_ok=True)


def damage(folder: Path) -> str:
    """Say what was found wrong with the pack in ``folder``, "" when nothing was."""
    try:
        noted = json.loads((folder / FILE_NAME).read_text("utf-8"))
        names = [*noted["missing"], *noted["changed"]]
    except FileNotFoundError:
        return ""
    except (OSError, ValueError, KeyError, TypeError):
        return "a check found it damaged"
    named = ", ".join(names[:_NAMED])
    return f"a check found {len(names)} of its files missing or changed: {named}"
