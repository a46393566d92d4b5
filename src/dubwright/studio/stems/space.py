"""How many bytes a separation writes, and where."""

from __future__ import annotations

import shutil
from pathlib import Path

from dubwright.home import Home
from dubwright.library.disk import full_problem
from dubwright.packs.care.forecast import SPEECH_BYTES_S, STEM_BYTES_S, WORKING_BYTES_S
from dubwright.studio.stems.model import SeparationPlan, SourcePlan

_OF_WAV = {"wav": 1.0, "flac": 0.6, "mp3": 0.23, "m4a": 0.18}
"""Size of a stem against its WAV: flac of music takes about so much, the others have a fixed rate."""

_MP3_MONO = 0.37


def scratch_bytes(plan: SeparationPlan, source: SourcePlan) -> int:
    """The most that working on a source takes in the data folder: its sound and the stems as WAV."""
    stems = len(plan.model.stems) * STEM_BYTES_S
    return round(source.duration_s * (WORKING_BYTES_S + SPEECH_BYTES_S + stems))


def stem_bytes(plan: SeparationPlan, source: SourcePlan) -> int:
    """About what the stems of a source take in OUT."""
    of_wav = _MP3_MONO if plan.form == "mp3" and source.channels == 1 else _OF_WAV[plan.form]
    one = STEM_BYTES_S * source.channels / 2 * of_wav
    return round(source.duration_s * len(plan.model.stems) * one)


def are_moved(plan: SeparationPlan, source: SourcePlan) -> bool:
    """True when the stems in scratch are the files that were asked for, where both are on one disk."""
    return plan.form == "wav" and source.channels == 2


def existing(path: Path) -> Path:
    """``path``, or the nearest folder above that is there."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path


def same_disk(home: Home, out: Path) -> bool:
    return existing(out).stat().st_dev == existing(home.scratch).stat().st_dev


def check_room(home: Home, plan: SeparationPlan, source: SourcePlan) -> None:
    """Raise Problem ``disk-full`` when a source certainly does not fit any more: minutes of work that
    cannot end well are not begun. Estimates may be a tenth too high."""
    here, there = scratch_bytes(plan, source), stem_bytes(plan, source)
    if same_disk(home, plan.out):
        needed = {home.scratch: here if are_moved(plan, source) else here + there}
    else:
        needed = {home.scratch: here, existing(plan.out): there}
    for folder, size_bytes in needed.items():
        if shutil.disk_usage(folder).free < 0.9 * size_bytes:
            raise full_problem(folder)
