"""The canary: a short clip with a known result that a pack must get right, and what that took."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from dubwright.packs.manifest import Manifest
from dubwright.packs.record import CanaryRun
from dubwright.packs.wall.call import CallResult, GuestBug, Wall
from dubwright.packs.wall.spec import GuestSpec
from dubwright_kit import CONTRACTS, NextAction, Problem, Report, silent
from dubwright_kit.codec import from_json

_DETAIL_CHARS = 2000


def _never() -> bool:
    return False


def run_canary(
    wall: Wall,
    manifest: Manifest,
    spec: GuestSpec,
    scratch: Path,
    *,
    report: Report = silent,
    log_path: Path | None = None,
    cancelled: Callable[[], bool] = _never,
) -> CanaryRun | None:
    """Run the pack's canary ask twice in one guest; None when the pack has none.

    ``scratch`` is a folder that must not exist; it is made and deleted. In the texts of the ask
    "{scratch}" is that folder and "{pack}" the folder of pack.toml. What the first run took longer
    than the second is the cost of starting (``start_s``, never below 0).

    Raises Problem ``pack-check-failed`` when the result is wrong or the pack fails, ``disk-full``,
    and Cancelled.
    """
    table = manifest.canary.get("ask")
    if table is None:
        return None
    ask_type, _ = CONTRACTS[manifest.stage]
    ask = from_json(ask_type, filled(table, scratch, manifest.folder))
    scratch.mkdir(parents=True)
    runs: list[CallResult] = []
    try:
        for number in range(2):
            report(number, 2, "testing")
            runs.append(wall.canary(spec, ask, log_path=log_path, cancelled=cancelled))
    except GuestBug as bug:
        words = str(bug).strip().splitlines()
        raise _failed(manifest, words[-1] if words else "it raised an error", str(bug)) from bug
    except Problem as problem:
        if problem.code == "disk-full":
            raise
        raise _failed(manifest, problem.message, problem.detail) from problem
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    report(2, 2, "testing")
    first, second = runs
    return CanaryRun(
        clip_s=float(manifest.canary.get("clip_s", 0.0)),
        start_s=round(max(0.0, first.wall_s - second.wall_s), 4),
        wall_s=round(second.wall_s, 4),
        peak_rss_bytes=max(run.peak_rss_bytes for run in runs),
        at=round(time.time(), 3),
    )


def _failed(manifest: Manifest, why: str, detail: str) -> Problem:
    if manifest.installable:
        action = NextAction("install it again", "packs install", {"_": [manifest.id]})
    else:
        action = NextAction("check this machine and its packs", "diagnostics")
    return Problem(
        "pack-check-failed",
        f"{manifest.id} does not work as it should. Its test says: {why.strip()}",
        action,
        detail.strip()[-_DETAIL_CHARS:],
    )


def filled(value: Any, scratch: Path, pack: Path) -> Any:
    if isinstance(value, str):
        return value.replace("{scratch}", str(scratch)).replace("{pack}", str(pack))
    if isinstance(value, dict):
        return {key: filled(one, scratch, pack) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(one, scratch, pack) for one in value]
    return value
