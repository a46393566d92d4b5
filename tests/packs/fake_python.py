"""Scripts that answer as interpreters do: any version without having it. POSIX only."""

from __future__ import annotations

import json
from pathlib import Path

from dubwright.packs.toolchain.describe import describe


def fake_python(path: Path, version: str, **facts: str) -> Path:
    """A script at ``path`` that says it is Python ``version`` on this machine; ``facts`` as given."""
    said = {
        **describe(),
        "python": version,
        "executable": str(path),
        "base": str(path),
        "free_threaded": "",
        **facts,
    }
    return script(path, f"echo '{json.dumps(said)}'")


def script(path: Path, text: str) -> Path:
    """A shell script at ``path``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path
