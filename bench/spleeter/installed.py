"""Our pack with the contest's weights: its models alone, and installed as a person installs it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

from bench.spleeter.environments import ROOT, Prepared
from dubwright_kit.report import silent

CHECKPOINT = "2stems"
PACK = "spleeter"


def convert(prepared: Prepared, models: Path) -> Path:
    """Fill ``models`` with what an install leaves there, made by the code as it is now; return it.

    In a process of its own: what it needs would count as memory of every process started later.
    """
    models.mkdir()
    (models / CHECKPOINT).symlink_to(prepared.models / CHECKPOINT, target_is_directory=True)
    _must([sys.executable, "-m", "bench.spleeter.installed", str(models)])
    return models


def install(prepared: Prepared, home: Path) -> Path:
    """Install the pack into ``home`` from an archive of the checkpoint; return ``home``."""
    source = home.with_name("archive")
    source.mkdir()
    with tarfile.open(source / f"{CHECKPOINT}.tar.gz", "w:gz", compresslevel=1) as archive:
        for path in sorted((prepared.models / CHECKPOINT).iterdir()):
            if not path.name.startswith("."):
                archive.add(path, path.name)
    words = ("packs", "install", PACK, "--from", str(source), "--own-weights", "--yes", "--json")
    command = [sys.executable, "-m", "dubwright.cli.main", *words]
    _must(command, {"DUBWRIGHT_HOME": str(home)})
    return home


def _must(command: list[str], env: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        env={**os.environ, **(env or {})},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{command} failed:\n{(done.stdout + done.stderr)[-3000:]}")


def main(models: str) -> None:
    from dubwright_packs.spleeter.backend import prepare

    prepare(models, silent)


if __name__ == "__main__":
    main(*sys.argv[1:])
