"""``packs canary``: test packs on their short known clips, and say what that took."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dubwright.cli.face import Face
from dubwright.cli.follow import interruptible
from dubwright.cli.text import size, table

if TYPE_CHECKING:
    from rich.console import Console

    from dubwright.packs.care.canary import CanaryReport


def canary(
    face: Face,
    name: Annotated[
        str | None, typer.Argument(help="Pack (without: every one that can be used now).")
    ] = None,
) -> None:
    """Test a pack on its short known clip; speed and memory are kept for forecasts."""
    interruptible()
    from dubwright.packs.care.canary import with_canary

    with face.studio() as studio:
        if name is not None:
            reports = [studio.canary_pack(name)]
        else:
            reports = []
            for one in with_canary(studio.packs):
                face.note(f"testing {one}")
                reports.append(studio.canary_pack(one))
    documents = [canary_json(report) for report in reports]
    face.show(
        documents[0] if name is not None else {"packs": documents},
        lambda console: _people(reports, console),
    )


def canary_json(report: CanaryReport) -> dict[str, Any]:
    """The public shape of one test."""
    return {
        "name": report.name,
        "ok": True,
        "clip_s": report.run.clip_s,
        "wall_s": report.run.wall_s,
        "start_s": report.run.start_s,
        "rtf": report.rtf,
        "peak_rss_bytes": report.run.peak_rss_bytes,
    }


def _people(reports: list[CanaryReport], console: Console) -> None:
    rows = [
        (
            one.name,
            "works",
            f"{one.run.clip_s:.1f} s",
            f"{one.run.start_s:.2f} s",
            f"{one.run.wall_s:.2f} s",
            f"{one.rtf:.3f}" if one.rtf is not None else "",
            size(one.run.peak_rss_bytes),
        )
        for one in reports
    ]
    columns = ("pack", "test", "clip", "start", "work", "work per second", "memory")
    console.print(table(columns, rows))
