"""Commands about the installation itself."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import typer

from dubwright.cli.face import Face, verb
from dubwright.cli.text import size, table

if TYPE_CHECKING:
    from rich.console import Console


def diagnostics(face: Face) -> None:
    """Versions, toolchain, packs, storage, recent failures."""
    with face.studio() as studio:
        found = studio.diagnostics()

    def people(console: Console) -> None:
        console.print(table(("what", "version"), found.versions.items()))
        console.print(table(("tool", ""), [(k, str(v)) for k, v in found.toolchain.items()]))
        packs = [
            (
                str(one["name"]),
                str(one["state"]),
                size(one["disk_bytes"] or 0),
                str(one["why"] or ""),
            )
            for one in found.packs
        ]
        console.print(table(("pack", "state", "disk", ""), packs))
        storage = [
            (key, size(value) if key.endswith("_bytes") else str(value))
            for key, value in found.storage.items()
        ]
        console.print(table(("storage", ""), storage))
        for failure in found.failures:
            problem = failure["problem"] or {}
            console.print(
                f"{failure['job']} {failure['type']}: {problem.get('message', '')}", markup=False
            )

    face.show(dataclasses.asdict(found), people)


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    verb(app)(diagnostics)
