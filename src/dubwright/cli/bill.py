"""The bill of an installation, as JSON and for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dubwright.cli.text import size, table

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from rich.console import Console

    from dubwright.packs.planning.plan import PackPlan


def plan_json(plans: Sequence[PackPlan], chosen: Collection[str] | None = None) -> dict[str, Any]:
    """The public shape of a bill; the sums are of the packs ``chosen`` (None: all)."""
    open_ones = [one for one in plans if _counts(one, chosen)]
    return {
        "packs": [
            {**_pack_json(one), "ticked": chosen is None or one.name in chosen} for one in plans
        ],
        "download_bytes": sum(one.download_bytes for one in open_ones),
        "disk_bytes": sum(one.disk_bytes for one in open_ones),
    }


def _counts(plan: PackPlan, chosen: Collection[str] | None) -> bool:
    return not plan.installed and (chosen is None or plan.name in chosen)


def _pack_json(plan: PackPlan) -> dict[str, Any]:
    return {
        "name": plan.name,
        "steps": list(plan.steps),
        "download_bytes": plan.download_bytes,
        "unpacked_bytes": plan.unpacked_bytes,
        "disk_bytes": plan.disk_bytes,
        "licences": list(plan.licences),
        "installed": plan.installed,
    }


def plan_text(
    plans: Sequence[PackPlan], console: Console, chosen: Collection[str] | None = None
) -> None:
    """The bill as a table: bytes exactly as the lock files say; the sum is of ``chosen``."""
    rows = [
        (
            one.name if chosen is None or one.name in chosen else f"{one.name} (only when named)",
            "installed" if one.installed else f"{one.download_bytes:,} B",
            "" if one.installed else size(one.disk_bytes),
            ", ".join(one.licences),
        )
        for one in plans
    ]
    console.print(table(("pack", "download", "on disk", "licences"), rows))
    open_ones = [one for one in plans if _counts(one, chosen)]
    for one in open_ones:
        console.print(f"{one.name}: " + "; ".join(one.steps), style="dim", markup=False)
    total = sum(one.download_bytes for one in open_ones)
    console.print(f"In all {total:,} B to download ({size(total)}).")
