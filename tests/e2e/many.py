"""Dub many films from one process, by the Python interface: ``python -m tests.e2e.many PLAN.json``.

The plan is a list of {"film", "transcript", "translation"}; one JSON line comes for each: {"film"}
and {"duration_s"}, or {"problem"}. Warm guests make a film cost a second or two.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from dubwright import Studio
from dubwright_kit import Problem


def dub(studio: Studio, one: dict[str, Any]) -> dict[str, Any]:
    try:
        item = studio.add(one["film"])
        texts = {name: one[name] for name in ("transcript", "translation") if one.get(name)}
        film = studio.dub(item.id, to="es", speakers=1, **texts).wait()
    except Problem as problem:
        return {"problem": problem.to_json()}
    return {"film": str(film.path), "duration_s": item.duration_s, "warnings": list(film.warnings)}


def main() -> None:
    with Studio() as studio:
        for one in json.loads(Path(sys.argv[1]).read_text("utf-8")):
            print(json.dumps(dub(studio, one)), flush=True)


if __name__ == "__main__":
    main()
