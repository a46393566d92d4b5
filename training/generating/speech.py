"""Synthetic voices: espeak-ng, flite and festival, each run as a program of its own.

They are steadier than people, so they are the smaller part of what is trained on; what they add is
languages, whispering, and very high, low, fast and slow voices.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from training.generating.shaping import F64, Rng, faded, frames_of, peak_at, resampled
from training.generating.takes import OWN_LICENCE, Recipe, Take
from training.generating.texts import HELD_OUT, TRAINED, passage
from training.store import RATE_HZ, Split

FESTIVAL_LICENCE = "MIT-Festival"
"""Of the voices of flite and of the HTS voice of festival."""
ACCENTS = {
    "en": ("en-gb", "en-us", "en-gb-scotland", "en-029", "en-gb-x-rp", "en-gb-x-gbclan"),
    "es": ("es", "es-419"),
    "fr-fr": ("fr-fr", "fr-be"),
    "vi": ("vi", "vi-vn-x-south"),
}
VARIANTS = (
    "", "", "m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8", "f1", "f2", "f3", "f4", "f5",
    "klatt", "klatt2", "klatt4", "Andy", "Annie", "Gene", "linda", "Michael", "steph", "Alex",
    "Lee", "Jacky", "Denis", "belinda", "Mario", "pablo", "Diogo", "grandpa", "grandma", "aunty",
    "boris", "benjamin", "caleb", "david", "ed", "iven", "john", "kaukovalta", "marcelo", "max",
    "michel", "miguel", "Mike", "norbert", "paul", "pedro", "rob", "robert", "sandro", "shelby",
    "steph2", "travis", "zac", "victor", "edward", "quincy", "adam", "antonio", "Henrique", "Hugo",
)  # fmt: skip
HELD_OUT_VARIANTS = ("klatt3", "Gene2", "steph3", "iven3", "edward2", "anika", "Marco", "klatt6")


def spoken(command: Sequence[str], text: str) -> tuple[F64, int]:
    """Sound [n] and rate of a program that reads its standard input and writes the WAV file it is told.

    ``command`` holds "OUT" where the file goes and "TEXT" where a file with the text goes, if at all.
    """
    with tempfile.TemporaryDirectory() as folder:
        out, file = Path(folder, "out.wav"), Path(folder, "text.txt")
        file.write_text(text, "utf-8")
        names = {"OUT": str(out), "TEXT": str(file)}
        ran = subprocess.run(
            [names.get(word, word) for word in command],
            input=text.encode(),
            capture_output=True,
            check=False,
            timeout=120,
        )
        if ran.returncode or not out.exists():
            raise RuntimeError(f"{command[0]} did not speak: {ran.stderr.decode()[-300:]}")
        with wave.open(str(out), "rb") as wav:
            rate_hz = wav.getframerate()
            raw = np.frombuffer(wav.readframes(wav.getnframes()), "<i2")
    return raw.astype(np.float64) / 32768, rate_hz


def trimmed(sound: F64, rate_hz: int) -> F64:
    """Without silence at the ends, but for a tenth of a second."""
    loud = np.flatnonzero(np.abs(sound) > 0.003)
    if not len(loud):
        return sound[:0]
    rest = rate_hz // 10
    return sound[max(0, loud[0] - rest) : loud[-1] + rest]


def utterance(
    command: Sequence[str],
    text: str,
    rng: Rng,
    name: str,
    licence: str,
    speaker: str,
    language: str,
) -> Take | None:
    """One clip at a random level, or none when the engine was silent (it may not know the script)."""
    raw, rate_hz = spoken(command, text)
    sound = trimmed(raw, rate_hz)
    if len(sound) < rate_hz:
        return None
    peak = float(rng.uniform(0.3, 0.9))
    out = peak_at(faded(resampled(sound, rate_hz)), peak)
    return Take(out, name, licence, speaker, language, min(rate_hz, RATE_HZ) / 2)


def _until(minutes: float, one: Callable[[int], Take | None]) -> Iterator[Take]:
    """Takes until there are this many minutes."""
    wanted, index, silent = frames_of(minutes * 60), 0, 0
    while wanted > 0:
        take = one(index)
        index += 1
        if take is None:
            silent += 1
            if silent > 20 + index // 2:
                raise RuntimeError(
                    "The speech engine is silent most of the time. Check its install."
                )
            continue
        wanted -= len(take.sound)
        yield take


def espeak(
    name: str,
    minutes: float,
    languages: Sequence[str],
    variants: Sequence[str],
    split: Split = "train",
) -> Recipe:
    """espeak-ng in many languages, variants, rates and pitches."""

    def make(_data: Path, rng: Rng) -> Iterator[Take]:
        def one(index: int) -> Take | None:
            # Every language in turn, English three times as often.
            turn = index % (len(languages) + 2)
            language = languages[turn] if turn < len(languages) else languages[0]
            variant = str(rng.choice(variants))
            accent = str(rng.choice(ACCENTS.get(language, (language,))))
            voice = f"{accent}+{variant}" if variant else accent
            command = [
                "espeak-ng", "-v", voice, "-w", "OUT", "-f", "TEXT",
                "-s", str(int(np.clip(rng.normal(165, 32), 95, 280))),
                "-p", str(int(np.clip(rng.normal(48, 20), 0, 99))),
                "-g", str(int(rng.integers(0, 6))),
                "-a", "90",
            ]  # fmt: skip
            text = passage(language, rng, int(rng.integers(2, 6)))
            speaker = f"espeak:{voice}"
            file = f"{index:04d}-{voice}"
            return utterance(command, text, rng, file, OWN_LICENCE, speaker, language)

        yield from _until(minutes, one)

    return Recipe("speech", name, 1, make, split, ("espeak-ng",))


def flite(name: str, minutes: float, voices: Sequence[str], split: Split = "train") -> Recipe:
    """flite's English voices, with rate and pitch varied."""

    def make(_data: Path, rng: Rng) -> Iterator[Take]:
        def one(index: int) -> Take | None:
            voice = voices[index % len(voices)]
            stretch = float(rng.uniform(0.8, 1.35))
            middle = {"rms": 95, "awb": 125, "kal16": 105, "slt": 170}[voice]
            pitch = middle * float(rng.uniform(0.85, 1.2))
            command = [
                "flite", "-voice", voice, "-f", "TEXT", "-o", "OUT",
                "--setf", f"duration_stretch={stretch:.2f}",
                "--setf", f"int_f0_target_mean={pitch:.0f}",
                "--setf", f"int_f0_target_stddev={rng.uniform(10, 30):.0f}",
            ]  # fmt: skip
            text = passage("en", rng, int(rng.integers(3, 7)))
            return utterance(
                command, text, rng, f"{index:04d}-{voice}", FESTIVAL_LICENCE, f"flite:{voice}", "en"
            )

        yield from _until(minutes, one)

    return Recipe("speech", name, 1, make, split, ("flite",))


def festival_hts(minutes: float) -> Recipe:
    """The statistical (HTS) voice of festival: smoother than flite's of the same speaker."""

    def make(_data: Path, rng: Rng) -> Iterator[Take]:
        def one(index: int) -> Take | None:
            stretch = rng.uniform(0.85, 1.25)
            command = [
                "text2wave", "-o", "OUT", "TEXT",
                "-eval", "(voice_cmu_us_slt_arctic_hts)",
                "-eval", f"(Parameter.set 'Duration_Stretch {stretch:.2f})",
            ]  # fmt: skip
            text = passage("en", rng, int(rng.integers(3, 7)))
            return utterance(
                command, text, rng, f"{index:04d}-slt-hts", FESTIVAL_LICENCE, "festival:slt", "en"
            )

        yield from _until(minutes, one)

    return Recipe("speech", "festival-hts", 1, make, "train", ("text2wave",))


def recipes() -> list[Recipe]:
    """espeak-ng first: the crowds are made of it."""
    return [
        espeak("espeak", 22.0, TRAINED, VARIANTS),
        espeak("espeak-held-out", 3.0, HELD_OUT, HELD_OUT_VARIANTS, "held-out"),
        espeak("espeak-whisper", 3.0, TRAINED, ("whisper", "whisperf")),
        flite("flite", 9.0, ("awb", "rms", "slt")),
        flite("flite-held-out", 2.0, ("kal16",), "held-out"),
        festival_hts(3.0),
    ]
