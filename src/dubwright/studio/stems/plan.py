"""What ``separate`` will do with what it was given; nothing is written here."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from dubwright.packs.catalog import Packs
from dubwright.stages.separators import DUB_STEMS, choose_model
from dubwright.studio.intake import pick_stream
from dubwright.studio.stems.model import (
    SeparationPlan,
    Skipped,
    SourcePlan,
    SourceStems,
    StemsAsk,
)
from dubwright.studio.stems.record import StemsRecord, finished
from dubwright.studio.stems.sources import Source, Sources, find, folders
from dubwright_kit import NextAction, Problem

if TYPE_CHECKING:
    from dubwright.media.soundfile import SoundFormat

_NO_SOUND = ("not-media", "no-audio")
"""A file of a folder that is so is passed over; one that was named is a failure."""

Look = Callable[[int, int, Path], None]
"""Told which file of how many is looked at."""


def plan_one(packs: Packs, path: Path, out: Path, ask: StemsAsk) -> SeparationPlan:
    """Plan one file whose stems go into ``out`` itself. Raises as :func:`plan_many`, and the Problem
    of the file."""
    source = Source(Path(os.path.abspath(path.expanduser())))  # noqa: PTH100  # as typed, links kept
    return _alone(_empty(packs, [path], out, ask), source)


def _alone(plan: SeparationPlan, source: Source) -> SeparationPlan:
    plan = replace(plan, batch=False)
    found = _probed(plan, source, plan.out)
    if found.settled is not None and found.settled.problem is not None:
        raise found.settled.problem
    return replace(plan, sources=(found,))


def plan_many(
    packs: Packs, paths: Sequence[Path | str], out: Path, ask: StemsAsk, look: Look
) -> SeparationPlan:
    """Find and probe every source that ``paths`` (files, folders, patterns) mean.

    What cannot be read, and what is complete from an earlier run, is settled in the plan; one file
    that was named alone is planned as by :func:`plan_one`. Raises Problem ``nothing-to-separate``,
    ``folder-unreadable``, ``out-not-writable``, ``option-invalid``, ``separator-unknown``,
    ``pack-not-installed``.
    """
    plan = _empty(packs, paths, out, ask)
    sources = find(paths, plan.out)
    if not sources.batch:
        return _alone(plan, sources.files[0])
    places = folders(sources.files, plan.out, [f"{stem}.{plan.form}" for stem in plan.model.stems])
    planned: list[SourcePlan] = []
    skipped = [*sources.skipped]
    for number, source in enumerate(sources.files, 1):
        look(number, len(sources.files), source.path)
        folder = places[source.path]
        record = None if ask.force else finished(plan, source.path, folder)
        one = _kept(source, folder, record) if record else _probed(plan, source, folder)
        why = _no_sound(source, one)
        if why:
            skipped.append(Skipped(source.path, why))
        else:
            planned.append(one)
    if not planned:
        raise _all_skipped(sources, plan)
    return replace(plan, sources=tuple(planned), skipped=tuple(skipped))


def _empty(packs: Packs, paths: Sequence[Path | str], out: Path, ask: StemsAsk) -> SeparationPlan:
    """The plan without sources: everything that does not depend on them is checked."""
    from dubwright.media.soundfile import SoundFormat

    if ask.form not in get_args(SoundFormat):
        raise Problem(
            "option-invalid",
            f'The format is wav, flac, mp3 or m4a, not "{ask.form}".',
            NextAction("see the help", "separate", {"help": True}),
        )
    form: SoundFormat = ask.form  # type: ignore[assignment]  # checked above
    model = choose_model(packs, ask.separator, ask.stems, ask.extension)
    version = packs.identity(model.pack)
    again = NextAction("go on", "separate", _arguments(paths, out, ask))
    out = Path(os.path.abspath(Path(out).expanduser()))  # noqa: PTH100  # as typed, links kept
    _check_out(out, again)
    return SeparationPlan(model, version, form, out, (), again)


def _arguments(paths: Sequence[Path | str], out: Path, ask: StemsAsk) -> dict[str, Any]:
    """The command as it was typed."""
    return {
        # A name that is no text cannot be typed; printing it must not fail all the same.
        "_": [str(path).encode("utf-8", "replace").decode("utf-8") for path in paths],
        "out": str(out),
        "separator": ask.separator,
        "stems": ask.stems if str(ask.stems) != str(DUB_STEMS) else None,
        "format": ask.form if ask.form != "wav" else None,
        "extension": ask.extension,
    }


def _check_out(out: Path, again: NextAction) -> None:
    """Raises Problem ``out-not-writable`` for a file, a place inside one, and a folder that refuses."""
    place = out
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    why = ""
    if not place.is_dir():
        why = f"{place} is a file, not a folder"
    elif not os.access(place, os.W_OK | os.X_OK):
        why = f"you have no permission to write into {place}"
    if why:
        raise Problem(
            "out-not-writable",
            f"The folder {out} cannot be written: {why}.",
            NextAction("choose another folder", "separate", {**again.args, "out": "FOLDER"}),
        )


def _probed(plan: SeparationPlan, source: Source, folder: Path) -> SourcePlan:
    from dubwright.media.probe import probe

    try:
        info = probe(source.path)
        _check_overwriting(plan, source.path, folder)
        number = pick_stream([stream.default for stream in info.audio], None, source.path)
    except Problem as problem:
        result = SourceStems(
            source.path,
            folder,
            "failed",
            plan.model.separator,
            problem=for_separate(problem, plan),
        )
        return SourcePlan(source.path, folder, settled=result)
    channels = 1 if info.audio[number].channels == 1 else 2
    return SourcePlan(source.path, folder, info.duration_s, channels, number)


def _check_overwriting(plan: SeparationPlan, source: Path, folder: Path) -> None:
    """Sources are never overwritten: not the one, nor any other of that name."""
    for stem in plan.model.stems:
        final = folder / f"{stem}.{plan.form}"
        if final.exists() and final.samefile(source):
            raise Problem(
                "out-is-source",
                f"The stem {final} would take the place of the file that it is made from.",
                NextAction(
                    "choose another folder", "separate", {**plan.again.args, "out": "FOLDER"}
                ),
            )


def for_separate(problem: Problem, plan: SeparationPlan) -> Problem:
    """The Problem of one source in words and with a next action that belong to this command."""
    if problem.code == "no-audio":
        message = problem.message.replace("nothing to dub", "nothing to separate")
        problem = Problem(problem.code, message, problem.next_action, problem.detail)
    action = problem.next_action
    if action is not None and action.verb not in ("add", "items", "jobs"):
        return problem
    if problem.code == "disk-full":
        action = replace(plan.again, label="free some space, then go on")
    elif plan.batch:
        label = "mend that file or leave it out, then go on; what is complete is kept"
        action = replace(plan.again, label=label)
    else:
        args = {**plan.again.args, "_": ["FILE"]}
        action = NextAction("name another file", "separate", args)
    return Problem(problem.code, problem.message, action, problem.detail)


def _kept(source: Source, folder: Path, record: StemsRecord) -> SourcePlan:
    result = SourceStems(
        source.path,
        folder,
        "kept",
        record.separator,
        {stem: folder / one.name for stem, one in record.files.items()},
        record.duration_s,
        record.wall_s,
        record.peak_rss_bytes,
        note=record.note,
    )
    return SourcePlan(source.path, folder, record.duration_s, settled=result)


def _no_sound(source: Source, planned: SourcePlan) -> str:
    problem = planned.settled.problem if planned.settled is not None else None
    if source.named or problem is None or problem.code not in _NO_SOUND:
        return ""
    return "without sound" if problem.code == "no-audio" else "neither a film nor sound"


def _all_skipped(sources: Sources, plan: SeparationPlan) -> Problem:
    count = len(sources.files) + len(sources.skipped)
    return Problem(
        "nothing-to-separate",
        f"None of the {count} files there holds sound.",
        NextAction("name a film or sound file", "separate", {**plan.again.args, "_": ["FILE"]}),
    )
