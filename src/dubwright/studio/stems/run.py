"""Carrying out a plan: one source after another, with the same warm guests for all."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dubwright.home import Home
from dubwright.library.artifacts import clean_scratch, scratch_folder
from dubwright.library.disk import disk_problem
from dubwright.packs.catalog import Packs
from dubwright.packs.wall.call import GuestBug
from dubwright.studio.stems.model import (
    SeparationPlan,
    SeparationResult,
    SourcePlan,
    SourceStems,
    StemsProgress,
    Watch,
)
from dubwright.studio.stems.placing import alone_in, clear_parts, place
from dubwright.studio.stems.plan import for_separate
from dubwright.studio.stems.record import StemsRecord, new_record
from dubwright.studio.stems.space import check_room
from dubwright_kit import NextAction, Problem, Report
from dubwright_kit.contracts import IngestAsk, SeparateAsk

if TYPE_CHECKING:
    from dubwright.packs.wall.call import Wall

INGEST_UNTIL, SEPARATED_AT = 0.2, 0.9
"""Shares of a file's time: reading, separating, writing."""
_OF_THE_PACK = frozenset(
    {"weights-missing", "weights-wrong", "pack-broken", "pack-not-installed", "pack-unavailable",
     "guest-no-start", "guest-protocol"}
)  # fmt: skip


def run_plan(home: Home, packs: Packs, plan: SeparationPlan, watch: Watch) -> SeparationResult:
    """Make the stems of every source that is not settled yet; one that fails does not stop the others,
    a pack that cannot work does: then nobody waits for a thousand films to be read in vain.

    Raises Problem ``out-busy``, what ``watch`` raises, and KeyboardInterrupt: then what is finished
    stays and nothing half-written is left.
    """
    clean_scratch(home)  # of a run that was killed: it may hold gigabytes
    told = _Told(plan, watch)
    files: list[SourceStems] = []
    hopeless: Problem | None = None
    with alone_in(home, plan.out, plan.again), packs.wall() as wall:
        for number, source in enumerate(plan.sources, 1):
            result = source.settled
            if result is None and hopeless is not None:
                result = _failed(plan, source, hopeless)
            elif result is None:
                result = _attempt(home, wall, plan, source, told.reporting(number))
                if result.problem is not None and result.problem.code in _OF_THE_PACK:
                    hopeless = result.problem
            files.append(result)
            told.settled(number, result)
    return SeparationResult(plan, tuple(files))


def _attempt(
    home: Home, wall: Wall, plan: SeparationPlan, source: SourcePlan, report: Report
) -> SourceStems:
    try:
        return separate_one(home, wall, plan, source, report)
    except Problem as problem:
        found = problem
    except OSError as error:
        found = disk_problem(error, source.folder)
    except GuestBug as bug:
        found = _bug(plan, bug)
    return _failed(plan, source, for_separate(found, plan))


def _failed(plan: SeparationPlan, source: SourcePlan, problem: Problem) -> SourceStems:
    return SourceStems(
        source.path,
        source.folder,
        "failed",
        plan.model.separator,
        duration_s=source.duration_s,
        problem=problem,
    )


def _bug(plan: SeparationPlan, bug: GuestBug) -> Problem:
    trace = str(bug.args[0]).strip()
    return Problem(
        "bug",
        f"The pack {plan.model.pack} made a mistake: {trace.splitlines()[-1] if trace else bug}",
        NextAction("look at versions and recent failures for a report", "diagnostics", {}),
        trace,
    )


def separate_one(
    home: Home, wall: Wall, plan: SeparationPlan, source: SourcePlan, report: Report
) -> SourceStems:
    """Read, separate and place one source. Raises the Problems of decoding and of the packs,
    ``disk-full``, OSError, and what ``report`` raises."""
    started = time.monotonic()
    check_room(home, plan, source)
    # Before it is read: a source that is still being written is done again next time.
    record = _record(plan, source) if plan.batch else None
    clear_parts(source.folder)
    with scratch_folder(home, "stems") as scratch:
        ingest = IngestAsk(
            str(source.path),
            source.audio_stream,
            str(scratch / "working.wav"),
            str(scratch / "speech.wav") if plan.model.speech else "",
            str(scratch / "vad.json") if plan.model.speech else "",
            source.duration_s,
        )
        first = wall.call("ingest", ingest, _part(report, 0.0, INGEST_UNTIL, "reading the sound"))
        ask = SeparateAsk(
            ingest.working_wav,
            str(scratch / "stems"),
            ingest.vad_json,
            plan.model.stems,
            plan.model.options,
        )
        Path(ask.out_dir).mkdir()
        separating = _part(report, INGEST_UNTIL, SEPARATED_AT, "separating")
        second = wall.call(plan.model.pack, ask, separating)
        for used in ("working.wav", "speech.wav"):
            with contextlib.suppress(OSError):  # only to make room for what is written now
                (scratch / used).unlink()
        peak = max(first.peak_rss_bytes, second.peak_rss_bytes)
        wall_s = time.monotonic() - started
        if record is not None:
            record = replace(
                record,
                duration_s=source.duration_s,
                wall_s=wall_s,
                peak_rss_bytes=peak,
                note=first.done.note,
            )
        made = {stem: Path(path) for stem, path in second.done.stems.items()}
        writing = _part(report, SEPARATED_AT, 1.0, "writing")
        stems = place(made, source.folder, plan.form, source.channels, record, writing)
    return SourceStems(
        source.path,
        source.folder,
        "done",
        plan.model.separator,
        stems,
        source.duration_s,
        time.monotonic() - started,
        peak,
        note=first.done.note,
    )


def _record(plan: SeparationPlan, source: SourcePlan) -> StemsRecord:
    try:
        return new_record(plan, source.path)
    except OSError as error:
        raise Problem(
            "file-missing", f"There is no file {source.path} any more.", None, str(error)
        ) from error


def _part(report: Report, start: float, end: float, label: str) -> Report:
    def part(done: float, total: float | None = None, note: str = "") -> None:
        share = min(done / total, 1.0) if total else 0.0
        report(start + (end - start) * share, 1.0, note or label)

    return part


class _Told:
    """Turns the progress of one file into that of the whole, by the length of their sound."""

    def __init__(self, plan: SeparationPlan, watch: Watch) -> None:
        self._sources = plan.sources
        self._watch = watch
        self._before_s = _starts(plan.sources)
        self._all_s = self._before_s[-1] or 1.0

    def reporting(self, number: int) -> Report:
        def report(done: float, total: float | None = None, note: str = "") -> None:
            self._tell(number, note, done / total if total else 0.0, None)

        return report

    def settled(self, number: int, result: SourceStems) -> None:
        self._tell(number, result.state, 1.0, result)

    def _tell(self, number: int, step: str, share: float, result: SourceStems | None) -> None:
        start_s, end_s = self._before_s[number - 1], self._before_s[number]
        whole = (start_s + (end_s - start_s) * share) / self._all_s
        path = self._sources[number - 1].path
        of = len(self._sources)
        self._watch(StemsProgress(number, of, path, step, share, min(1.0, whole), result))


def _starts(sources: Sequence[SourcePlan]) -> list[float]:
    """Seconds of sound to be worked on before each source, and at last of all."""
    starts = [0.0]
    for one in sources:
        starts.append(starts[-1] + (one.duration_s if one.settled is None else 0.0))
    return starts
