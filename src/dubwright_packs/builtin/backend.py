"""Separate speech from background without any download: streaming, constant memory, exact length.

The vocals are quantised first and the background is what they leave of the original, so that the
two stems add up to it within half a step of 16 bits.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Dict, List, Optional

import numpy as np
import numpy.typing as npt

from dubwright.engines.spectral import GRID, MARGIN_S, separate_block
from dubwright.engines.stft import in_blocks
from dubwright.engines.vad import StreamingVad, speech_spans
from dubwright.media.storage import writing_to
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit.contracts import SeparateAsk, SeparateDone, Span
from dubwright_kit.report import Report
from dubwright_packs.builtin.canary import check, compose

__all__ = ["check", "compose", "run"]

F32 = npt.NDArray[np.float32]

BLOCK_S = 16.0
STEP = 1 / 32768
LOUDEST = 1 - STEP


def run(ask: SeparateAsk, report: Report) -> SeparateDone:
    """Write ``vocals.wav`` and ``background.wav``. Raises Problem ``not-wav`` for a damaged input,
    ``disk-full``."""
    started = time.monotonic()
    stems = {stem: str(Path(ask.out_dir) / f"{stem}.wav") for stem in ("vocals", "background")}
    energy = dict.fromkeys(stems, 0.0)
    with WavReader(ask.wav) as film:
        rate, channels, frames = film.rate_hz, film.channels, film.frames
        speech = _speech(ask, film)

        def read(start: int, n: int) -> F32:
            return np.nan_to_num(film.read(start, n), nan=0.0, posinf=1.0, neginf=-1.0)

        def process(sound: F32, start: int) -> F32:
            begin_s, end_s = start / rate, (start + len(sound)) / rate
            here = [
                (a - begin_s, b - begin_s) for a, b in speech if b > begin_s - 1 and a < end_s + 1
            ]
            wide = sound if channels > 1 else np.repeat(sound, 2, axis=1)
            return separate_block(wide[:, :2], rate, here)[:, :channels]

        blocks = in_blocks(
            read,
            frames,
            process,
            block=round(BLOCK_S * rate),
            margin=round(MARGIN_S * rate),
            hop=GRID,
        )
        with (
            writing_to(Path(ask.out_dir)),
            WavWriter(stems["vocals"], rate, channels) as vocals,
            WavWriter(stems["background"], rate, channels) as background,
        ):
            for start, voice in blocks:
                parts = split(read(start, len(voice)), voice)
                for stem, writer, part in zip(stems, (vocals, background), parts):
                    writer.write(part)
                    energy[stem] += float(np.vdot(part, part))
                report((start + len(voice)) / rate, frames / rate, "separating")
    total = sum(energy.values())
    metrics: Dict[str, Optional[float]] = {
        f"{stem}_energy_share": value / total if total else None for stem, value in energy.items()
    }
    metrics["wall_s"] = time.monotonic() - started
    return SeparateDone(stems, frames, metrics)


def split(original: F32, vocals: F32) -> "tuple[F32, F32]":
    """Return (vocals, background), both within 16 bits, that add up to ``original``.

    The vocals give way where either stem would clip. Only an original beyond twice full scale
    cannot be held by two stems.
    """
    low = np.maximum(-1.0, original - LOUDEST)
    high = np.minimum(LOUDEST, original + 1.0)
    steps = np.rint(np.clip(vocals, low, high) / STEP)
    quantised = np.clip(steps * STEP, -1.0, LOUDEST).astype(np.float32)
    return quantised, (original - quantised).astype(np.float32)


def _speech(ask: SeparateAsk, film: WavReader) -> List[Span]:
    """Where somebody speaks: as measured at ingest, else measured now."""
    if ask.vad_json:
        data = json.loads(Path(ask.vad_json).read_text("utf-8"))
        return [(float(start_s), float(end_s)) for start_s, end_s in data["spans"]]
    import soxr

    resampler = soxr.ResampleStream(film.rate_hz, 16_000, 1, dtype="float32")
    vad = StreamingVad()
    block = round(BLOCK_S * film.rate_hz)
    for start in range(0, film.frames, block):
        mono = film.read(start, block).mean(axis=1)
        vad.push(resampler.resample_chunk(mono, last=start + block >= film.frames))
    frame_s, p = vad.result()
    return speech_spans(p, frame_s)
