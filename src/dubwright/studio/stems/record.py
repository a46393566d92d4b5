"""The small record beside the stems of one source: by it the next run knows what is complete."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from dubwright_kit.codec import from_json, to_json

if TYPE_CHECKING:
    from dubwright.studio.stems.model import SeparationPlan

RECORD = ".dubwright-stems.json"
VERSION = 1


@dataclass(frozen=True)
class StemFile:
    name: str
    size_bytes: int


@dataclass(frozen=True)
class StemsRecord:
    """How the stems in a folder were made, and of which file. ``complete`` is written last."""

    source: str
    size_bytes: int
    mtime_ns: int
    separator: str
    pack: str
    pack_version: str
    form: str
    options: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, StemFile] = field(default_factory=dict)
    duration_s: float = 0.0
    wall_s: float = 0.0
    peak_rss_bytes: int = 0
    note: str = ""
    complete: bool = False
    version: int = VERSION


def read_record(folder: Path) -> StemsRecord | None:
    """The record of a folder; None where there is none, or none that can be read."""
    try:
        data = json.loads((folder / RECORD).read_text("utf-8"))
        record = from_json(StemsRecord, data)
        files = {name: from_json(StemFile, one) for name, one in dict(record.files).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return replace(record, files=files) if record.version == VERSION else None


def write_record(folder: Path, record: StemsRecord, name: str = RECORD) -> None:
    """Put ``record`` in place in one step. Raises OSError, and leaves nothing then."""
    aside = folder / f"{name}.part"
    try:
        aside.write_text(json.dumps(to_json(record), ensure_ascii=False, indent=1), "utf-8")
        aside.replace(folder / name)
    finally:
        aside.unlink(missing_ok=True)


def new_record(plan: SeparationPlan, source: Path) -> StemsRecord:
    """What the record of ``source`` will say, before there are stems. Raises OSError."""
    stat = source.stat()
    return StemsRecord(
        str(source),
        stat.st_size,
        stat.st_mtime_ns,
        plan.model.separator,
        plan.model.pack,
        plan.version,
        plan.form,
        dict(plan.model.options),
    )


def finished(plan: SeparationPlan, source: Path, folder: Path) -> StemsRecord | None:
    """The record of ``folder`` when it holds exactly what the plan would make of ``source``.

    A source that was only moved is the same one; one that was changed (size, time) is not.
    """
    record = read_record(folder)
    if record is None or not record.complete:
        return None
    try:
        wanted = new_record(plan, source)
        sizes = {name: (folder / one.name).stat().st_size for name, one in record.files.items()}
    except OSError:
        return None
    same = replace(
        record,
        source=wanted.source,
        files={},
        duration_s=0.0,
        wall_s=0.0,
        peak_rss_bytes=0,
        note="",
        complete=False,
    )
    is_whole = set(sizes) == set(plan.model.stems) and all(
        sizes[name] == one.size_bytes for name, one in record.files.items()
    )
    named = Path(record.source).name == source.name
    return record if same == wanted and is_whole and named else None
