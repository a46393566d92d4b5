"""``packs verify``, ``packs export`` and ``packs licences``."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from dubwright.cli.face import Face
from dubwright.cli.follow import interruptible
from dubwright.cli.text import size
from dubwright_kit import NextAction, Problem

PackArgument = Annotated[str, typer.Argument(help="Pack.")]


def verify_pack(face: Face, name: PackArgument) -> None:
    """Check every file of an installed pack against what it was after the install."""
    interruptible()
    with face.studio() as studio:
        result = studio.verify_pack(name)
    face.show(
        {"verified": result.pack, **asdict(result), "ok": True},
        lambda console: console.print(
            f"{result.pack}: {result.checked:,} files checked ({size(result.bytes)}), all as installed"
            + (f"; {len(result.extra)} came later" if result.extra else "")
            + ".",
            markup=False,
        ),
    )


def export_pack(
    face: Face,
    name: PackArgument,
    out: Annotated[Path, typer.Option("--out", help="The zip to write, or a folder for it.")],
) -> None:
    """Write a zip from which `packs install NAME --from FILE.zip` installs without a network."""
    interruptible()
    with face.studio() as studio:
        result = studio.export_pack(name, out)
    face.show(
        {
            "exported": name,
            "file": str(result.path),
            "packs": list(result.packs),
            "files": result.files,
            "size_bytes": result.size_bytes,
        },
        lambda console: console.print(
            f"{result.path}: {', '.join(result.packs)}, {size(result.size_bytes)}", markup=False
        ),
    )


def licences(
    face: Face,
    names: Annotated[list[str] | None, typer.Argument(help="Packs (without: all).")] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write the Markdown to this file.")
    ] = None,
) -> None:
    """Every distribution and model with its licence and source, as Markdown or JSON."""
    from dubwright.packs.care.licences import markdown

    with face.studio() as studio:
        report = studio.pack_licences(names or ())
    text = markdown(report)
    document: dict[str, Any] = asdict(report)
    if out is not None:
        _write(out, text)
        document["file"] = str(out)
    face.show(document, lambda console: print(str(out) if out is not None else text))


def _write(out: Path, text: str) -> None:
    try:
        out.write_text(text, "utf-8", newline="\n")
    except OSError as error:
        raise Problem(
            "out-not-writable",
            f"{out} cannot be written: {error.strerror or error}.",
            NextAction("choose another file", "packs licences", {"out": "FILE.md"}),
        ) from error
