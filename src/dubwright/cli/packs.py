"""Commands about packs: what there is, what an install would cost, install, log, remove."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from dubwright.cli.face import Face, verb
from dubwright.cli.follow import follow, interruptible
from dubwright.cli.text import size, table
from dubwright_kit import Cancelled, NextAction, Problem

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from dubwright.packs.installing.install import PackPlan

NamesArgument = Annotated[list[str] | None, typer.Argument(help="Pack names.")]


def list_packs(face: Face) -> None:
    """Every pack: state, version, disk, what it is for."""
    with face.studio() as studio:
        statuses = studio.pack_statuses()
    document = {
        "packs": [
            {
                "name": one.manifest.id,
                "state": one.state,
                "version": one.version,
                "disk_bytes": one.disk_bytes,
                "title": one.manifest.title,
                "stage": one.manifest.stage,
                "why": one.why,
            }
            for one in statuses
        ]
    }

    def people(console: Console) -> None:
        rows = [
            (
                one.manifest.id,
                one.state,
                one.version or "",
                size(one.disk_bytes) if one.disk_bytes else "",
                one.manifest.title + (f" ({one.why})" if one.why else ""),
            )
            for one in statuses
        ]
        console.print(table(("pack", "state", "version", "disk", "what it is for"), rows))

    face.show(document, people)


def plan_json(plans: Sequence[PackPlan]) -> dict[str, Any]:
    """The public shape of a bill."""
    return {
        "packs": [
            {
                "name": one.name,
                "steps": list(one.steps),
                "download_bytes": one.download_bytes,
                "unpacked_bytes": one.unpacked_bytes,
                "disk_bytes": one.disk_bytes,
                "licences": list(one.licences),
                "installed": one.installed,
            }
            for one in plans
        ],
        "download_bytes": sum(one.download_bytes for one in plans if not one.installed),
        "disk_bytes": sum(one.disk_bytes for one in plans if not one.installed),
    }


def plan_text(plans: Sequence[PackPlan], console: Console) -> None:
    """The bill as a table: bytes exactly as the lock files say."""
    rows = [
        (
            one.name,
            "installed" if one.installed else f"{one.download_bytes:,} B",
            "" if one.installed else size(one.disk_bytes),
            ", ".join(one.licences),
        )
        for one in plans
    ]
    console.print(table(("pack", "download", "on disk", "licences"), rows))
    open_ones = [one for one in plans if not one.installed]
    for one in open_ones:
        console.print(f"{one.name}: " + "; ".join(one.steps), style="dim", markup=False)
    total = sum(one.download_bytes for one in open_ones)
    console.print(f"In all {total:,} B to download ({size(total)}).")


def plan(face: Face, names: NamesArgument = None) -> None:
    """What an install would do: steps, exact download bytes, disk, licences. Opens no connection."""
    with face.studio() as studio:
        plans = studio.plan_packs(names or installable(studio.pack_statuses()))
    face.show(plan_json(plans), lambda console: plan_text(plans, console))


def installable(statuses: Sequence[Any]) -> list[str]:
    """Names of the packs that an install could add."""
    return [
        one.manifest.id for one in statuses if one.state in ("available", "broken", "installed")
    ]


def install(
    face: Face,
    names: NamesArgument = None,
    everything: Annotated[bool, typer.Option("--all", help="Every pack.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Install packs: shows the bill, asks on a terminal, then installs (this is what connects)."""
    interruptible()
    with face.studio() as studio:
        if not names and not everything:
            raise Problem(
                "nothing-to-install",
                "Name the packs to install, or say --all.",
                NextAction("see every pack", "packs", {}),
            )
        wanted = installable(studio.pack_statuses()) if everything else list(names or ())
        plans = studio.plan_packs(wanted)
        if not face.json:
            plan_text(plans, face.err)
            if not yes and face.err.is_terminal:
                from rich.prompt import Confirm

                if not Confirm.ask("Install?", console=face.err, default=True):
                    raise Cancelled("")
        job = follow(face, studio.install_packs([one.name for one in plans]))
        statuses = {one.manifest.id: one for one in studio.pack_statuses()}
    installed = [statuses[one.name] for one in plans]
    face.show(
        {
            "job": job.id,
            "packs": [
                {"name": one.manifest.id, "state": one.state, "disk_bytes": one.disk_bytes}
                for one in installed
            ],
        },
        lambda console: console.print(
            "\n".join(
                f"{one.manifest.id}: {one.state}, {size(one.disk_bytes)}" for one in installed
            )
        ),
    )


def log(face: Face, name: Annotated[str, typer.Argument(help="Pack.")]) -> None:
    """Print the newest install log of a pack."""
    with face.studio() as studio:
        text = studio.pack_log(name)
    face.show({"pack": name, "log": text}, lambda console: print(text))


def remove(face: Face, name: Annotated[str, typer.Argument(help="Pack.")]) -> None:
    """Remove an installed pack."""
    with face.studio() as studio:
        freed = studio.remove_pack(name)
    face.show(
        {"removed": name, "freed_bytes": freed},
        lambda console: console.print(f"Removed {name}, {size(freed)} freed."),
    )


def register(app: typer.Typer) -> None:
    """Add this file's commands."""
    packs = typer.Typer(
        help="Packs: list, plan, install, log, remove.", invoke_without_command=True
    )
    callback = typer.Typer()
    verb(callback, "list")(list_packs)
    shown = callback.registered_commands[0].callback

    packs.callback(invoke_without_command=True)(_only_without_subcommand(shown))
    for name, function in (
        ("list", list_packs),
        ("plan", plan),
        ("install", install),
        ("log", log),
        ("remove", remove),
    ):
        verb(packs, name)(function)
    app.add_typer(packs, name="packs")


def _only_without_subcommand(shown: Any) -> Any:
    """``packs`` alone lists; with a sub-command its options are left to it."""

    def command(context: typer.Context, **given: Any) -> None:
        if context.invoked_subcommand is None:
            shown(context=context, **given)
        else:
            before = context.find_root().obj
            before["home"] = given["home"] or before["home"]
            before["json"] = given["json_output"] or before["json"]

    command.__signature__ = shown.__signature__  # type: ignore[attr-defined]  # Typer reads it
    command.__annotations__ = shown.__annotations__
    return command
