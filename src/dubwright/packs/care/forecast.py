"""How long work will take, how much memory and disk: from what was measured on this machine.

A pure function of numbers that the caller gathers. What earlier jobs took is the best guess; the
packs' canaries are the second; without either a stage is unknown, and the forecast says so.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from dubwright.packs.record import CanaryRun

Basis = Literal["measured here", "canary", "unknown"]

LAST_RUNS = 5
"""So many of the newest runs count: an update of a pack or of the machine is seen soon."""
SIMILAR = 4.0
"""Runs of a film up to so many times longer or shorter are preferred: what every call costs weighs
more in short ones."""
MEMORY_RESERVE_BYTES = 200_000_000
"""For the program itself, beside the pack at work."""
DISK_RESERVE_BYTES = 100_000_000
"""Less than this left beside the work's own files is worth a warning."""

# What the stages write, in bytes for a second of film.
WORKING_BYTES_S = 44_100 * 2 * 4
"""Working sound: stereo, 32-bit float."""
SPEECH_BYTES_S = 16_000 * 2 + 300
"""Its 16 kHz mono twin, and the speech probabilities as JSON."""
STEM_BYTES_S = 44_100 * 2 * 2
"""One stem, or the mix: stereo, 16 bit."""
VOICE_BYTES_S = 22_050 * 2
"""A spoken line: mono, 16 bit."""
DUB_BYTES_S = 24_000
"""The dub in the film: AAC at 192 kbit/s."""
SPOKEN_SHARE = 0.6
"""How much of a film is speech, where that is not known; lines are kept twice (as spoken, as fitted)."""


@dataclass(frozen=True)
class Measured:
    """One stage of an earlier job, newest first in a list; ``duration_s`` is the film's."""

    stage: str
    packs: tuple[str, ...]
    variant: str
    duration_s: float
    wall_s: float
    peak_rss_bytes: int


@dataclass(frozen=True)
class StageAsk:
    """A stage that will run, in these packs (none: nothing but bookkeeping).

    ``variant`` tells apart what takes different time in the same pack ("align", "draft").
    ``share``: of the film's length, how much the packs work on; ``ram_bytes`` is what their
    manifests say that they need; ``tested``: their canaries do this variant; ``done``: there is
    nothing to do; ``stems``: how many a separation writes.
    """

    stage: str
    packs: tuple[str, ...] = ()
    variant: str = ""
    share: float = 1.0
    ram_bytes: int = 0
    tested: bool = True
    done: bool = False
    stems: int = 2


@dataclass(frozen=True)
class StageForecast:
    """``wall_s`` is None when nothing was ever measured."""

    stage: str
    wall_s: float | None
    peak_rss_bytes: int
    basis: Basis


@dataclass(frozen=True)
class Disk:
    """Bytes that will be written: into the data folder, and where the film goes beside it."""

    data_bytes: int = 0
    out_bytes: int = 0


@dataclass(frozen=True)
class Machine:
    """What is free now; None where it could not be read. ``out_free_bytes`` where ``--out`` is."""

    memory_bytes: int | None = None
    data_free_bytes: int | None = None
    out_free_bytes: int | None = None
    same_disk: bool = True
    """True when ``--out`` is on the data folder's disk."""


@dataclass(frozen=True)
class Forecast:
    """``temporary_disk_bytes``: what the work writes into the data folder; ``peak_memory_bytes``:
    of the largest process. ``warnings`` are sentences for people."""

    wall_s: float | None
    peak_memory_bytes: int
    temporary_disk_bytes: int
    out_bytes: int
    per_stage: tuple[StageForecast, ...]
    basis: Basis
    warnings: tuple[str, ...] = ()

    @property
    def unknown(self) -> tuple[str, ...]:
        """The stages that were never measured."""
        return tuple(one.stage for one in self.per_stage if one.wall_s is None)


def forecast(
    duration_s: float,
    stages: Sequence[StageAsk],
    canaries: Mapping[str, CanaryRun],
    history: Sequence[Measured],
    disk: Disk,
    machine: Machine,
) -> Forecast:
    """Forecast the stages of one piece of work on a film of ``duration_s`` seconds."""
    parts = tuple(_stage(duration_s, one, canaries, history) for one in stages)
    times = [one.wall_s for one in parts]
    known = [time for time in times if time is not None]
    bases = {one.basis for one in parts}
    basis: Basis = "measured here"
    for worse in ("canary", "unknown"):
        if worse in bases:
            basis = worse
    peak = max((one.peak_rss_bytes for one in parts), default=0)
    return Forecast(
        wall_s=sum(known) if len(known) == len(times) else None,
        peak_memory_bytes=peak,
        temporary_disk_bytes=disk.data_bytes,
        out_bytes=disk.out_bytes,
        per_stage=parts,
        basis=basis,
        warnings=(*_memory_warning(peak, machine), *_disk_warnings(disk, machine)),
    )


def disk_of(
    duration_s: float,
    source_bytes: int,
    stages: Sequence[StageAsk],
    *,
    speech_s: float | None = None,
    out: bool = False,
) -> Disk:
    """What the stages write for a film of ``source_bytes``; of which ``speech_s`` is speech."""
    spoken_s = duration_s * SPOKEN_SHARE if speech_s is None else speech_s
    film = source_bytes + round(duration_s * DUB_BYTES_S)
    stems = next((one.stems for one in stages if one.stage == "separate"), 0)
    written = {
        "ingest": duration_s * (WORKING_BYTES_S + SPEECH_BYTES_S),
        "separate": duration_s * stems * STEM_BYTES_S,
        "listen": duration_s * SPEECH_BYTES_S,
        "speak": spoken_s * VOICE_BYTES_S,
        "fit": spoken_s * VOICE_BYTES_S,
        "mix": duration_s * STEM_BYTES_S,
        "mux": film,
    }
    todo = [one.stage for one in stages if not one.done]
    return Disk(
        round(sum(written.get(stage, 0.0) for stage in todo)),
        film if out and "deliver" in todo else 0,
    )


def lacking(needed: Disk, machine: Machine) -> int:
    """Bytes that certainly do not fit into the data folder's disk; 0 when they may."""
    if machine.data_free_bytes is None:
        return 0
    # The lines' share is a guess and compressed films vary: a twentieth may be missing by error.
    total = needed.data_bytes + (needed.out_bytes if machine.same_disk else 0)
    return max(0, round(total * 0.95) - machine.data_free_bytes)


def _stage(
    duration_s: float,
    ask: StageAsk,
    canaries: Mapping[str, CanaryRun],
    history: Sequence[Measured],
) -> StageForecast:
    if ask.done or not ask.packs:
        return StageForecast(ask.stage, 0.0, 0, "measured here")
    mine = [
        one
        for one in history
        if (one.stage, one.packs, one.variant) == (ask.stage, ask.packs, ask.variant)
        and one.duration_s > 0
        and one.peak_rss_bytes > 0  # else nothing was asked of the pack
    ]
    runs = [canaries[name] for name in ask.packs if name in canaries]
    complete = len(runs) == len(ask.packs)
    if mine:
        start_s = sum(run.start_s for run in runs) if complete else 0.0
        return _measured(duration_s, ask, mine, start_s)
    if complete and ask.tested and all(run.clip_s for run in runs):
        sound_s = duration_s * ask.share
        seconds = sum(run.start_s + sound_s * run.wall_s / run.clip_s for run in runs)
        return StageForecast(ask.stage, seconds, max(run.peak_rss_bytes for run in runs), "canary")
    peaks = [run.peak_rss_bytes for run in runs]
    return StageForecast(ask.stage, None, max((ask.ram_bytes, *peaks)), "unknown")


def _measured(
    duration_s: float, ask: StageAsk, mine: Sequence[Measured], start_s: float
) -> StageForecast:
    similar = [one for one in mine if 1 / SIMILAR <= one.duration_s / duration_s <= SIMILAR] or mine
    newest = similar[:LAST_RUNS]
    # A warm guest may have saved the start; never take more than half of a run for it.
    rates = [max(one.wall_s - start_s, one.wall_s / 2) / one.duration_s for one in newest]
    return StageForecast(
        ask.stage,
        start_s + statistics.median(rates) * duration_s,
        max(one.peak_rss_bytes for one in newest),
        "measured here",
    )


def _memory_warning(peak: int, machine: Machine) -> tuple[str, ...]:
    free = machine.memory_bytes
    if free is None or peak + MEMORY_RESERVE_BYTES <= free:
        return ()
    return (
        f"This needs about {(peak + MEMORY_RESERVE_BYTES) / 1e9:.1f} GB of memory, and "
        f"{free / 1e9:.1f} GB are free: close other programs, or it may be slow or stop.",
    )


def _disk_warnings(disk: Disk, machine: Machine) -> tuple[str, ...]:
    places = [("the data folder", disk.data_bytes, machine.data_free_bytes)]
    if disk.out_bytes and not machine.same_disk:
        places.append(("the folder of --out", disk.out_bytes, machine.out_free_bytes))
    elif disk.out_bytes:
        places[0] = (places[0][0], disk.data_bytes + disk.out_bytes, machine.data_free_bytes)
    return tuple(
        f"This writes about {needed / 1e9:.1f} GB into {place}, where {free / 1e9:.1f} GB are free."
        for place, needed, free in places
        if needed and free is not None and needed + DISK_RESERVE_BYTES > free
    )
