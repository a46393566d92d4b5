"""Commands about the installation itself."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dubwright.cli.face import Face, verb
from dubwright.cli.text import size, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.console import Console

    from dubwright.studio.bundle import Bundle


BundleOption = Annotated[
    Path | None,
    typer.Option(
        "--bundle", help="Write a zip for a bug report: nothing private, nothing is sent."
    ),
]


def diagnostics(face: Face, bundle: BundleOption = None) -> None:
    """Versions, toolchain, packs, storage, recent failures."""
    with face.studio() as studio:
        found = studio.diagnostics()
        written = studio.bundle(bundle, found) if bundle is not None else None
    if written is not None:
        _show_bundle(face, dataclasses.asdict(found), written)
        return

    def people(console: Console) -> None:
        console.print(table(("what", "version"), found.versions.items()))
        console.print(table(("tool", ""), _tools(found.toolchain)))
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
        notes = [(str(one["name"]), str(one["manual"])) for one in found.packs if one["manual"]]
        if notes:
            console.print("If an install does not work, by hand:")
        for name, manual in notes:
            console.print(f"{name}", markup=False)
            for line in manual.strip().splitlines():
                console.print(f"  {line}", style="dim", markup=False)
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


def _tools(toolchain: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """A row each; Pythons that packs use get one a Python."""
    for name, value in toolchain.items():
        if isinstance(value, dict):
            for path, version in value.items():
                yield f"python {version}, for packs", str(path)
        elif isinstance(value, bool):
            yield name, "yes" if value else "no"
        else:
            yield name, "not found" if value is None else str(value)


def _show_bundle(face: Face, found: dict[str, Any], written: Bundle) -> None:
    """Everything that is inside, so that a person sees what they would send."""
    inside = {
        "file": str(written.path),
        "files": dict(written.files),
        "left_out": list(written.left_out),
    }

    def people(console: Console) -> None:
        console.print(
            table(("size", "file"), [(size(n), name) for name, n in written.files.items()])
        )
        for line in written.left_out:
            console.print(f"left out: {line}", markup=False)
        console.print(
            f"{written.path}: nothing was sent. Look inside before you do; README.txt says what is in it.",
            markup=False,
        )

    face.show({**found, "bundle": inside}, people)


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    verb(app)(diagnostics)
