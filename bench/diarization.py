"""Who speaks when, on clips with known turns: error rates and speed.

    python bench/diarization.py                     with the installed pack
    python bench/diarization.py --models FOLDER     with the model (ge2e.onnx) in FOLDER
    python bench/diarization.py --weights FOLDER    builds the model first, from pretrained.pt in FOLDER

Clips are those of ../shared/data. They are not an untouched test for d2spk: the margins of a turn
(``breath_s``, ``join_s``) were set after its errors turned out to be missed room tone (13.9 % before,
5.6 % after), and the correction of cosines for length came when a threshold from unvaried synthetic
voices found one speaker there. The numbers themselves (``same_voice``, ``change`` ...) are from
synthetic dialogues.
Prints a table and saves it to bench/results/diarization.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

from dubwright.engines.scoring import diarization_errors, read_rttm
from dubwright.engines.vad import StreamingVad, speech_spans
from dubwright.home import Home
from dubwright.media.wav import WavReader
from dubwright_kit.contracts import DiarizeAsk, Span, Turn
from dubwright_kit.report import silent
from dubwright_packs.diarization.backend import MODELS_VARIABLE, prepare, run

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
RESULTS = ROOT / "bench" / "results" / "diarization.json"


def speech_of(path: Path) -> tuple[Span, ...]:
    """Speech spans as ingest finds them."""
    vad = StreamingVad()
    with WavReader(path) as wav:
        vad.push(wav.read(0, wav.frames)[:, 0])
    frame_s, p = vad.result()
    return tuple(speech_spans(p, frame_s))


def measure(path: Path, truth: list[Turn], given: bool) -> dict[str, Any]:
    """Diarize one clip, with its number of speakers given or not."""
    true_count = len({turn.speaker for turn in truth})
    speech = speech_of(path)
    started = time.perf_counter()
    done = run(DiarizeAsk(str(path), speech, true_count if given else None), silent)
    wall_s = time.perf_counter() - started
    with WavReader(path) as wav:
        duration_s = wav.duration_s
    scored = diarization_errors(truth, done.turns, collar=0.25)
    strict = diarization_errors(truth, done.turns, collar=0.0)
    return {
        "clip": path.stem,
        "speakers": true_count,
        "given": given,
        "found": len(done.speakers),
        "der": round(scored.rate, 4),
        "der_no_collar": round(strict.rate, 4),
        "missed_s": round(strict.missed_s, 2),
        "false_alarm_s": round(strict.false_alarm_s, 2),
        "confusion_s": round(strict.confusion_s, 2),
        "speech_s": round(strict.speech_s, 2),
        "median_f0_hz": {name: round(hz) for name, hz in done.median_f0_hz.items()},
        "rtf": round(wall_s / duration_s, 4),
    }


def bench() -> list[dict[str, Any]]:
    rows = []
    for folder, rttm in (("dialogue", "d2spk.rttm"), ("ami", "dev.rttm")):
        for name, truth in sorted(read_rttm(DATA / folder / rttm).items()):
            for given in (False, True):
                row = measure(DATA / folder / f"{name}.wav", truth, given)
                rows.append(row)
                count = "given  " if given else "unknown"
                print(
                    f"{name:8s} {row['speakers']} speakers, {count}: found {row['found']}, "
                    f"DER {100 * row['der']:5.1f} % (no collar {100 * row['der_no_collar']:5.1f} %, "
                    f"confusion {row['confusion_s']:5.2f} s of {row['speech_s']:.1f} s), "
                    f"RTF {row['rtf']:.3f}"
                )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", type=Path, default=Home.find().pack("diarization") / "models")
    parser.add_argument("--weights", type=Path)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        if chosen.weights:
            found = next(chosen.weights.rglob("pretrained.pt"))
            shutil.copy(found, scratch)
            prepare(scratch, silent)
        os.environ[MODELS_VARIABLE] = scratch if chosen.weights else str(chosen.models)
        rows = bench()
    RESULTS.parent.mkdir(parents=True, exist_ok=True)
    RESULTS.write_text(json.dumps(rows, indent=1), "utf-8")
    print(f"saved to {RESULTS}")


if __name__ == "__main__":
    main()
