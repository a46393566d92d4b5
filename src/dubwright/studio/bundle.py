"""A zip for a bug report: what there is, what was installed, what failed. Nothing is sent."""

from __future__ import annotations

import dataclasses
import json
import os
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubwright.home import Home
from dubwright.jobs.engine import Jobs
from dubwright.jobs.model import Job
from dubwright.packs.catalog import Packs
from dubwright.packs.record import FILE_NAME
from dubwright.studio.scrub import Scrub
from dubwright.studio.views import Diagnostics
from dubwright_kit import NextAction, Problem
from dubwright_kit.problem import is_disk_full

if TYPE_CHECKING:
    from dubwright.library import Library

_LOG_BYTES = 200_000
"""Of each log the end is taken; failures stand there."""
_JOBS = 10
_README = """\
This file was written by `dubwright diagnostics --bundle` to go with a bug report. Nobody has sent it;
you decide who gets it. Every file in it is text: look at them first.

{files}

Not in it: films, sounds, transcripts, translations, titles and names of films. Your home folder reads
"~", your user name "<user>", this machine's name "<machine>", texts of yours "<private>", passwords and
tokens "***". Of variables that could tell something only the name is given.
"""
# Their values tell about a machine, not about a person.
_HARMLESS = frozenset(
    {
        "LANG", "LANGUAGE", "TERM", "TZ", "SHELL", "OS", "NUMBER_OF_PROCESSORS", "PYTHONUTF8",
        "PYTHONIOENCODING", "OMP_NUM_THREADS", "UV_OFFLINE", "UV_NO_CACHE", "UV_LINK_MODE",
        "UV_CACHE_DIR", "SSL_CERT_FILE", "SSL_CERT_DIR", "CUDA_VISIBLE_DEVICES",
    }
)  # fmt: skip
_HARMLESS_PREFIXES = ("LC_", "PROCESSOR_", "DUBWRIGHT_")
_NEVER = ("DATABASE", "TOKEN", "SECRET", "PASS", "KEY", "CREDENTIAL", "AUTH")


@dataclass(frozen=True)
class Bundle:
    """What was written: ``files`` inside with their bytes; ``left_out`` says what is not, and why."""

    path: Path
    files: Mapping[str, int]
    left_out: tuple[str, ...] = ()


def write_bundle(
    home: Home,
    found: Diagnostics,
    packs: Packs,
    jobs: Jobs,
    library: Callable[[], Library],
    out: Path,
) -> Bundle:
    """Write the zip ``out``. Raises Problem ``bundle-exists``, ``out-not-writable``, ``disk-full``."""
    out = out.expanduser().absolute()
    if out.exists():
        raise Problem(
            "bundle-exists",
            f"{out} is there already; it was left alone.",
            NextAction("choose another name", "diagnostics", {"bundle": str(_other(out))}),
        )
    left_out: list[str] = []
    failed = _failed(jobs, left_out)
    known, names, lines = _films(library, {job.item_id for job in failed}, left_out)
    scrub = Scrub.here(names, lines)
    contents = {
        name: scrub.text(content) if isinstance(content, str) else _json(scrub.data(content))
        for name, content in _contents(home, found, packs, jobs, known, failed, left_out)
    }
    listed = "\n".join(f"- {name}, {len(text.encode()):,} B" for name, text in contents.items())
    contents = {"README.txt": _README.format(files=listed), **contents}
    aside = out.with_name(f".{out.name}.{os.getpid()}.part")
    try:
        with zipfile.ZipFile(aside, "x", zipfile.ZIP_DEFLATED) as archive:
            for name, text in contents.items():
                archive.writestr(name, text)
        aside.rename(out)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise _not_written(out, error) from error
    return Bundle(
        out, {name: len(text.encode()) for name, text in contents.items()}, tuple(left_out)
    )


def _other(out: Path) -> Path:
    return out.with_name(f"{out.stem}-{time.strftime('%Y%m%d-%H%M%S')}{out.suffix}")


def _not_written(out: Path, error: OSError) -> Problem:
    code = NextAction("write it elsewhere", "diagnostics", {"bundle": "FILE.zip"})
    if is_disk_full(error):
        return Problem("disk-full", f"There is no room for {out}.", code, str(error))
    return Problem("out-not-writable", f"{out} cannot be written: {error.strerror or error}.", code)


def _contents(
    home: Home,
    found: Diagnostics,
    packs: Packs,
    jobs: Jobs,
    known: set[str | None],
    failed: Sequence[Job],
    left_out: list[str],
) -> Iterator[tuple[str, Any]]:
    """Name and content of every file: text, or data that becomes JSON."""
    gone = {job.id for job in failed if job.item_id not in known}
    yield "diagnostics.json", _without_words(dataclasses.asdict(found), gone)
    yield "environment.json", _variables(os.environ)
    if home.pack_settings.is_file():
        yield "packs/settings.json", _data(home.pack_settings)
    for status in packs.statuses():
        record = home.pack(status.name) / FILE_NAME
        if record.is_file():
            yield f"packs/{status.name}/{FILE_NAME}", _data(record)
        log = packs.log_path(status.name)
        if log is not None:
            yield f"packs/logs/{log.name}", _tail(log)
    for job in failed:
        path = jobs.log_path(job.id)
        if not path.is_file():
            continue
        if job.id in gone:
            # What must not be in it is not known any more.
            left_out.append(f"the log of job {job.id}: its film is not known any more")
            continue
        yield f"jobs/{job.id}-{job.type}.log", _tail(path)


def _without_words(found: dict[str, Any], gone: set[str]) -> dict[str, Any]:
    """Of failures with films that are gone only the code is told: their words could name the film."""
    for failure in found["failures"]:
        if failure["job"] in gone and failure["problem"] is not None:
            failure["problem"] = {"code": failure["problem"]["code"]}
    return found


def _data(path: Path) -> Any:
    text = path.read_text("utf-8", "replace")
    try:
        return json.loads(text)
    except ValueError:
        return text[-_LOG_BYTES:]


def _json(data: Any) -> str:
    return json.dumps(data, indent=1, ensure_ascii=False, default=str)


def _tail(path: Path) -> str:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        start = max(0, size - _LOG_BYTES)
        file.seek(start)
        text = file.read(_LOG_BYTES).decode("utf-8", "replace")
    return f"[the first {start:,} B are left out]\n{text}" if start else text


def _is_harmless(name: str) -> bool:
    known = name in _HARMLESS or name.startswith(_HARMLESS_PREFIXES)
    return known and not any(word in name for word in _NEVER)


def _variables(env: Mapping[str, str]) -> dict[str, Any]:
    told = [name for name in sorted(env) if _is_harmless(name.upper())]
    return {"values": {name: env[name] for name in told}, "set": sorted(set(env) - set(told))}


def _failed(jobs: Jobs, left_out: list[str]) -> list[Job]:
    try:
        return jobs.jobs(state="failed")[:_JOBS]
    except Problem as problem:
        left_out.append(f"logs of jobs: {problem.message}")
        return []


def _films(
    library: Callable[[], Library], failed: set[str | None], left_out: list[str]
) -> tuple[set[str | None], list[str], list[str]]:
    """Return the ids of known films (None: jobs without one), their titles and paths, and what is
    said in those of ``failed``, which logs could repeat. A damaged library knows none.
    """
    known: set[str | None] = {None}
    names, lines = [], []
    try:
        opened = library()
        for item in opened.items():
            source = item.source
            names += [item.title, str(source), source.name, source.stem]
            if source.parent != Path.home():
                names.append(str(source.parent))
            for track in opened.tracks(item.id) if item.id in failed else ():
                lines += [segment.text for segment in opened.segments(track.id)]
            known.add(item.id)
    except Problem as problem:
        left_out.append(f"logs of jobs with films: {problem.message}")
        return {None}, names, lines
    return known, names, lines
