"""Commands about packs: what there is, what an install would cost, install, log, remove."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dubwright.cli.bill import bill_json, bill_text
from dubwright.cli.face import Face, program, verb
from dubwright.cli.follow import follow, interruptible
from dubwright.cli.packcanary import canary
from dubwright.cli.packcare import export_pack, licences, verify_pack
from dubwright.cli.packdiagnose import diagnose
from dubwright.cli.packpython import python
from dubwright.cli.text import size, table
from dubwright_kit import Cancelled

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from dubwright.jobs.model import Job
    from dubwright.packs.installing.replacing import WeightsChange
    from dubwright.packs.planning.plan import PackPlan
    from dubwright.packs.state import PackStatus
    from dubwright.studio.studio import Studio

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
        console.print(
            table(("pack", "state", "version", "disk", "what it is for"), rows, right=(3,))
        )

    face.show(document, people)


def plan(
    face: Face,
    names: NamesArgument = None,
    refresh: Annotated[
        bool,
        typer.Option("--refresh", help="Ask the index and the hubs now: this connects."),
    ] = False,
) -> None:
    """What an install would do: steps, exact download bytes, disk, licences. Without --refresh it
    opens no connection.

    Without names: every pack of the plan; the sums are of those that --all would install.
    """
    with face.studio() as studio:
        whole = studio.bill(names or studio.listed_packs(), refresh=refresh)
        chosen = whole if names else studio.bill_of(whole, studio.ticked_packs())
    face.show(bill_json(whole, chosen), lambda console: bill_text(whole, console, chosen))


def install(
    face: Face,
    names: NamesArgument = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every pack of the plan that is ticked.")
    ] = False,
    allow_source_builds: Annotated[
        bool,
        typer.Option("--allow-source-builds", help="Where nothing else works, compile (slow)."),
    ] = False,
    supply: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FOLDER_OR_ZIP",
            help="Take files from here instead of the network; listed ones must match their hashes.",
        ),
    ] = None,
    own_weights: Annotated[
        bool,
        typer.Option("--own-weights", help="With --from: also take weights that are in no list."),
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    detach: Annotated[bool, typer.Option("--detach", help="Only enqueue.")] = False,
) -> None:
    """Install packs and what they require (this is what connects).

    Shows the bill first and asks on a terminal; where there is none it goes ahead. A pack that fails
    does not stop the others; what was downloaded is kept, and the same command goes on with it.
    """
    if own_weights and supply is None:
        raise typer.BadParameter("--own-weights needs --from.", param_hint="--own-weights")
    interruptible()
    with face.studio() as studio:
        wanted = studio.ticked_packs() if everything else []
        bill = studio.bill([*wanted, *(names or ())])
        plans = bill.plans
        if plans and not face.json:
            changes = _weights_changes(studio, plans, supply, own_weights)
            bill_text(bill, face.err, supply=supply, changes=changes)
            idle = all(one.installed and not changes[one.name].renewed for one in plans)
            if not yes and face.err.is_terminal and not idle:
                _ask(face)
        handle = studio.install_packs(
            [one.name for one in plans],
            allow_source_builds=allow_source_builds,
            supply=supply,
            own_weights=own_weights,
        )
        if detach:
            job = handle.job
            face.note(f"Queued. A worker ({program()} worker) will take it.")
        else:
            job = follow(face, handle)
        statuses = {one.manifest.id: one for one in studio.pack_statuses()}
    _show_installed(face, job, [(one, statuses[one.name]) for one in plans])


def _weights_changes(
    studio: Studio, plans: Sequence[PackPlan], supply: Path | None, own_weights: bool
) -> dict[str, WeightsChange]:
    """What becomes of the weights of each pack."""
    from dubwright.packs.installing.options import InstallOptions
    from dubwright.packs.installing.replacing import weights_change

    options = InstallOptions(supply=supply, own_weights=own_weights)
    statuses = {one.manifest.id: one for one in studio.pack_statuses()}
    return {one.name: weights_change(statuses[one.name], options) for one in plans}


def _ask(face: Face) -> None:
    from rich.prompt import Confirm

    if not Confirm.ask("Install?", console=face.err, default=True):
        raise Cancelled("")


def _show_installed(face: Face, job: Job, packs: Sequence[tuple[PackPlan, PackStatus]]) -> None:
    """What there is now: measured disk beside what the bill said."""

    def estimated(plan: PackPlan, status: PackStatus) -> int:
        recorded = status.record.estimated_disk_bytes if status.record else 0
        return recorded or plan.disk_bytes

    document = {
        "job": job.id,
        "packs": [
            {
                "name": plan.name,
                "state": status.state,
                "disk_bytes": status.disk_bytes,
                "estimated_disk_bytes": estimated(plan, status),
            }
            for plan, status in packs
        ],
    }

    def people(console: Console) -> None:
        for plan, status in packs:
            disk = f", {size(status.disk_bytes)} on disk" if status.disk_bytes else ""
            said = f" (estimated {size(estimated(plan, status))})" if disk else ""
            console.print(f"{plan.name}: {status.state}{disk}{said}", markup=False)

    face.show(document, people)


def log(face: Face, name: Annotated[str, typer.Argument(help="Pack.")]) -> None:
    """Print the newest install log of a pack."""
    with face.studio() as studio:
        text = studio.pack_log(name)
    face.show({"pack": name, "log": text}, lambda console: print(text))


def remove(face: Face, name: Annotated[str, typer.Argument(help="Pack.")]) -> None:
    """Remove an installed pack."""
    with face.studio() as studio:
        freed = studio.remove_pack(name)
    said = f"Removed {name}, {size(freed)} freed." if freed else f"{name} was not installed."
    face.show({"removed": name, "freed_bytes": freed}, lambda console: console.print(said))


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
        ("python", python),
        ("canary", canary),
        ("verify", verify_pack),
        ("export", export_pack),
        ("licences", licences),
        ("diagnose", diagnose),
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
