"""Separators that exist for tests only: real packs in real guests, whose stems are shares of the sound."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

STEMS = {
    2: ("vocals", "background"),
    4: ("vocals", "drums", "bass", "other"),
    5: ("vocals", "piano", "drums", "bass", "other"),
}

_MANIFEST = """id = "{id}"
title = "Shares of the sound (a pack for tests)"
stage = "separate"
version = "{version}"
env = "host"
builtin = true
licence = "Apache-2.0"

[capabilities]
stems = {stems}
{extensions}
"""

_BACKEND = '''"""Writes 1/n of the sound into each of n stems, and a line about each ask into a log."""

import json, os, time
from pathlib import Path

from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Problem
from dubwright_kit.contracts import SeparateDone

LOG = {log!r}
DELAY_S = {delay_s!r}


def run(ask, report):
    said = {{"pid": os.getpid(), "stems": list(ask.stems), "options": dict(ask.options)}}
    with open(LOG, "a") as log:
        log.write(json.dumps(said) + "\\n")
    stems = {{stem: str(Path(ask.out_dir) / f"{{stem}}.wav") for stem in ask.stems}}
    with WavReader(ask.wav) as film:
        sound = film.read(0, film.frames)
    if len(sound) == {broken_frames!r}:
        raise Problem("not-wav", "This sound is too much for me.")
    for n in range(20):
        report(n, 20, "sharing")
        time.sleep(DELAY_S / 20)
    for path in stems.values():
        with WavWriter(path, 44100, 2) as writer:
            writer.write(sound / len(stems))
    return SeparateDone(stems, len(sound))
'''


def write_pack(
    root: Path,
    pack_id: str,
    stems: int = 2,
    *,
    extensions: Iterable[str] = ("average", "zeros"),
    version: str = "1",
    delay_s: float = 0.0,
    broken_frames: int = -1,
) -> Path:
    """Write a pack that is always ready into ``root`` and return its folder; see :func:`asks`.

    A sound of ``broken_frames`` frames is refused.
    """
    folder = root / pack_id.replace("-", "_")
    folder.mkdir(parents=True, exist_ok=True)
    listed = list(extensions)
    manifest = _MANIFEST.format(
        id=pack_id,
        version=version,
        stems=json.dumps(STEMS[stems]),
        extensions=f"extensions = {json.dumps(listed)}" if listed else "",
    )
    backend = _BACKEND.format(
        log=str(root / "asks.jsonl"), delay_s=delay_s, broken_frames=broken_frames
    )
    (folder / "pack.toml").write_text(manifest, "utf-8")
    (folder / "backend.py").write_text(backend, "utf-8")
    (folder / "__init__.py").touch()  # else the shipped pack of that name is imported
    return folder


def asks(root: Path) -> list[dict[str, Any]]:
    """What the packs of ``root`` were asked, in order."""
    log = root / "asks.jsonl"
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
