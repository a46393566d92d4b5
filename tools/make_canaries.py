"""Make the clips of the canaries of packs that need speech, with their truth beside them.

    python tools/make_canaries.py HOME     HOME: a data folder with tts-preview installed

Writes ``canary.wav`` and ``canary.json`` into the folders of asr-pocketsphinx and diarization. eSpeak
NG speaks the same samples every time (these voices have no random breath), so that a second run
changes nothing. The packs of the host compose their clips themselves (``compose`` in ``canary.py``).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import wave
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import soxr

from dubwright.home import Home
from dubwright.media.wav import WavReader
from dubwright.packs.catalog import Packs
from dubwright_kit.contracts import SpeakAsk, SpeakLine, SpokenLine

RATE_HZ = 16000
LARGEST_BYTES = 150_000
PACKS = Path(__file__).resolve().parents[1] / "src" / "dubwright_packs"
SENTENCE = "The keeper lit the lamp before the storm, and every ship came home."
ADA, BEN = ("en-us+f1", 205.0), ("en-us+m3", 105.0)
TURNS = (
    (ADA, "I clean the lamp and watch the weather."),
    (BEN, "Then show me the light before the fog."),
    (ADA, "Come up the stairs and mind the rail."),
    (BEN, "It is a pleasure, I will follow you."),
)
HEAD_S, PAUSE_S, TAIL_S = 0.30, 0.25, 0.30

Mono = npt.NDArray[np.float32]


def speak(
    home: Home, lines: Sequence[tuple[tuple[str, float], str]]
) -> list[tuple[Mono, SpokenLine]]:
    """Each line as 16 kHz samples with what the pack said of it."""
    with tempfile.TemporaryDirectory() as folder, Packs(home).wall() as wall:
        asks = tuple(
            SpeakLine(number, text, voice, str(Path(folder) / f"{number}.wav"), pitch=pitch)
            for number, ((voice, pitch), text) in enumerate(lines)
        )
        found = []
        for spoken in wall.call("tts-preview", SpeakAsk(asks, "en")).done.lines:
            with WavReader(spoken.wav) as reader:
                sound = reader.read(0, reader.frames)[:, 0]
            found.append((soxr.resample(sound, spoken.rate_hz, RATE_HZ), spoken))
    return found


def silence(seconds: float) -> Mono:
    return np.zeros(round(seconds * RATE_HZ), np.float32)


def write_clip(folder: Path, sound: Mono, sample_bytes: int, truth: dict[str, Any]) -> None:
    """Write 16-bit or unsigned 8-bit mono and the truth."""
    sound = sound * np.float32(0.7 / np.abs(sound).max())
    if sample_bytes == 1:
        data = np.clip(np.rint(sound * 127) + 128, 0, 255).astype(np.uint8).tobytes()
    else:
        data = np.rint(sound * 32767).astype("<i2").tobytes()
    with wave.open(str(folder / "canary.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(sample_bytes)
        file.setframerate(RATE_HZ)
        file.writeframes(data)
    truth = {"duration_s": round(len(sound) / RATE_HZ, 4), **truth}
    (folder / "canary.json").write_text(json.dumps(truth, indent=1) + "\n", "utf-8", newline="\n")
    size_bytes = (folder / "canary.wav").stat().st_size
    if size_bytes > LARGEST_BYTES:
        raise SystemExit(f"{folder / 'clip.wav'} has {size_bytes} bytes")
    print(f"{folder}: {truth['duration_s']:.2f} s, {size_bytes:,} B")


def transcript(home: Home) -> None:
    """One sentence, and when each of its words begins."""
    ((sound, spoken),) = speak(home, [(BEN, SENTENCE)])
    starts = [round(HEAD_S + start, 3) for start in spoken.word_starts_s]
    words = [{"text": t, "start_s": s} for t, s in zip(SENTENCE.split(), starts, strict=True)]
    clip = np.concatenate([silence(HEAD_S), sound, silence(TAIL_S)])
    write_clip(PACKS / "asr_pocketsphinx", clip, 2, {"words": words})


def conversation(home: Home) -> None:
    """Two voices in turn, and when which speaks. 8 bits: four turns in the size of two."""
    parts, turns, at_s = [silence(HEAD_S)], [], HEAD_S
    names = {ADA: "Ada", BEN: "Ben"}
    for (voice, _), (sound, _) in zip(TURNS, speak(home, TURNS), strict=True):
        end_s = at_s + len(sound) / RATE_HZ
        turns.append({"start_s": round(at_s, 3), "end_s": round(end_s, 3), "speaker": names[voice]})
        parts += [sound * np.float32(0.2 / np.sqrt(np.mean(sound**2))), silence(PAUSE_S)]
        at_s = end_s + PAUSE_S
    clip = np.concatenate([*parts[:-1], silence(TAIL_S)])
    write_clip(PACKS / "diarization", clip, 1, {"turns": turns})


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("home", type=Path)
    home = Home.find(parser.parse_args().home)
    transcript(home)
    conversation(home)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
