"""Who speaks when: GE2E voiceprints, clustered. ``prepare`` builds the model once, at install."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Dict, List

import numpy as np
import numpy.typing as npt

from dubwright.engines.embedding import SpeakerEncoder
from dubwright.engines.pitch import median_f0_hz, track_f0
from dubwright.media.wav import WavReader
from dubwright_kit import NextAction, Problem
from dubwright_kit.contracts import DiarizeAsk, DiarizeDone, Span, Turn
from dubwright_kit.report import Report
from dubwright_packs.diarization.canary import check
from dubwright_packs.diarization.ge2e import MELS, build_onnx, check_weights, embed_reference
from dubwright_packs.diarization.torchfile import read_tensors
from dubwright_packs.diarization.turns import find_turns
from dubwright_packs.diarization.voiceprint import listen

__all__ = ["check", "prepare", "run"]

MODEL = "ge2e.onnx"
MODELS_VARIABLE = "DUBWRIGHT_PACK_MODELS"
PITCH_S = 30.0
"""Of each speaker's longest turns; more does not move a median."""


def prepare(folder: str, report: Report) -> None:
    """Turn ``pretrained.pt`` (anywhere under ``folder``) into ``<folder>/ge2e.onnx``.

    Raises Problem ``weights-missing``, ``weights-unreadable`` or ``weights-wrong``.
    """
    models = Path(folder)
    again = NextAction("download them again", "packs install", {"_": ["diarization"]})
    found = sorted(models.rglob("pretrained.pt"))
    if not found:
        raise Problem("weights-missing", f"No speaker weights (pretrained.pt) in {models}.", again)
    report(0, 3, "reading the speaker weights")
    weights = read_tensors(found[0], "model_state")
    check_weights(weights)
    report(1, 3, "writing the speaker model")
    written = models / f"{MODEL}.part"
    written.write_bytes(build_onnx(weights))
    report(2, 3, "checking the speaker model")
    mels = np.random.default_rng(1).gamma(0.5, 0.02, (2, 40, MELS)).astype(np.float32)
    error = float(np.abs(SpeakerEncoder(written)(mels) - embed_reference(weights, mels)).max())
    if not error < 1e-4:
        written.unlink()
        raise Problem(
            "weights-wrong",
            f"The speaker model computes something else than its weights say (off by {error:.2g}).",
            again,
        )
    written.replace(models / MODEL)
    report(3, 3, "the speaker model is ready")


def run(ask: DiarizeAsk, report: Report) -> DiarizeDone:
    """Find turns and speakers in the spans of ``ask.speech``.

    Raises Problem ``weights-missing`` when the pack's model is not there, ``not-wav``.
    """
    model = Path(os.environ.get(MODELS_VARIABLE, "")) / MODEL
    if not model.is_file():
        raise Problem(
            "weights-missing",
            "The speaker model is not there: the diarization pack is not completely installed.",
            NextAction("install it again", "packs install", {"_": ["diarization"]}),
        )
    with WavReader(ask.wav) as wav:
        speech = _disjoint(ask.speech, wav.duration_s)
        prints = listen(wav, speech, SpeakerEncoder(model), report)
        turns = find_turns(prints, speech, ask.n_speakers, ask.words)
        f0 = _pitches(wav, turns)
    speakers = tuple(dict.fromkeys(turn.speaker for turn in turns))
    return DiarizeDone(speakers, tuple(turns), f0)


def _disjoint(speech: "tuple[Span, ...]", duration_s: float) -> List[Span]:
    """The spans sorted, within the file, overlapping ones joined."""
    spans: List[Span] = []
    for start_s, end_s in sorted(speech):
        start, end = max(0.0, start_s), min(duration_s, end_s)
        if end <= start:
            continue
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    return spans


def _pitches(wav: WavReader, turns: List[Turn]) -> Dict[str, float]:
    """Median F0 of each speaker; absent where hardly anything is voiced."""
    pitches: Dict[str, float] = {}
    for speaker in dict.fromkeys(turn.speaker for turn in turns):
        mine = [turn for turn in turns if turn.speaker == speaker]
        mine.sort(key=lambda turn: turn.start_s - turn.end_s)
        tracks: List[npt.NDArray[np.float64]] = []
        left_s = PITCH_S
        for turn in mine:
            if left_s <= 0:
                break
            length_s = min(left_s, turn.end_s - turn.start_s)
            begin, count = round(turn.start_s * wav.rate_hz), round(length_s * wav.rate_hz)
            tracks.append(track_f0(wav.read(begin, count).mean(axis=1), wav.rate_hz))
            left_s -= length_s
        median = median_f0_hz(tracks)
        if median is not None:
            pitches[speaker] = median
    return pitches
