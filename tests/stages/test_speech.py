"""Speaking and fitting with a real library, real guests and a voice of tones."""

from __future__ import annotations

import json
import logging
import sys
import wave
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

import dubwright_packs
from dubwright.engines.fitting import GAP_S, MAX_RATE, MAX_STRETCH
from dubwright.home import Home
from dubwright.jobs.model import JobContext
from dubwright.library import Library
from dubwright.library.model import Segment
from dubwright.packs.wall.call import Wall
from dubwright.packs.wall.spec import GuestSpec
from dubwright.stages import fit, speak
from dubwright.stages.base import StageContext
from dubwright_kit import Problem

FILM_S = 30.0

VOICE_OF_TONES = '''
"""0.1 s of tone a letter, divided by the rate; a file beside it counts what was asked."""
import array, json, math, pathlib, wave
from dubwright_kit.contracts import SpeakDone, SpokenLine

def run(ask, report):
    done = []
    for line in ask.lines:
        letters = sum(char.isalpha() for char in line.text)
        frames = round(22050 * 0.1 * letters / line.rate) if letters else 2205
        loud = 8000 if letters else 0
        data = array.array("h", (round(loud * math.sin(i * 0.05)) for i in range(frames)))
        with wave.open(line.wav, "wb") as out:
            out.setparams((1, 2, 22050, 0, "NONE", ""))
            out.writeframes(data.tobytes())
        done.append(SpokenLine(line.index, line.wav, frames / 22050, 22050))
        with open(pathlib.Path(LOG), "a", encoding="utf-8") as log:
            log.write(json.dumps([line.text, line.voice, line.pitch, line.rate]) + "\\n")
    return SpeakDone(tuple(done))
'''


class Job:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path = folder / "job.log"
        self.log = logging.getLogger("test")
        self.job = SimpleNamespace(id="1")

    def report(self, done: float, total: float | None = None, note: str = "") -> None: ...

    def cancelled(self) -> bool:
        return False

    def check(self) -> None: ...


@pytest.fixture
def asked(tmp_path: Path) -> Path:
    return tmp_path / "asked.jsonl"


@pytest.fixture
def ctx(tmp_path: Path, asked: Path) -> Iterator[StageContext]:
    home = Home(tmp_path / "data").prepare()
    voice = tmp_path / "tones"
    voice.mkdir()
    (voice / "backend.py").write_text(f"LOG = {str(asked)!r}\n{VOICE_OF_TONES}", "utf-8")
    folders = {
        "tts-preview": voice,
        "fitter": Path(str(dubwright_packs.__file__)).parent / "fitter",
    }

    def spec(home: Home, pack_id: str) -> GuestSpec:
        return GuestSpec(pack_id, folders[pack_id], Path(sys.executable), tmp_path, "1", "host")

    packs = SimpleNamespace(
        identity=lambda pack_id: "1",
        require=lambda pack_id: None,
        manifest=lambda pack_id: SimpleNamespace(languages=("es", "de")),
    )
    source = tmp_path / "film.mp4"
    source.write_bytes(b"film")
    with Library(home) as library, Wall(home, resolve=spec) as wall:
        item, _ = library.add_item(
            source,
            title="Talk",
            sha256="ab" * 32,
            size_bytes=4,
            mtime_ns=source.stat().st_mtime_ns,
            duration_s=FILM_S,
            container="mp4",
            audio_stream=0,
            probe={},
        )
        job = cast("JobContext", Job(home.job("1")))
        yield StageContext(home, library, cast("Any", packs), wall, job, item, {"to": "es"})


def letters(count: int) -> str:
    return "a" * count


LINES = (
    Segment(0, 1.0, 3.0, letters(15), "S1"),  # 1.5 s: natural
    Segment(1, 4.0, 6.0, letters(30), "S2"),  # 3 s in 2.92: a little faster
    Segment(2, 7.0, 8.0, letters(26), "S1"),  # 2.6 s in 1.72: as fast as it goes, then stretched
    Segment(3, 8.8, 9.5, letters(40), "S2"),  # 4 s in 1.12: does not fit
    Segment(4, 10.0, 12.0, "♪", "S1"),
    Segment(5, 28.0, 29.0, letters(25), "S2"),  # 2.5 s in 2.0: the film's end
)


def script(ctx: StageContext, lines: tuple[Segment, ...] = LINES) -> None:
    ctx.library.add_track(ctx.item.id, "translation", "es", lines, origin="imported")


def spoken(asked: Path) -> list[list[Any]]:
    return [json.loads(line) for line in asked.read_text("utf-8").splitlines()]


def duration_s(path: Path) -> float:
    with wave.open(str(path)) as file:
        return float(file.getnframes() / file.getframerate())


def made(ctx: StageContext) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(ctx.files.manifest_json("pyttsx3_v1").read_text("utf-8"))
    return manifest


def test_every_line_keeps_its_start_and_fits_as_far_as_it_can(ctx: StageContext) -> None:
    script(ctx)
    speak.run(ctx)
    result = fit.run(ctx)
    assert result.artifact is not None
    manifest = made(ctx)
    segments = manifest["segments"]
    assert [one["strategy"] for one in segments] == [
        "natural",
        "rate",
        "stretch",
        "overflow",
        "natural",
        "rate",
    ]
    folder = ctx.files.manifest_json("pyttsx3_v1").parent
    for one, line in zip(segments, LINES, strict=True):
        assert (one["start_s"], one["end_s"], one["text"]) == (line.start_s, line.end_s, line.text)
        assert duration_s(folder / one["wav"]) == pytest.approx(one["fitted_s"], abs=0.001)
        assert one["rate"] <= MAX_RATE
        assert one["stretch"] <= MAX_STRETCH + 0.001
        if one["strategy"] != "overflow":
            assert one["fitted_s"] <= one["slot_s"] + 0.002
            assert one["overflow_s"] == 0
    for one, following in pairwise(segments):
        if one["strategy"] != "overflow":
            assert one["start_s"] + one["fitted_s"] <= following["start_s"] - GAP_S + 0.002
    assert segments[5]["start_s"] + segments[5]["fitted_s"] <= FILM_S + 0.002
    over = segments[3]
    assert over["fitted_s"] == pytest.approx(4.0 / MAX_RATE / MAX_STRETCH, rel=0.01)
    assert over["overflow_s"] == pytest.approx(over["fitted_s"] - over["slot_s"], abs=0.001)
    assert [bool(one["warnings"]) for one in segments] == [False] * 4 + [True, False]
    assert manifest["sample_rate_hz"] == 22050
    assert manifest["language"] == "es"


def test_nothing_is_spoken_twice_and_one_edited_line_alone_again(
    ctx: StageContext, asked: Path
) -> None:
    script(ctx)
    fit.run(ctx)
    assert fit.run(ctx).cached
    assert speak.run(ctx).cached
    before = spoken(asked)
    edited = (replace(LINES[0], text=letters(12)), *LINES[1:])
    ctx.library.add_track(ctx.item.id, "translation", "es", edited, origin="edited")
    assert not fit.run(ctx).cached
    assert [one[0] for one in spoken(asked)[len(before) :]] == [letters(12)]


def test_each_speaker_has_a_voice_near_the_original_and_a_choice_wins(
    ctx: StageContext, asked: Path
) -> None:
    scratch = ctx.home.scratch / "d.json"
    scratch.write_text("{}")
    ctx.library.adopt(
        ctx.item.id,
        "diarize",
        "diarization",
        "k",
        {scratch: ctx.files.diarization_json},
        {"median_f0_hz": {"S1": 105.0, "S2": 210.0}},
    )
    script(ctx, LINES[:2])
    fit.run(ctx)
    voices = {one["speaker"]: one["voice"] for one in made(ctx)["segments"]}
    assert voices["S1"] != voices["S2"]
    pitches = {one[0]: one[2] for one in spoken(asked)}
    assert pitches == {letters(15): 105.0, letters(30): 210.0}
    ctx.library.set_voice(ctx.item.id, "S1", "espeak:de+Annie@230")
    fit.run(ctx)
    voices = {one["speaker"]: one["voice"] for one in made(ctx)["segments"]}
    assert voices["S1"] == "espeak:es+Annie@230", "a chosen timbre speaks the lines' language"
    fit.run(replace(ctx, options={"to": "es", "voice": "espeak:+m1"}))
    assert {one["voice"] for one in made(ctx)["segments"]} == {"espeak:es+m1"}


def test_without_a_translation_the_next_step_is_told(ctx: StageContext) -> None:
    for stage in (speak, fit):
        with pytest.raises(Problem) as caught:
            stage.run(ctx)
        assert caught.value.code == "no-translation"
        action = caught.value.next_action
        assert action is not None
        assert (action.verb, action.args["_"]) == ("run", ["translate_v1", ctx.item.id])


def test_no_lines_are_a_manifest_without_segments(ctx: StageContext) -> None:
    script(ctx, ())
    assert fit.run(ctx).artifact is not None
    assert made(ctx)["segments"] == []
