"""What listening to the separated voice gives: speech found, words recognised, speakers told apart.

    python bench/listening.py                  with the separator that comes with the program
    python bench/listening.py --model FILE     with another network

Clips of ../shared/data under composed music at -5, 0 and 5 dB, and the three mixes there. Each is
heard three ways: the film with its own speech spans, the film with the spans of the separated voice,
the separated voice with its own. True spans are those that the same detector finds in the clean voice.
Words and speakers need the packs asr-pocketsphinx and diarization; without them that part is left
out. Prints a table and saves it to bench/results/listening.json.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dubwright.demo.music import background as demo_music
from dubwright.engines.scoring import diarization_errors, read_rttm, wer
from dubwright.engines.speechnet.net import SpeechNet
from dubwright.home import Home
from dubwright.media.wav import WavReader, WavWriter
from dubwright.packs.wall.call import Wall
from dubwright_kit import Problem
from dubwright_kit.contracts import (
    DiarizeAsk,
    DiarizeDone,
    IngestAsk,
    SeparateAsk,
    Span,
    TranscribeAsk,
    TranscribeDone,
)
from dubwright_kit.report import silent
from dubwright_packs.builtin.network import PLACE
from dubwright_packs.builtin.separation import separate
from dubwright_packs.ingest.backend import run as ingest
from training.evaluation.item import at_ratio
from training.evaluation.reading import read

F32 = npt.NDArray[np.float32]

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
RATE_HZ = 44_100
RATIOS_DB = (-5.0, 0.0, 5.0)
STEP_S = 0.01


@dataclass(frozen=True)
class Clip:
    name: str
    voice: F32
    mix: F32
    """Both [n, 2]."""
    words: str = ""
    rttm: Path | None = None


@dataclass(frozen=True)
class Sound:
    """A sound as the stages see it: a 16 kHz file and where somebody speaks."""

    wav: str
    speech: tuple[Span, ...]


def clips() -> Iterator[Clip]:
    spoken = (
        (
            "jfk",
            DATA / "speech" / "jfk.wav",
            (DATA / "speech" / "jfk.txt").read_text("utf-8"),
            None,
        ),
        ("dialogue", DATA / "dialogue" / "d2spk.wav", "", DATA / "dialogue" / "d2spk.rttm"),
    )
    for name, path, words, rttm in spoken:
        voice = np.repeat(read(path)[:, :1], 2, axis=1)
        music = demo_music(len(voice) / RATE_HZ + 1, RATE_HZ)[: len(voice)]
        for ratio_db in RATIOS_DB:
            speech, background = at_ratio(voice, music, ratio_db)
            yield Clip(f"{name} {ratio_db:+.0f} dB", speech, speech + background, words, rttm)
    for name in ("d1", "d2", "d3"):
        voice, background = (
            read(DATA / "mixes" / f"{name}.{stem}.flac") for stem in ("vocals", "background")
        )
        yield Clip(name, voice, voice + background)


def heard_in(sound: F32, folder: Path, name: str) -> Sound:
    """As the stage ``ingest`` would hear it."""
    source, speech, vad = (folder / f"{name}{end}" for end in (".wav", ".16k.wav", ".json"))
    with WavWriter(source, RATE_HZ, 2, "float32") as out:
        out.write(sound)
    ingest(
        IngestAsk(str(source), 0, "", str(speech), str(vad), len(sound) / RATE_HZ),
        silent,
    )
    spans = json.loads(vad.read_text("utf-8"))["spans"]
    return Sound(str(speech), tuple((float(a), float(b)) for a, b in spans))


def stem_of(mix: F32, folder: Path, net: SpeechNet) -> F32:
    with WavWriter(folder / "film.wav", RATE_HZ, 2, "float32") as out:
        out.write(mix)
    done = separate(SeparateAsk(str(folder / "film.wav"), str(folder)), net, silent)
    with WavReader(done.stems["vocals"]) as reader:
        return reader.read(0, reader.frames)


def detection_errors(truth: tuple[Span, ...], found: tuple[Span, ...]) -> tuple[float, float]:
    """Missed and false speech as shares of the true speech."""
    end_s = max((end for _, end in (*truth, *found)), default=0.0)
    said, heard = (
        np.zeros(round(end_s / STEP_S) + 1, np.bool_),
        np.zeros(round(end_s / STEP_S) + 1, np.bool_),
    )
    for flags, spans in ((said, truth), (heard, found)):
        for start, end in spans:
            flags[round(start / STEP_S) : round(end / STEP_S)] = True
    total = max(int(said.sum()), 1)
    return float((said & ~heard).sum() / total), float((heard & ~said).sum() / total)


def measure(clip: Clip, net: SpeechNet, wall: Wall, folder: Path) -> list[dict[str, Any]]:
    clean = heard_in(clip.voice, folder, "clean")
    film = heard_in(clip.mix, folder, "heard")
    stem = heard_in(stem_of(clip.mix, folder, net), folder, "voice")
    rows = []
    for way, sound in (
        ("film", film),
        ("film, voice's spans", Sound(film.wav, stem.speech)),
        ("voice", stem),
    ):
        missed, false = detection_errors(clean.speech, sound.speech)
        row: dict[str, Any] = {"clip": clip.name, "way": way, "missed": missed, "false": false}
        if clip.words:
            row["wer"] = _word_errors(clip, sound, wall)
        if clip.rttm:
            row["der"] = _turn_errors(clip.rttm, sound, wall)
        rows.append(row)
        figures = ", ".join(
            f"{name} {100 * value:.0f} %" for name, value in row.items() if isinstance(value, float)
        )
        print(f"{clip.name:16s} {way:20s} {figures}", flush=True)
    return rows


def _word_errors(clip: Clip, sound: Sound, wall: Wall) -> float | None:
    if not sound.speech:
        return 1.0
    try:
        done: TranscribeDone = wall.call(
            "asr-pocketsphinx", TranscribeAsk(sound.wav, "en", (), sound.speech)
        ).done
    except Problem:
        return None
    return wer(clip.words, " ".join(word.text for word in done.words))


def _turn_errors(rttm: Path, sound: Sound, wall: Wall) -> float | None:
    (truth,) = read_rttm(rttm).values()
    if not sound.speech:
        return 1.0
    try:
        done: DiarizeDone = wall.call("diarization", DiarizeAsk(sound.wav, sound.speech, 2)).done
    except Problem:
        return None
    return diarization_errors(truth, done.turns, collar=0.25).rate


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", type=Path, default=PLACE)
    chosen = parser.parse_args()
    net = SpeechNet.load(chosen.model, threads=2)
    rows = []
    with Wall(Home.find()) as wall:
        for clip in clips():
            with tempfile.TemporaryDirectory() as folder:
                rows += measure(clip, net, wall, Path(folder))
    results = ROOT / "bench" / "results" / "listening.json"
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_text(json.dumps(rows, indent=1), "utf-8")
    print(f"saved to {results}")


if __name__ == "__main__":
    main()
