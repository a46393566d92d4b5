"""A failed install in the words of whoever named the files: their paths, and the command to try next."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubwright.packs.installing.options import InstallOptions
from dubwright.packs.manifest import Manifest
from dubwright_kit import NextAction, Problem

if TYPE_CHECKING:
    from dubwright.packs.installing.supply import OwnWeights

_BY_HAND = frozenset(
    {"pack-no-network", "pack-tls", "pack-index-refused", "pack-index-down", "pack-stalled",
     "pack-redirects", "pack-not-on-index", "pack-proxy-unusable", "pack-supply-unusable"}
)  # fmt: skip
"""Where files are what is missing, a person is told how to get them."""
_OTHER_FILES = "choose other files, then install again"
_LABELS = {
    "pack-supply-unusable": "put the files there, then install again",
    "pack-archive-damaged": "get the file again, then install",
    "pack-archive-unsafe": "get the file from its publisher again, then install",
    "weights-wrong": _OTHER_FILES,
    "weights-missing": _OTHER_FILES,
}
"""Codes whose Problems are made where nobody knows which install it is."""
_OF_FILES = frozenset(
    {*_LABELS, "pack-weights-wrong", "pack-supply-mismatch", "pack-supply-incomplete"}
)


def advised(problem: Problem, manifest: Manifest, options: InstallOptions) -> Problem:
    """Return ``problem`` of an install of ``manifest``, with a next action that can be followed.

    Where files of a person's are at fault it is this install again, with the same options; the
    action of the Problem may name another pack for the same files. What can be done by hand goes
    into the detail.
    """
    detail, action = problem.detail, problem.next_action
    if problem.code in _BY_HAND and manifest.manual:
        detail = f"{detail}\n\nBy hand:\n{manifest.manual.strip()}".strip()
    if problem.code in _OF_FILES and options.supply is not None:
        args: dict[str, Any] = {"_": [manifest.id]}
        label = _LABELS.get(problem.code, "")
        if action is not None and action.verb == "packs install":
            if action.args.get("_") != [manifest.id]:
                label = action.label
            args = {**action.args}
        args["from"] = str(options.supply)
        if options.own_weights:
            args["own_weights"] = True
        action = NextAction(label or (action.label if action else ""), "packs install", args)
    elif problem.code.startswith("pack-archive-"):
        action = NextAction(_LABELS[problem.code], "packs install", {"_": [manifest.id]})
    return Problem(problem.code, problem.message, action, detail)


def as_supplied(
    problem: Problem, models: Path, own: Iterable[OwnWeights], supply: Path | None
) -> Problem:
    """Return ``problem`` with the files under ``models``, a folder that is gone by then, called as the
    person's own are."""
    names: dict[str, str] = {}
    for one in own:
        place = models / one.weights.into
        if one.archive is not None:
            names[f"{place}{os.sep}"] = f"{one.archive.name}: "
        for name, source in one.files.items():
            there = supply is not None and source.is_relative_to(supply)
            told = str(source) if there else f"{source.name} in {supply}"
            names[str(place.joinpath(*name.split("/")))] = told
    names[f"{models}{os.sep}"] = ""
    message, detail = problem.message, problem.detail
    for path, told in names.items():
        message, detail = message.replace(path, told), detail.replace(path, told)
    return Problem(problem.code, message, problem.next_action, detail)
