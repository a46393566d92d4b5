"""``packs canary NAME``: the test of a pack once more, and what it took, kept for forecasts."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.installing.canary import run_canary
from dubwright.packs.manifest import Manifest
from dubwright.packs.record import LOG_TIME, CanaryRun, Record, read_record, write_record
from dubwright.packs.state import READY
from dubwright_kit import NextAction, Problem, Report, silent
from dubwright_kit.codec import from_json, to_json


@dataclass(frozen=True)
class CanaryReport:
    """A canary that went well. ``rtf``: seconds of work for a second of sound, None without sound."""

    name: str
    run: CanaryRun

    @property
    def rtf(self) -> float | None:
        return self.run.wall_s / self.run.clip_s if self.run.clip_s else None


def _never() -> bool:
    return False


def repeat_canary(
    home: Home,
    packs: Packs,
    name: str,
    report: Report = silent,
    cancelled: Callable[[], bool] = _never,
) -> CanaryReport:
    """Run the canary of a pack that can be used now and keep what it took.

    What the guest prints is added to the pack's newest log. Raises Problem ``pack-no-canary``, what
    :meth:`Packs.require` and :func:`dubwright.packs.installing.canary.run_canary` raise, Cancelled.
    """
    status = packs.require(name)
    manifest = status.manifest
    scratch = home.scratch / f"canary-{secrets.token_hex(6)}"
    with packs.wall() as wall:
        run = run_canary(
            wall,
            manifest,
            packs.resolve(name),
            scratch,
            report=report,
            log_path=_log(home, packs, manifest),
            cancelled=cancelled,
        )
    if run is None:
        raise Problem(
            "pack-no-canary",
            f"{name} has no test of its own: what it can do depends on this machine.",
            NextAction("see every pack", "packs"),
        )
    _keep(home, manifest, status.record, run)
    return CanaryReport(name, run)


def measure_unmeasured(
    home: Home, packs: Packs, report: Report = silent, cancelled: Callable[[], bool] = _never
) -> tuple[CanaryReport, ...]:
    """Run the canary of every usable pack that has one and was never measured here.

    A few seconds for the packs of the host. Raises as :func:`repeat_canary`.
    """
    names = with_canary(packs)
    waiting = [one for one in names if known_canary(home, packs.manifest(one)) is None]
    done = []
    for number, name in enumerate(waiting):
        report(number, len(waiting), f"testing {name}")
        done.append(repeat_canary(home, packs, name, cancelled=cancelled))
    return tuple(done)


def with_canary(packs: Packs) -> list[str]:
    """The packs that can be used now and have a canary, by name."""
    return [
        status.name
        for status in packs.statuses()
        if status.state in READY and "ask" in status.manifest.canary
    ]


def known_canaries(home: Home, packs: Packs) -> Mapping[str, CanaryRun]:
    """What the canaries of the packs took when they last ran here, by name."""
    found = {name: known_canary(home, one) for name, one in packs.manifests.items()}
    return {name: run for name, run in found.items() if run is not None}


def known_canary(home: Home, manifest: Manifest) -> CanaryRun | None:
    """Of an installed pack from its record, of a pack of the host from the cache."""
    if manifest.installable:
        record = read_record(home.pack(manifest.id))
        return record.canary if record is not None else None
    try:
        data = json.loads(_file(home, manifest.id).read_text("utf-8"))
        return from_json(CanaryRun, data["run"]) if data["version"] == manifest.version else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _keep(home: Home, manifest: Manifest, tested: Record | None, run: CanaryRun) -> None:
    if manifest.installable:
        from dubwright.packs.installing.install import locked

        with locked(home, manifest.id, lambda: None):
            record = read_record(home.pack(manifest.id))
            # An update that came in between has a canary of its own.
            if record is not None and tested is not None and record.identity == tested.identity:
                write_record(home.pack(manifest.id), replace(record, canary=run))
        return
    place = _file(home, manifest.id)
    place.parent.mkdir(parents=True, exist_ok=True)
    aside = place.with_name(f".{place.name}.{os.getpid()}")
    text = json.dumps({"version": manifest.version, "run": to_json(run)}, indent=1)
    aside.write_text(text, "utf-8")
    aside.replace(place)


def _file(home: Home, name: str) -> Path:
    return home.canaries / f"{name}.json"


def _log(home: Home, packs: Packs, manifest: Manifest) -> Path:
    """The newest log of the pack, where its installation is told; else a new one."""
    known = packs.log_path(manifest.id)
    path = known or home.pack_logs / f"{manifest.id}-{time.strftime(LOG_TIME)}.log"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8", newline="\n") as log:
        log.write(f"[{time.strftime('%Y-%m-%d %H:%M:%S')}] canary\n")
    return path
