"""The score of a dub of the sample against its truth. Every figure is measured on the files."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dubwright.demo.sample import RATE_HZ, Sample
from dubwright.engines.scoring import der, si_sdr_db, wer
from dubwright.library.artifacts import ItemFiles
from dubwright.media.wav import WavReader
from dubwright_kit.contracts import Turn, Word

Audio = npt.NDArray[np.float32]
SEARCH_S = 0.4


@dataclass(frozen=True)
class Scorecard:
    """``metrics`` by name (see docs/demo.md), ``stages`` with wall time and peak memory."""

    metrics: Mapping[str, float | int | None]
    stages: tuple[Mapping[str, Any], ...]
    film: Path
    report: Path


def read_all(path: Path) -> Audio:
    """Return the whole file as float32 [frames, channels]."""
    with WavReader(path) as reader:
        return reader.read(0, reader.frames)


def stem_scores(sample: Sample, files: ItemFiles, separator: str) -> dict[str, float]:
    """SI-SDR in dB of both stems and, for comparison, of the unprocessed mix."""
    folder = files.separation(separator)
    mix = read_all(files.working_wav)
    scores = {}
    for stem, truth_path in (("vocals", sample.vocals), ("background", sample.background)):
        truth = read_all(truth_path)
        estimate = read_all(folder / f"{stem}.wav")
        length = min(len(truth), len(estimate), len(mix))
        scores[f"{stem}_si_sdr_db"] = si_sdr_db(truth[:length], estimate[:length])
        scores[f"{stem}_si_sdr_mix_db"] = si_sdr_db(truth[:length], mix[:length])
    return scores


def transcript_scores(
    sample: Sample, draft: Sequence[str], aligned: Sequence[Word]
) -> dict[str, float | None]:
    """WER of the recognised draft, and how far the aligned words are from where they are."""
    truth = [word for line in sample.lines for word in line.text.split()]
    starts = [start for line in sample.lines for start in line.word_starts_s]
    scores: dict[str, float | None] = {
        "draft_wer": wer(" ".join(truth), " ".join(draft)),
        "aligned_wer": wer(" ".join(truth), " ".join(word.text for word in aligned)),
        "word_start_error_median_s": None,
        "word_start_error_max_s": None,
    }
    if len(starts) == len(truth) == len(aligned):
        errors = np.abs([word.start_s - start for word, start in zip(aligned, starts, strict=True)])
        scores["word_start_error_median_s"] = float(np.median(errors))
        scores["word_start_error_max_s"] = float(errors.max())
    return scores


def turn_score(sample: Sample, diarization: Path) -> dict[str, float | int]:
    """Diarization error rate (0.25 s collar) with the number of speakers unknown."""
    found = json.loads(diarization.read_text("utf-8"))
    truth = [Turn(line.start_s, line.end_s, line.speaker) for line in sample.lines]
    turns = [Turn(t["start_s"], t["end_s"], t["speaker"]) for t in found["turns"]]
    return {"der": der(truth, turns), "speakers_found": len(found["speakers"])}


def line_scores(sample: Sample, manifest: Path, mix: Path) -> dict[str, float | int]:
    """Where each dubbed line really starts in the mix, against the line it replaces.

    The line's own WAV is looked for in the mix by cross-correlation, ``SEARCH_S`` around its place.
    """
    lines = json.loads(manifest.read_text("utf-8"))["segments"]
    sound = read_all(mix).mean(axis=1)
    errors, overflows = [], []
    for line in lines:
        truth = min(sample.lines, key=lambda one: abs(one.start_s - float(line["start_s"])))
        wav = Path(line["wav"])
        heard_s = find_start(
            sound, wav if wav.is_absolute() else manifest.parent / wav, float(line["start_s"])
        )
        errors.append(abs(heard_s - truth.start_s))
        overflows.append(float(line.get("overflow_s") or 0.0))
    return {
        "lines": len(lines),
        "start_error_median_s": float(np.median(errors)),
        "start_error_max_s": float(np.max(errors)),
        "overflow_lines": sum(one > 0.05 for one in overflows),
        "overflow_max_s": float(np.max(overflows)),
    }


def find_start(sound: npt.NDArray[np.float32], wav: Path, expected_s: float) -> float:
    """Return the time at which ``wav`` starts in ``sound`` (mono, 44.1 kHz)."""
    import soxr

    with WavReader(wav) as reader:
        line = soxr.resample(reader.read(0, reader.frames)[:, 0], reader.rate_hz, RATE_HZ)
    line = line[: 3 * RATE_HZ]
    begin = max(0, round((expected_s - SEARCH_S) * RATE_HZ))
    window = sound[begin : begin + len(line) + round(2 * SEARCH_S * RATE_HZ)]
    size = 1 << (len(window) + len(line)).bit_length()
    product = np.fft.rfft(window, size) * np.conj(np.fft.rfft(line, size))
    lags = np.fft.irfft(product, size)[: max(1, len(window) - len(line) + 1)]
    return (begin + int(np.argmax(lags))) / RATE_HZ


def stage_table(results: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], ...]:
    """Stages of all jobs in order; one that ran twice keeps its longer run."""
    stages: dict[str, dict[str, Any]] = {}
    for result in results:
        for stage in result.get("stages", ()):
            name = stage["name"]
            kept = stages.setdefault(name, {"name": name, "wall_s": 0.0, "peak_rss_bytes": 0})
            kept["wall_s"] = max(kept["wall_s"], stage["wall_s"])
            kept["peak_rss_bytes"] = max(kept["peak_rss_bytes"], stage["peak_rss_bytes"])
    return tuple(stages.values())
