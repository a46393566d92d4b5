"""The bill of an installation, as JSON and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dubwright.cli.text import clock, size, table
from dubwright_kit.codec import to_json

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

    from rich.console import Console

    from dubwright.packs.installing.replacing import WeightsChange
    from dubwright.packs.planning.bill import Bill
    from dubwright.packs.planning.plan import PackPlan


def bill_json(whole: Bill, chosen: Bill | None = None) -> dict[str, Any]:
    """The public shape of a bill; the sums are of ``chosen`` (None: of all that is listed)."""
    sums = chosen or whole
    ticked = {one.name for one in sums.plans}
    return {
        "packs": [{**_pack_json(one), "ticked": one.name in ticked} for one in whole.plans],
        "download_bytes": sums.download_bytes,
        "cached_bytes": sums.cached_bytes,
        "disk_bytes": sums.disk_bytes,
        "spaces": [
            {
                "folder": str(one.folder),
                "free_bytes": one.free_bytes,
                "needed_bytes": one.needed_bytes,
            }
            for one in sums.spaces
        ],
        "rate_bytes_s": sums.rate_bytes_s,
        "seconds": sums.seconds,
        "asked": whole.asked,
        "findings": [
            {"id": one.id, "severity": one.severity, "problem": one.problem.to_json()}
            for one in sums.findings
        ],
    }


def _pack_json(plan: PackPlan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "title": plan.title,
        "steps": list(plan.steps),
        "download_bytes": plan.download_bytes,
        "cached_bytes": plan.cached_bytes,
        "unpacked_bytes": plan.unpacked_bytes,
        "byte_code_bytes": plan.byte_code_bytes,
        "disk_bytes": plan.disk_bytes,
        "kept_bytes": plan.kept_bytes,
        "licences": list(plan.licences),
        "installed": plan.installed,
        "python": plan.interpreter.version if plan.interpreter else plan.managed_python,
        "requires": list(plan.requires),
        "blocked": plan.blocked.to_json() if plan.blocked else None,
        "files": [to_json(one) for one in plan.files],
    }


def bill_text(
    whole: Bill,
    console: Console,
    chosen: Bill | None = None,
    supply: Path | None = None,
    changes: Mapping[str, WeightsChange] | None = None,
) -> None:
    """The bill as a table: bytes exactly as the lock files say; the sums are of ``chosen``.

    With ``supply`` files are read from there, and nothing is downloaded. ``changes``, by pack, is
    what an install does to weights of a person's own.
    """
    changes = changes or {}
    sums = chosen or whole
    ticked = {one.name for one in sums.plans}
    rows = [_row(one, ticked, changes.get(one.name)) for one in whole.plans]
    files = "download" if supply is None else "files"
    console.print(table(("pack", files, "on disk", "licences"), rows, right=(1, 2)))
    for one in sums.plans:
        lines = _lines(one, supply, changes.get(one.name))
        if lines:
            console.print(f"{one.name}", markup=False)
        for line in lines:
            console.print(f"  {line}", style="dim", markup=False)
    _notes(whole, console)
    renewed = any(one.renewed for one in changes.values())
    _sums(sums, console, supply, renewed=renewed)
    for finding in sums.findings:
        mark = "stops it" if finding.severity == "blocker" else "note"
        console.print(f"{mark}: {finding.problem.message}", markup=False)
        if finding.problem.next_action is not None:
            console.print(f"  {finding.problem.next_action.label}", style="dim", markup=False)


def _lines(plan: PackPlan, supply: Path | None, change: WeightsChange | None) -> list[str]:
    """The steps of one pack, with what happens to the weights."""
    lines = [change.words] if change is not None and change.words else []
    if supply is None:
        return [*lines, *plan.steps]
    own = change.own if change is not None else {}
    listed = [one for one in plan.files if one.name not in own]
    taken = f"take your own weights, {sum(own.values()):,} B, and note their hashes"
    for step in plan.steps:
        if not step.startswith("download "):
            lines.append(step)
        elif not own:
            lines.append(step.replace("download ", "read ", 1))
        elif listed:
            size_bytes = sum(one.size_bytes for one in listed)
            files = f"{len(listed)} file{'s'[: len(listed) != 1]}"
            lines += [f"read {files}, {size_bytes:,} B, checked by hash", taken]
        else:
            lines.append(taken)
    return lines if plan.steps or not own else [*lines, taken]


def _row(
    plan: PackPlan, ticked: Collection[str], change: WeightsChange | None = None
) -> tuple[str, str, str, str]:
    name = plan.name if plan.name in ticked else f"{plan.name} (only when named)"
    licences = "; ".join(plan.licences)
    if plan.installed:
        renewed = change is not None and change.renewed
        return name, "installed again" if renewed else "installed", "", licences
    if plan.blocked is not None:
        return name, "not possible here", "", licences
    here = f" ({size(plan.cached_bytes)} here)" if plan.cached_bytes else ""
    if change is not None and change.own:
        listed = sum(one.size_bytes for one in plan.files if one.name not in change.own)
        return name, f"{listed + sum(change.own.values()):,} B", size(plan.disk_bytes), licences
    return name, f"{plan.download_bytes:,} B{here}", size(plan.disk_bytes), licences


def _notes(bill: Bill, console: Console) -> None:
    """What asking found, once for packs that share a file: only where it is not what is shipped."""
    packs: dict[str, list[str]] = {}
    for plan in bill.plans:
        for file in plan.files:
            if file.note:
                packs.setdefault(f"{file.name}: {file.note}", []).append(plan.name)
    for note, names in packs.items():
        console.print(f"{', '.join(names)}: {note}", markup=False)


def _sums(
    bill: Bill, console: Console, supply: Path | None = None, *, renewed: bool = False
) -> None:
    open_plans = [one for one in bill.plans if not one.installed and one.blocked is None]
    if not open_plans and not renewed:
        console.print("There is nothing to install.")
        return
    here = f"; {size(bill.cached_bytes)} are here already" if bill.cached_bytes else ""
    if supply is not None:
        console.print(f"Nothing is downloaded: files are taken from {supply}{here}.", markup=False)
    elif bill.download_bytes:
        exact = f"{bill.download_bytes:,} B to download ({size(bill.download_bytes)})"
        console.print(f"In all {exact}{here}.")
    else:
        console.print(f"Nothing to download{here}.")
    if bill.disk_bytes:
        free = "; ".join(f"{size(one.free_bytes)} free in {one.folder}" for one in bill.spaces)
        console.print(
            f"On disk {size(bill.disk_bytes)}, with the downloads, which are kept"
            + (f" ({free})." if free else "."),
            markup=False,
        )
    if supply is not None:
        return
    if bill.download_bytes and bill.seconds is not None and bill.rate_bytes_s is not None:
        measured = "measured now" if bill.asked else "as fast as the last download"
        time = clock(bill.seconds) if bill.seconds >= 1 else "a second"
        console.print(
            f"The download takes about {time} at {size(bill.rate_bytes_s)}/s ({measured})."
        )
    elif bill.download_bytes:
        console.print("How long the download takes is not known before the first one here.")
