"""``separate``: stems of any file, without the library."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from pathlib import Path

from dubwright.home import Home
from dubwright.library.artifacts import disk_problem
from dubwright.packs.catalog import Packs
from dubwright.recipe import pick_separator
from dubwright.studio.intake import pick_stream
from dubwright.studio.views import Stems
from dubwright_kit import NextAction, Problem, Report, silent
from dubwright_kit.contracts import IngestAsk, SeparateAsk


def separate_file(
    home: Home,
    packs: Packs,
    source: Path,
    out: Path,
    separator: str | None = None,
    report: Report = silent,
) -> Stems:
    """Write ``<out>/vocals.wav`` and ``background.wav`` (44.1 kHz stereo, the source's length).

    Files appear under their names only when both are complete. Raises the Problems of probing,
    ``out-not-writable``, ``disk-full``, and the pack's.
    """
    from dubwright.media.probe import probe

    info = probe(source)
    name = pick_separator(packs, separator)
    packs.require(name)
    started = time.monotonic()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _not_writable(out, source, error) from error
    if not os.access(out, os.W_OK):
        raise _not_writable(out, source, None)
    scratch = Path(tempfile.mkdtemp(prefix="stems-", dir=home.scratch))
    try:
        with packs.wall() as wall:
            ingest = IngestAsk(
                str(source.absolute()),
                pick_stream([stream.default for stream in info.audio], None, source),
                str(scratch / "working.wav"),
                str(scratch / "speech.wav"),
                str(scratch / "vad.json"),
                info.duration_s,
            )
            first = wall.call("ingest", ingest, _part(report, 0.0, 0.3, "reading the sound"))
            ask = SeparateAsk(ingest.working_wav, str(scratch / "stems"), ingest.vad_json)
            Path(ask.out_dir).mkdir()
            second = wall.call(name, ask, _part(report, 0.3, 1.0, "separating"))
        stems = {}
        for stem, path in second.done.stems.items():
            stems[stem] = out / Path(path).name
            _place(Path(path), stems[stem])
    except OSError as error:
        raise disk_problem(error, out) from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    peak = max(first.peak_rss_bytes, second.peak_rss_bytes)
    return Stems(source, stems, name, time.monotonic() - started, peak)


def _place(made: Path, final: Path) -> None:
    """Move across filesystems without ever showing a half-written file under the final name."""
    aside = final.with_name(f".{final.name}.part")
    try:
        shutil.move(made, aside)
        aside.replace(final)
    finally:
        aside.unlink(missing_ok=True)


def _part(report: Report, start: float, end: float, label: str) -> Report:
    def part(done: float, total: float | None = None, note: str = "") -> None:
        share = min(done / total, 1.0) if total else 0.0
        report(start + (end - start) * share, 1.0, note or label)

    return part


def _not_writable(out: Path, source: Path, error: OSError | None) -> Problem:
    return Problem(
        "out-not-writable",
        f"The folder {out} cannot be written.",
        NextAction("choose another folder", "separate", {"_": [str(source)], "out": "FOLDER"}),
        str(error or ""),
    )
