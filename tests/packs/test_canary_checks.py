"""The checks of the shipped packs' canaries: they pass what is right and find what is wrong."""

from __future__ import annotations

import json
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dubwright.home import Home
from dubwright.media.wav import WavReader, WavWriter
from dubwright.packs.catalog import Packs
from dubwright.packs.installing.canary import filled, run_canary
from dubwright.packs.manifest import load_manifests
from dubwright.packs.wall.call import Wall
from dubwright_kit.codec import from_json
from dubwright_kit.contracts import (
    DiarizeAsk,
    DiarizeDone,
    FitAsk,
    IngestAsk,
    MixAsk,
    MuxAsk,
    SeparateAsk,
    SpeakAsk,
    SpeakDone,
    SpeakLine,
    SpokenLine,
    StretchLine,
    TranscribeAsk,
    TranscribeDone,
    Turn,
    Word,
)
from dubwright_kit.report import silent
from dubwright_packs.asr_pocketsphinx.canary import check as check_words
from dubwright_packs.builtin import backend as builtin
from dubwright_packs.diarization.canary import check as check_turns
from dubwright_packs.fitter import backend as fitter
from dubwright_packs.ingest import backend as ingest
from dubwright_packs.mixer import backend as mixer
from dubwright_packs.muxer import backend as muxer
from dubwright_packs.tts_preview.canary import check as check_voice

PACKS = Path(builtin.__file__).parents[1]
OF_THE_HOST = ("builtin", "fitter", "ingest", "mixer", "muxer")
LARGEST_BYTES = 150_000


@pytest.fixture(scope="module")
def wall(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wall]:
    with Packs(Home(tmp_path_factory.mktemp("home"))).wall() as opened:
        yield opened


@pytest.mark.parametrize("name", OF_THE_HOST)
def test_the_host_packs_pass_their_canaries(name: str, wall: Wall, tmp_path: Path) -> None:
    packs = Packs(Home(tmp_path / "home"))
    run = run_canary(wall, packs.manifest(name), packs.resolve(name), tmp_path / "scratch")
    assert run is not None
    assert run.clip_s > 0
    assert run.wall_s > 0


def test_every_backend_that_can_be_tested_has_a_canary_and_the_clips_are_small() -> None:
    without = {
        one.id for one in load_manifests().values() if one.kind == "backend" and not one.canary
    }
    assert without <= {"apertium"}, "which languages it has is not known before it is asked"
    clips = list(PACKS.glob("*/canary.wav"))
    assert all(path.stat().st_size < LARGEST_BYTES for path in clips)
    assert sum(path.stat().st_size for path in clips) < 4 * LARGEST_BYTES


def composed(backend: ModuleType, ask: Any) -> Any:
    """The backend's true answer to its canary, which its check accepts."""
    backend.compose(ask)
    done = backend.run(ask, silent)
    backend.check(ask, done)
    return done


def rewrite(path: str, change: Any) -> None:
    with WavReader(path) as reader:
        sound, rate_hz = reader.read(0, reader.frames), reader.rate_hz
    changed = np.asarray(change(sound), np.float32)
    with WavWriter(path, rate_hz, changed.shape[1]) as writer:
        writer.write(changed)


def says(words: str, backend: ModuleType, ask: Any, done: Any) -> None:
    with pytest.raises(ValueError, match=words):
        backend.check(ask, done)


def test_stems_that_are_wrong(tmp_path: Path) -> None:
    ask = SeparateAsk(str(tmp_path / "mixture.wav"), str(tmp_path))
    done = composed(builtin, ask)
    background = done.stems["background"]
    says("add up", builtin, ask, replace(done, stems={**done.stems, "vocals": background}))
    rewrite(background, lambda sound: sound[:-1])
    says("frames", builtin, ask, done)
    rewrite(background, lambda sound: np.zeros((len(sound) + 1, 2)))
    says("silent", builtin, ask, done)
    with WavReader(ask.wav) as reader:
        mixture = reader.read(0, reader.frames)
    rewrite(background, lambda sound: mixture)
    says("nothing was separated", builtin, ask, done)


def test_working_sound_that_is_wrong(tmp_path: Path) -> None:
    names = ("sound.m4a", "working.wav", "speech.wav", "vad.json")
    source, working, speech, vad = (str(tmp_path / name) for name in names)
    ask = IngestAsk(source, 0, working, speech, vad, 20.0)
    done = composed(ingest, ask)
    Path(vad).write_text(json.dumps({"spans": [[1.0, 2.0]]}), "utf-8")
    says("speak", ingest, ask, done)
    rewrite(working, lambda sound: np.roll(sound, 2000, axis=0))
    says("click at 1.0 s was found at 1.0", ingest, ask, done)
    rewrite(working, lambda sound: sound[1:])
    says("instead of 882000", ingest, ask, done)


def test_a_line_that_is_stretched_wrong(tmp_path: Path) -> None:
    line = StretchLine(str(tmp_path / "tone.wav"), str(tmp_path / "out.wav"), 4.0)
    done = composed(fitter, FitAsk((line,)))
    rewrite(line.out_wav, lambda sound: sound[::2])
    says("4.0 s became 2", fitter, FitAsk((line,)), done)
    rewrite(line.out_wav, lambda sound: np.concatenate([sound, sound]))
    says("became 400 Hz", fitter, FitAsk((line,)), done)


def test_a_mix_that_is_wrong(tmp_path: Path) -> None:
    table = load_manifests()["mixer"].canary["ask"]
    ask: MixAsk = from_json(MixAsk, filled(table, tmp_path, tmp_path))
    done = composed(mixer, ask)
    right = Path(ask.out_wav).read_bytes()
    with WavReader(ask.working_wav) as reader:
        original = reader.read(0, reader.frames)
    rewrite(ask.out_wav, lambda sound: np.clip(sound + original, -1, 1))
    says("first voice is still heard", mixer, ask, done)
    Path(ask.out_wav).write_bytes(right)
    rewrite(ask.out_wav, lambda sound: original)
    says("dub .* is missing", mixer, ask, done)
    says("frames", mixer, ask, replace(done, frames=1))


def test_a_film_that_is_wrong(tmp_path: Path) -> None:
    ask = MuxAsk(str(tmp_path / "f.mp4"), str(tmp_path / "d.wav"), str(tmp_path / "o"), "es")
    done = composed(muxer, ask)
    says("became 12", muxer, ask, replace(done, duration_s=12.0))
    says(
        "offset_end_s: 0.3",
        muxer,
        ask,
        replace(done, metrics={**done.metrics, "offset_end_s": 0.3}),
    )
    says("picture", muxer, ask, replace(done, video_codec=""))
    Path(done.film).unlink()
    says("no film", muxer, ask, done)


def test_words_that_are_wrong() -> None:
    clip = PACKS / "asr_pocketsphinx" / "canary.wav"
    truth = json.loads(clip.with_suffix(".json").read_text("utf-8"))["words"]
    ask = TranscribeAsk(str(clip), "en")
    words = tuple(Word(one["text"], one["start_s"] + 0.1, one["start_s"] + 0.2) for one in truth)
    done = TranscribeDone(words, "en", draft=False)
    check_words(ask, done)
    moved = replace(words[4], start_s=words[4].start_s + 0.3, end_s=words[4].end_s + 0.3)
    unsure = replace(words[4], p=0.0)
    late = replace(words[-1], end_s=99.0)
    for wrong, sentence in (
        (words[:-1], "words that came back"),
        ((*words[:4], moved, *words[5:]), '"lamp" begins at 1.08 s and was found 0.40 s away'),
        ((*words[:4], unsure, *words[5:]), '"lamp"'),
        ((*words[:-1], late), "outside the clip"),
    ):
        with pytest.raises(ValueError, match=sentence):
            check_words(ask, replace(done, words=wrong))


def test_speakers_that_are_wrong() -> None:
    clip = PACKS / "diarization" / "canary.wav"
    truth = json.loads(clip.with_suffix(".json").read_text("utf-8"))["turns"]
    ask = DiarizeAsk(str(clip), ())
    names = {"Ada": "S1", "Ben": "S2"}
    turns = tuple(Turn(t["start_s"], t["end_s"], names[t["speaker"]]) for t in truth)
    check_turns(ask, DiarizeDone(("S1", "S2"), turns))
    check_turns(ask, DiarizeDone(("S2", "S1"), turns))
    with pytest.raises(ValueError, match="1 speakers where 2"):
        check_turns(ask, DiarizeDone(("S1",), tuple(replace(t, speaker="S1") for t in turns)))
    for wrong in (turns[:2], tuple(replace(t, speaker="S1") for t in turns[:3])):
        with pytest.raises(ValueError, match="apart in only"):
            check_turns(ask, DiarizeDone(("S1", "S2"), wrong))


def test_a_voice_that_is_wrong(tmp_path: Path) -> None:
    ask = SpeakAsk((SpeakLine(0, "two words", "en-us", str(tmp_path / "0.wav")),), "en")

    def spoken(seconds: float, gain: float, starts: tuple[float, ...]) -> SpeakDone:
        t = np.arange(round(seconds * 22050)) / 22050
        with wave.open(ask.lines[0].wav, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(22050)
            file.writeframes((gain * np.sin(900 * t)).astype("<i2").tobytes())
        return SpeakDone((SpokenLine(0, ask.lines[0].wav, seconds, 22050, "", starts),))

    check_voice(ask, spoken(1.0, 9000, (0.0, 0.5)))
    for wrong, sentence in (
        ((0.1, 9000, (0.0, 0.05)), "0.10 s of sound"),
        ((9.0, 9000, (0.0, 0.5)), "9.00 s of sound"),
        ((1.0, 0, (0.0, 0.5)), "silence"),
        ((1.0, 9000, (0.0,)), "begin at"),
        ((1.0, 9000, (0.5, 0.0)), "begin at"),
    ):
        with pytest.raises(ValueError, match=sentence):
            check_voice(ask, spoken(*wrong))
    with pytest.raises(ValueError, match="0 of 1 lines"):
        check_voice(ask, SpeakDone(()))
