"""Everybody separates the same files: whole processes, one after another, in turns."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench.spleeter import sound
from bench.spleeter.environments import HERE, ROOT, Prepared
from bench.spleeter.processes import Ran, run

OFFICIAL, OURS, COMMAND = "official", "ours", "ours, dubwright separate"
SHERPA, SHERPA_PROGRAM = "sherpa-onnx, Python", "sherpa-onnx, program"
FRAME = 4096
SHORT_S, LONG_S = 1, 180
_PROGRAM = "sherpa-onnx-offline-source-separation"

Words = Callable[[Path, Path], Sequence[str | Path]]


@dataclass(frozen=True)
class Contestant:
    """``words`` makes the command that separates a wave file into a folder; ``stems`` are the files that
    it leaves there: first what the official package calls vocals, then its accompaniment. They differ
    by rounding only from the official ones when ``same`` is true."""

    name: str
    words: Words
    stems: tuple[str, str] = ("vocals.wav", "accompaniment.wav")
    env: Mapping[str, str] = field(default_factory=dict)
    same: bool = True


def contestants(prepared: Prepared, our_models: Path, home: Path | None) -> list[Contestant]:
    """All of them; without a ``home`` that has the pack installed not the command line."""
    ours = ("vocals.wav", "background.wav")
    found = [
        Contestant(
            OFFICIAL,
            lambda wav, out: [
                *(prepared.official_python, "-I", HERE / "official.py"),
                *(prepared.models, wav, out),
            ],
        ),
        Contestant(SHERPA, lambda wav, out: sherpa(prepared, wav, out), same=False),
        Contestant(SHERPA_PROGRAM, lambda wav, out: _program(prepared, wav, out), same=False),
        Contestant(
            OURS,
            lambda wav, out: [sys.executable, "-m", "bench.spleeter.ours", our_models, wav, out],
            ours,
            {"PYTHONPATH": str(ROOT)},
        ),
    ]
    if home is not None:
        found.append(
            Contestant(
                COMMAND,
                lambda wav, out: [
                    *(sys.executable, "-m", "dubwright.cli.main", "separate", wav),
                    *("--out", out, "--separator", "spleeter"),
                ],
                ours,
                {"DUBWRIGHT_HOME": str(home)},
                same=False,  # its stems are extended above 11 kHz
            )
        )
    return found


def sherpa(prepared: Prepared, wav: Path, out: Path) -> list[str | Path]:
    """sherpa-onnx by its Python package, on all processors."""
    script = HERE / "sherpa.py"
    threads = str(os.cpu_count())
    return [prepared.sherpa_python, "-I", script, prepared.sherpa_models, wav, out, threads]


def _program(prepared: Prepared, wav: Path, out: Path) -> list[str | Path]:
    models = prepared.sherpa_models
    return [
        prepared.sherpa_python.parent / _PROGRAM,
        f"--spleeter-vocals={models / 'vocals.onnx'}",
        f"--spleeter-accompaniment={models / 'accompaniment.onnx'}",
        f"--input-wav={wav}",
        f"--output-vocals-wav={out / 'vocals.wav'}",
        f"--output-accompaniment-wav={out / 'accompaniment.wav'}",
        f"--num-threads={os.cpu_count()}",
    ]


def contest(
    seconds: int, times: int, everybody: Sequence[Contestant], work: Path
) -> dict[str, dict[str, Any]]:
    """Let everybody separate ``seconds`` of sound ``times`` times, in turns; by name what it took."""
    wav = sound.write(work / f"{seconds}s.wav", seconds * sound.RATE_HZ)
    ran: dict[str, list[Ran]] = {one.name: [] for one in everybody}
    for turn in range(times):
        for one in everybody:
            out = _folder(work, one, seconds)
            env = {**os.environ, **one.env}
            ran[one.name].append(run(one.words(wav, out), env, work))
            took = ran[one.name][-1]
            print(
                f"  {seconds} s of sound, turn {turn + 1}: {one.name:<26}{took.wall_s:7.2f} s"
                f"{took.peak_bytes / 1e6:7.0f} MB",
                flush=True,
            )
    rows = {}
    for one in everybody:
        row: dict[str, Any] = {
            "wall_s": median(each.wall_s for each in ran[one.name]),
            "walls_s": [round(each.wall_s, 3) for each in ran[one.name]],
            "cpu_s": median(each.cpu_s for each in ran[one.name]),
            "peak_bytes": max(each.peak_bytes for each in ran[one.name]),
        }
        if one.same:
            row["difference"] = _difference(work, everybody[0], one, seconds)
        rows[one.name] = row
    return rows


def sherpa_difference(prepared: Prepared, everybody: Sequence[Contestant], work: Path) -> float:
    """How far sherpa-onnx's stems are from the official ones when both see the same blocks.

    It begins its spectra with the file where the official package puts 4096 zeros first, so every mask
    comes from a block that lies four spectra later, and the stems cannot be compared. Given a file with
    these zeros in it, it does the same; the official stems of the file without them must be there.
    """
    seconds = LONG_S
    padded = sound.write(
        work / "padded.wav", seconds * sound.RATE_HZ, "int16", lead_in_frames=FRAME
    )
    out = work / "padded"
    out.mkdir(exist_ok=True)
    run(sherpa(prepared, padded, out), os.environ, work)
    folder = _folder(work, everybody[0], seconds)
    return max(
        sound.largest_difference(folder / stem, out / stem, FRAME) for stem in everybody[0].stems
    )


def _difference(work: Path, official: Contestant, one: Contestant, seconds: int) -> float:
    """Largest difference of a sample of either stem; both files are 16-bit."""
    first, second = _folder(work, official, seconds), _folder(work, one, seconds)
    pairs = zip(official.stems, one.stems, strict=True)
    return max(sound.largest_difference(first / a, second / b) for a, b in pairs)


def _folder(work: Path, one: Contestant, seconds: int) -> Path:
    """Where a contestant's stems of the file lie."""
    folder = work / f"{one.name} {seconds}s".replace(",", "").replace(" ", "-")
    folder.mkdir(exist_ok=True)
    return folder
