"""packs/settings.json: what a person has chosen for packs, and what was pinned on first use."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dubwright.home import Home
from dubwright_kit import NextAction, Problem

_WAIT_S = 10.0


def read_settings(home: Home) -> dict[str, Any]:
    """Return the settings; empty when there are none.

    Raises Problem ``pack-settings-unreadable`` when the file is no JSON object: what a person has
    chosen is not silently forgotten.
    """
    path = home.pack_settings
    try:
        found = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise _unreadable(path, str(error)) from error
    if not isinstance(found, dict):
        raise _unreadable(path, "it is no JSON object")
    return found


def change_settings(home: Home, change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Let ``change`` alter the settings, and write them whole or not at all; return them.

    Two processes that change at once both get their way. Raises as :func:`read_settings`, and
    OSError when they cannot be written.
    """
    from filelock import FileLock

    path = home.pack_settings
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(f".{path.name}.lock"), timeout=_WAIT_S):
        settings = read_settings(home)
        change(settings)
        scratch = path.with_name(f"{path.name}.new")
        with scratch.open("w", encoding="utf-8", newline="\n") as file:
            json.dump(settings, file, indent=1, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        scratch.replace(path)
    return settings


def _unreadable(path: Path, why: str) -> Problem:
    return Problem(
        "pack-settings-unreadable",
        f"The settings of packs in {path} cannot be read.",
        NextAction("correct or delete that file, then look again", "packs"),
        why,
    )
