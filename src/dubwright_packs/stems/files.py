"""The files of a separation: one a stem, written piece by piece, and what is told about them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, cast, get_args

import numpy as np
import numpy.typing as npt

from dubwright.media.storage import writing_to
from dubwright.media.wav import WavReader, WavWriter, WriteSubtype
from dubwright_kit import NextAction, Problem
from dubwright_kit.contracts import SeparateAsk, SeparateDone

F32 = npt.NDArray[np.float32]


def write_stems(
    ask: SeparateAsk, film: WavReader, subtype: WriteSubtype, pieces: Iterator[list[F32]]
) -> SeparateDone:
    """Write ``<stem>.wav`` for every stem of ``ask``: ``pieces`` are all stems in that order,
    [n, channels of ``film``] each, one after another, as many frames together as ``film`` has.

    Raises Problem ``disk-full``, and what ``pieces`` raises.
    """
    started = time.monotonic()
    paths = {stem: str(Path(ask.out_dir) / f"{stem}.wav") for stem in ask.stems}
    energies = np.zeros(len(paths))
    with contextlib.ExitStack() as files:
        files.enter_context(writing_to(Path(ask.out_dir)))
        writers = [
            files.enter_context(WavWriter(path, film.rate_hz, film.channels, subtype))
            for path in paths.values()
        ]
        for parts in pieces:
            for index, (writer, part) in enumerate(zip(writers, parts, strict=True)):
                writer.write(part)
                energies[index] += float(np.vdot(part, part))
    total = float(energies.sum())
    metrics: dict[str, float | None] = {
        f"{stem}_energy_share": float(energy) / total if total else None
        for stem, energy in zip(paths, energies, strict=True)
    }
    metrics["wall_s"] = time.monotonic() - started
    return SeparateDone(paths, film.frames, metrics)


def check_stems(ask: SeparateAsk, stems: Iterable[str]) -> None:
    """Raise Problem ``option-invalid`` unless ``ask`` wants exactly these."""
    if tuple(ask.stems) != tuple(stems):
        raise _invalid("stems", ", ".join(ask.stems), [", ".join(stems)])


def chosen(options: Mapping[str, Any], name: str, known: Iterable[str], default: str) -> str:
    """Return an option's value. Raises Problem ``option-invalid`` for one that is not ``known``."""
    value, known = options.get(name, default), list(known)
    if value not in known:
        raise _invalid(name, value, known)
    return cast("str", value)


def chosen_subtype(options: Mapping[str, Any]) -> WriteSubtype:
    """The option ``wav``, "int16" when there is none. Raises Problem ``option-invalid``."""
    return cast("WriteSubtype", chosen(options, "wav", get_args(WriteSubtype), "int16"))


def _invalid(name: str, value: Any, known: Iterable[str]) -> Problem:
    return Problem(
        "option-invalid",
        f'{name} can be {" or ".join(known)} here, not "{value}".',
        NextAction("see the help", "separate", {"help": True}),
    )
