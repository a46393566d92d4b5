"""Weights without a hash of our own: what their server published first is what they must stay."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from dubwright.home import Home
from dubwright.packs.diagnosis.diagnose import again
from dubwright.packs.manifest import Weights
from dubwright.packs.settings import change_settings, read_settings
from dubwright_kit import Problem

_PINS = "pins"


def pinned(home: Home, pack: str, weights: Weights) -> Weights:
    """Return ``weights`` with the hash and size of the first time, where they have none of their own."""
    if weights.sha256:
        return weights
    entry = _entry(read_settings(home), pack, weights)
    if entry is None:
        return weights
    return replace(weights, sha256=str(entry["sha256"]), size_bytes=int(entry["size_bytes"]))


def pin(home: Home, pack: str, weights: Weights, sha256: str, size_bytes: int) -> None:
    """Write down what was fetched for weights without a hash; from now on nothing else will do.

    Raises Problem ``pack-hash-mismatch`` when it is not what was written down the first time.
    """
    if weights.sha256:
        return

    def change(settings: dict[str, Any]) -> None:
        entry = _entry(settings, pack, weights)
        if entry is None:
            if not isinstance(settings.get(_PINS), dict):
                settings[_PINS] = {}
            settings[_PINS][_key(pack, weights)] = {"sha256": sha256, "size_bytes": size_bytes}
        elif entry["sha256"] != sha256:
            raise Problem(
                "pack-hash-mismatch",
                f"{weights.name} of {pack} is not the file that it was the first time: its publisher "
                "has replaced it, or somebody else has. It was not used.",
                again(
                    pack,
                    f"ask {weights.source}; if the new file is right, delete "
                    f'"{_key(pack, weights)}" in {home.pack_settings}, then install again',
                ),
                f"expected sha256 {entry['sha256']}\nfound    sha256 {sha256}",
            )

    change_settings(home, change)


def _key(pack: str, weights: Weights) -> str:
    return f"{pack}/{weights.name}"


def _entry(settings: dict[str, Any], pack: str, weights: Weights) -> dict[str, Any] | None:
    pins = settings.get(_PINS)
    entry = pins.get(_key(pack, weights)) if isinstance(pins, dict) else None
    sound = isinstance(entry, dict) and {"sha256", "size_bytes"} <= entry.keys()
    return entry if sound else None
