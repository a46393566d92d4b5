"""Results kept by what they were made of, so that a new checkpoint costs only its own run."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.evaluation.item import Item
from training.evaluation.measures import VERSION, Measures
from training.evaluation.methods import Contender


class Kept:
    """Measures by item, method and version, in one JSON file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rows: dict[str, dict[str, Any]] = {}
        if path.is_file():
            self._rows = json.loads(path.read_text("utf-8"))

    def measures(self, item: Item, digest: str, by: Contender) -> Measures:
        """As kept, else measured now. ``digest`` is the item's."""
        what = f"{VERSION} {by.name} {by.version} {digest}"
        key = hashlib.sha256(what.encode()).hexdigest()[:32]
        if key not in self._rows:
            self._rows[key] = asdict(by.run(item))
        return Measures(**self._rows[key])

    def save(self) -> None:
        """Whole or not at all."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_suffix(".new")
        new.write_text(json.dumps(self._rows), "utf-8")
        new.replace(self._path)
