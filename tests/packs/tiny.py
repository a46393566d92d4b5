"""The tiny pack of :mod:`tests.packs.loopback` in a home: install, call, look for leftovers."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright_kit.contracts import FitAsk, StretchLine
from tests.packs.loopback import Index, fit_wheel, own_pack

ONE = FitAsk((StretchLine("in.wav", "out.wav", 1.0),))


def value(packs: Packs) -> float:
    """Call the installed pack through the wall: 1.0 for the first version, 2.0 for the second."""
    with packs.wall() as wall:
        done = wall.call("tiny-pack", ONE).done
    return float(done.durations_s[0])


def leftovers(home: Home) -> list[str]:
    return sorted(
        path.name
        for path in home.packs.iterdir()
        if path.name.startswith((".new-", ".old-", ".gone-"))
    )


def install_first(home: Home, folder: Path, index: Index, ballast_bytes: int = 0) -> Packs:
    """Version 1 is installed; version 2, with ballast, is what the pack is locked to now."""
    first, second = fit_wheel("1.0", 1), fit_wheel("2.0", 2, ballast_bytes)
    index.wheels[:] = [first, second]
    assert index.installed is not None
    shutil.copytree(index.installed, home.pack("tiny-pack"), symlinks=True)
    own_pack(folder, second)
    return Packs(home, [folder])


def measured(home: Home) -> Home:
    """A home whose packs of the host were measured: an installation does not stop to do it."""
    home.canaries.mkdir(parents=True)
    run = {"clip_s": 20.0, "start_s": 0.2, "wall_s": 0.2, "peak_rss_bytes": 100_000_000}
    for manifest in Packs(home).manifests.values():
        if not manifest.installable and "ask" in manifest.canary:
            text = json.dumps({"version": manifest.version, "run": run})
            (home.canaries / f"{manifest.id}.json").write_text(text, "utf-8")
    return home
