"""The two speech packs as people get them: installed, behind the wall, with their real engines."""

from __future__ import annotations

import random
import statistics
import wave
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soxr

from dubwright.engines.pitch import median_f0_hz, track_f0
from dubwright.engines.scoring import wer
from dubwright.engines.vad import StreamingVad, speech_spans
from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.packs.wall.call import Wall
from dubwright_kit import Cancelled, Problem, silent
from dubwright_kit.contracts import (
    SpeakAsk,
    SpeakDone,
    SpeakLine,
    TextSpan,
    TranscribeAsk,
    TranscribeDone,
)

pytestmark = pytest.mark.slow

SHARED = Path(__file__).parents[3] / "shared" / "data" / "speech"
NOUNS = ["river", "teacher", "engine", "garden", "letter", "captain", "museum", "harbour", "doctor"]
VERBS = ["carried", "followed", "painted", "forgot", "visited", "described", "crossed", "watched"]
KINDS = ["old", "quiet", "broken", "yellow", "strange", "famous", "narrow", "bitter", "heavy"]
PEOPLE = ["Nobody in the room", "My grandmother", "The two soldiers", "Our neighbours", "She"]
TIMES = ["Yesterday,", "After the war,", "Last summer,", "In 1961,", "Before the storm,"]
ADDED = "Completely different things were never said by anybody here."
VOICES = ["en-us+m3", "en-us+f1", "en-us+m7", "en+m1", "en-us+Annie"]


@pytest.fixture(scope="session")
def speech_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home.find(tmp_path_factory.mktemp("speech") / "home").prepare()
    try:
        Packs(home).install(["tts-preview", "asr-pocketsphinx"])
    except Problem as problem:
        if "network" in problem.code or "index" in problem.code:
            pytest.skip(f"the packs cannot be downloaded here: {problem.code}")
        raise
    return home


@pytest.fixture(scope="session")
def wall(speech_home: Home) -> Iterator[Wall]:
    with Packs(speech_home).wall() as made:
        yield made


def speak(wall: Wall, lines: Sequence[SpeakLine], language: str = "en") -> SpeakDone:
    done: SpeakDone = wall.call("tts-preview", SpeakAsk(tuple(lines), language), silent).done
    return done


def samples(path: str | Path) -> tuple[npt.NDArray[np.float32], int]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        data = np.frombuffer(file.readframes(file.getnframes()), np.int16)
        return (data / 32768).astype(np.float32), int(file.getframerate())


def test_the_rate_is_honoured_on_every_line_of_a_batch(wall: Wall, tmp_path: Path) -> None:
    texts = {
        "es": "Pregunta lo que tú puedes hacer por tu país, y no al revés.",
        "de": "Wir gehen morgen gemeinsam in die Stadt und kaufen ein.",
        "cmn": "你好，我们明天见面吧。",
    }
    rates = (1.0, 1.35, 1.1, 1.35, 0.9, 1.2)
    lines = [
        SpeakLine(number, text, f"{voice}+m3", str(tmp_path / f"{voice}{number}.wav"), rate)
        for voice, text in texts.items()
        for number, rate in enumerate(rates)
    ]
    done = speak(wall, lines).lines
    for start in range(0, len(lines), len(rates)):
        natural = done[start].duration_s
        for asked, spoken in zip(lines[start:], done[start : start + len(rates)], strict=False):
            assert spoken.duration_s == pytest.approx(natural / asked.rate, rel=0.03)


def test_the_pitch_is_reached_and_silence_is_trimmed(wall: Wall, tmp_path: Path) -> None:
    text = "We will meet again tomorrow morning in the old garden near the river."
    asks = [("en-us+m3", 110.0), ("en-us+m1", 135.0), ("en-us+f1", 200.0), ("en-us+Annie", 240.0)]
    lines = [
        SpeakLine(number, text, voice, str(tmp_path / f"{number}.wav"), 1.0, pitch)
        for number, (voice, pitch) in enumerate(asks)
    ]
    for spoken, (_, pitch) in zip(speak(wall, lines).lines, asks, strict=True):
        heard, rate_hz = samples(spoken.wav)
        assert median_f0_hz([track_f0(heard, rate_hz)]) == pytest.approx(pitch, rel=0.1)
        loud = np.flatnonzero(np.abs(heard) > 10 ** (-45 / 20) * np.abs(heard).max())
        assert loud[0] / rate_hz < 0.03
        assert (len(heard) - loud[-1]) / rate_hz < 0.05


@pytest.mark.parametrize("text", ["", " \n", "😀", "♪ ♪", "—", "\x00", "[[]]"])
def test_nothing_to_speak_is_a_short_silence_with_a_note(
    wall: Wall, tmp_path: Path, text: str
) -> None:
    (spoken,) = speak(wall, [SpeakLine(0, text, "es", str(tmp_path / "a.wav"), 1.3, 120.0)]).lines
    assert spoken.note
    assert spoken.duration_s == pytest.approx(0.1, abs=0.01)
    assert not samples(spoken.wav)[0].any()


def test_odd_text_is_spoken(wall: Wall, tmp_path: Path) -> None:
    texts = ["<i>a & b</i>", "123 456,7 € 20%", "uno\ndos", "Hola. " * 500, "x" * 3000, "🇪🇸 hola"]
    lines = [
        SpeakLine(number, text, "es+f1", str(tmp_path / f"{number}.wav"))
        for number, text in enumerate(texts)
    ]
    for spoken in speak(wall, lines).lines:
        assert not spoken.note
        assert np.abs(samples(spoken.wav)[0]).max() > 0.1


def test_a_voice_of_no_language_names_the_line(wall: Wall, tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        speak(wall, [SpeakLine(7, "hi", "xx+f1", str(tmp_path / "a.wav"))])
    assert caught.value.code == "no-voice"
    assert "line 7" in caught.value.message


def compose(wall: Wall, folder: Path, minutes: float) -> tuple[list[str], list[float], Path]:
    """Sentences by several voices with pauses: (tokens, their true starts, 16 kHz WAV)."""
    chance = random.Random(5)
    sentences = [
        f"{chance.choice(TIMES)} {chance.choice(PEOPLE)} {chance.choice(VERBS)} the "
        f"{chance.choice(KINDS)} {chance.choice(NOUNS)} near the {chance.choice(NOUNS)}, because "
        f"the {chance.choice(NOUNS)} was {chance.choice(KINDS)}."
        for _ in range(int(minutes * 60 / 5.6))
    ]
    asks = [
        SpeakLine(
            number,
            sentence,
            chance.choice(VOICES),
            str(folder / f"{number}.wav"),
            chance.uniform(0.85, 1.15),
        )
        for number, sentence in enumerate(sentences)
    ]
    tokens: list[str] = []
    starts: list[float] = []
    parts: list[npt.NDArray[np.float32]] = []
    at = 0.0
    for ask, spoken in zip(asks, speak(wall, asks).lines, strict=True):
        pause = chance.choice([0.2, 0.4, 0.8, 1.5, 6.0])
        voice, rate_hz = samples(spoken.wav)
        at += pause
        tokens += ask.text.split()
        starts += [at + start for start in spoken.word_starts_s]
        parts += [np.zeros(round(pause * 16000), np.float32), soxr.resample(voice, rate_hz, 16000)]
        at = sum(len(part) for part in parts) / 16000
    sound = np.concatenate(parts)
    sound += np.random.default_rng(5).normal(0, 0.0006, len(sound)).astype(np.float32)
    path = folder / "all.wav"
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes((np.clip(sound, -1, 1) * 32000).astype("<i2").tobytes())
    return tokens, starts, path


def speech_of(path: Path) -> tuple[tuple[float, float], ...]:
    vad = StreamingVad()
    vad.push(samples(path)[0])
    frame_s, p = vad.result()
    return tuple(speech_spans(p, frame_s))


@pytest.mark.parametrize("minutes", [20.0])
def test_a_long_text_is_aligned(wall: Wall, tmp_path: Path, minutes: float) -> None:
    tokens, starts, path = compose(wall, tmp_path, minutes)
    ask = TranscribeAsk(str(path), "en", (TextSpan(" ".join(tokens)),), speech_of(path))
    done: TranscribeDone = wall.call("asr-pocketsphinx", ask, silent).done
    assert [word.text for word in done.words] == tokens
    errors = [abs(w.start_s - s) for w, s in zip(done.words, starts, strict=True)]
    assert statistics.median(errors) <= 0.06
    assert statistics.quantiles(errors, n=20)[-1] <= 0.25
    assert sum(word.p == 0 for word in done.words) <= 0.02 * len(tokens)
    ends = [word.end_s for word in done.words]
    assert all(a <= w.start_s + 1e-6 for a, w in zip(ends, done.words[1:], strict=False))


def test_a_text_that_lacks_or_adds_sentences_keeps_the_rest_in_place(
    wall: Wall, tmp_path: Path
) -> None:
    tokens, starts, path = compose(wall, tmp_path, 2.0)
    ends = [number + 1 for number, token in enumerate(tokens) if token.endswith(".")]
    missing = range(ends[3], ends[5])
    given = [
        (t, s) for n, (t, s) in enumerate(zip(tokens, starts, strict=True)) if n not in missing
    ]
    added = ADDED.split()
    place = ends[9] - len(missing)
    text = [token for token, _ in given[:place]] + added + [token for token, _ in given[place:]]
    truth = [s for _, s in given[:place]] + [None] * len(added) + [s for _, s in given[place:]]
    ask = TranscribeAsk(str(path), "en", (TextSpan(" ".join(text)),), speech_of(path))
    words = wall.call("asr-pocketsphinx", ask, silent).done.words
    errors = [abs(w.start_s - s) for w, s in zip(words, truth, strict=True) if s is not None]
    assert statistics.median(errors) <= 0.06
    assert sum(error > 0.5 for error in errors) <= 0.05 * len(errors)


def test_jfk_every_word_is_timed_and_the_draft_says_it_is_one(wall: Wall) -> None:
    if not SHARED.is_dir():
        pytest.skip("shared/data not beside the checkout")
    text = (SHARED / "jfk.txt").read_text("utf-8").strip()
    wav = SHARED / "jfk.wav"
    ask = TranscribeAsk(str(wav), "en", (TextSpan(text),), speech_of(wav))
    done: TranscribeDone = wall.call("asr-pocketsphinx", ask, silent).done
    assert [word.text for word in done.words] == text.split()
    assert all(word.p > 0 and word.end_s > word.start_s for word in done.words)
    assert not done.draft
    draft: TranscribeDone = wall.call(
        "asr-pocketsphinx", TranscribeAsk(str(wav), "en", (), speech_of(wav)), silent
    ).done
    assert draft.draft
    heard = " ".join(word.text for word in draft.words)
    assert wer(text, heard) < 0.5


@pytest.mark.parametrize("frames", [0, 1, 160, 16000])
@pytest.mark.parametrize("text", ["", "Hello there", "♪", "你好"])
def test_short_and_silent_sounds_are_no_failure(
    wall: Wall, tmp_path: Path, frames: int, text: str
) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as out:
        out.setparams((1, 2, 16000, 0, "NONE", ""))
        out.writeframes(bytes(2 * frames))
    spans = (TextSpan(text),) if text else ()
    done: TranscribeDone = wall.call(
        "asr-pocketsphinx", TranscribeAsk(str(tmp_path / "a.wav"), "en", spans), silent
    ).done
    assert [word.text for word in done.words] == text.split()
    assert all(0 <= w.start_s <= w.end_s <= frames / 16000 and w.p == 0 for w in done.words)


def test_another_language_and_a_cancelled_alignment(wall: Wall, tmp_path: Path) -> None:
    _, _, path = compose(wall, tmp_path, 1.0)
    with pytest.raises(Problem) as caught:
        wall.call("asr-pocketsphinx", TranscribeAsk(str(path), "de"), silent)
    assert caught.value.code == "asr-language"
    with pytest.raises(Cancelled):
        wall.call(
            "asr-pocketsphinx",
            TranscribeAsk(str(path), "en", (TextSpan("hello there"),)),
            silent,
            cancelled=lambda: True,
        )
