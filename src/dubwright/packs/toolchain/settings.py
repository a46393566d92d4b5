"""Which Python a person wants a pack to have: a version, a full path, or "" for the usual order."""

from __future__ import annotations

from typing import Any

from dubwright.home import Home
from dubwright.packs.settings import change_settings, read_settings


def chosen_python(home: Home, name: str) -> str:
    """Return "3.10", a full path or "". Raises Problem ``pack-settings-unreadable``."""
    return chosen_pythons(home).get(name, "")


def chosen_pythons(home: Home) -> dict[str, str]:
    """Every choice by pack. Raises Problem ``pack-settings-unreadable``."""
    packs = read_settings(home).get("packs")
    if not isinstance(packs, dict):
        return {}
    return {
        name: entry["python"]
        for name, entry in packs.items()
        if isinstance(entry, dict) and isinstance(entry.get("python"), str)
    }


def choose_python(home: Home, name: str, python: str) -> None:
    """Write the choice down; "" takes it back. Whether it fits is asked before (``choice.fit``).

    Raises Problem ``pack-settings-unreadable`` and OSError.
    """

    def change(settings: dict[str, Any]) -> None:
        packs = settings.setdefault("packs", {})
        entry = packs.setdefault(name, {})
        entry.pop("python", None)
        if python:
            entry["python"] = python
        if not entry:
            del packs[name]

    change_settings(home, change)
