"""``python -m training evaluate``: the table of a network."""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from training.evaluation import methods, table
from training.evaluation.goals import Verdict, verdicts
from training.evaluation.heldout import held_out_items
from training.evaluation.keeping import Kept
from training.evaluation.methods import Contender
from training.evaluation.results import Result, as_json, kinds, measure
from training.evaluation.shared import SHARED_DATA, shared_items

KEPT = "evaluation.json"
"""Beside the data: figures of contenders that did not change."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """All but ``--data``, the folder of the store, which every command of training has."""
    parser.add_argument(
        "--model", type=Path, help="the network; without it only what it is held against"
    )
    parser.add_argument("--shared", type=Path, default=SHARED_DATA, help="the clips for checking")
    parser.add_argument("--json", type=Path, help="where to save every figure")
    parser.add_argument("--markdown", type=Path, help="where to save the table")
    parser.add_argument("--only", nargs="+", default=[], metavar="KIND", help="these kinds only")
    parser.add_argument("--no-dsp", action="store_true", help="without the DSP of before")


def run(arguments: argparse.Namespace) -> int:
    """Prints the table. 1 when something that is needed is not there."""
    if arguments.model and not arguments.model.is_file():
        return _stop(
            f"There is no network at {arguments.model}. Export one: python -m training export."
        )
    contenders = [methods.mix_itself(), methods.ideal()]
    if not arguments.no_dsp:
        try:
            contenders.insert(1, methods.before())
        except (ImportError, FileNotFoundError) as error:
            print(f"The DSP of before cannot run here, its columns are left out: {error}")
    if arguments.model:
        contenders.append(methods.network(arguments.model))
    kept = Kept(arguments.data / KEPT)
    items = itertools.chain(shared_items(arguments.shared), held_out_items(arguments.data))
    results = []
    try:
        for result in measure(items, contenders, kept, arguments.only):
            results.append(result)
            _progress(f"{len(results)} items, {result.kind}: {result.name}")
    except FileNotFoundError as error:
        return _stop(f"{error}. Name their folder: --shared DIR.")
    finally:
        kept.save()
        _progress("")
    if not results:
        return _stop(f"No item is of a kind among {', '.join(arguments.only)}.")
    found = verdicts(kinds(results), "model") if arguments.model else []
    text = report(results, [one.name for one in contenders], found)
    print(text)
    if arguments.markdown:
        _save(arguments.markdown, text)
    if arguments.json:
        saved = whole(results, found, contenders, arguments.model)
        _save(arguments.json, json.dumps(saved, indent=1))
    return 0


def report(results: Sequence[Result], names: Sequence[str], found: Sequence[Verdict]) -> str:
    """The tables as Markdown."""
    by_kind = kinds(results)
    parts = [make(by_kind, names) for make in (table.two_stems, table.leaks, table.one_stem)]
    parts.append(table.goals(found))
    if not any(one.layer == "held-out" for one in results):
        parts.append("The held-out layer was not measured: the store holds no such sources.\n")
    return "\n".join(part for part in parts if part)


def whole(
    results: Sequence[Result],
    found: Sequence[Verdict],
    contenders: Sequence[Contender],
    model: Path | None,
) -> dict[str, Any]:
    """Every figure, for JSON."""
    return {
        "model": {"file": model.name, "bytes": model.stat().st_size} if model else None,
        "contenders": {one.name: one.version for one in contenders},
        "items": as_json(results),
        "goals": [asdict(one) | {"reached": one.reached} for one in found],
    }


def _progress(text: str) -> None:
    """One line that replaces the one before, for a person only."""
    if sys.stderr.isatty():
        print(f"\r\x1b[2K{text}", end="", file=sys.stderr, flush=True)


def _save(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def _stop(text: str) -> int:
    print(text, file=sys.stderr)
    return 1
