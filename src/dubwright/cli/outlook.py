"""What a piece of work will need, told before it starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dubwright.cli.face import Face, program
from dubwright.cli.text import size

if TYPE_CHECKING:
    from dubwright.packs.care.forecast import Forecast

_BASES = {"measured here": "measured here", "canary": "estimated from the packs' tests"}


def tell(face: Face, seen: Forecast | None) -> None:
    """Say how long it will take and what it needs, and warn when the machine may be too small."""
    if seen is None:
        return
    face.note(sentence(seen))
    if not face.json:
        for warning in seen.warnings:
            face.err.print(f"Warning: {warning}", style="yellow", markup=False)


def sentence(seen: Forecast) -> str:
    """ "About 3 min, 0.4 GB memory, 1.2 GB disk while it works (measured here)."""
    needs = f"{size(seen.peak_memory_bytes)} memory, {size(seen.temporary_disk_bytes)} disk while it works"
    if seen.wall_s is None:
        return (
            f"About {needs}. How long is not known: {', '.join(seen.unknown)} never ran here, and "
            f"no test of a pack tells ({program()} packs canary runs the tests)."
        )
    return f"About {span(seen.wall_s)}, {needs} ({_BASES[seen.basis]})."


def span(seconds: float) -> str:
    """40 s, 3 min, 2 h 10 min."""
    if seconds < 55:
        return f"{max(1, round(seconds))} s"
    minutes = max(1, round(seconds / 60))
    hours, rest = divmod(minutes, 60)
    return " ".join(f"{count} {unit}" for count, unit in ((hours, "h"), (rest, "min")) if count)
