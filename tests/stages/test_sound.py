"""Separation and diarization as stages, on a film of code-made voices, through the real wall."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.home import Home
from dubwright.jobs.model import JobContext
from dubwright.library import Library
from dubwright.library.model import Item, Segment
from dubwright.media.wav import WavReader, WavWriter
from dubwright.packs.catalog import Packs
from dubwright.stages import diarize, ingest, separate
from dubwright.stages.base import StageContext
from dubwright_kit import Problem
from tests.engines.synthetic import music, vowels

RATE = 44_100
LINES = (
    Segment(0, 0.6, 1.8, "Good morning. Did you sleep?", "anna"),
    Segment(1, 2.0, 3.2, "Hardly."),
)


class Job:
    """A job that nobody watches."""

    def __init__(self, folder: Path, job_type: str) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path = folder / "job.log"
        self.log = logging.getLogger("test")
        self.job = SimpleNamespace(id="1", type=job_type)

    def report(self, done: float, total: float | None = None, note: str = "") -> None: ...

    def cancelled(self) -> bool:
        return False

    def check(self) -> None: ...


def add_sound(library: Library, path: Path, voice: bool) -> Item:
    """Add 4 s of music, a voice over it from 0.5 to 3.5 s."""
    sound = music(4.0, RATE, seed=1) * np.float32(0.3)
    if voice:
        sound[RATE // 2 : 7 * RATE // 2] += vowels(3.0, 140, RATE, seed=2)[:, None]
    with WavWriter(path, RATE, 2) as writer:
        writer.write(sound)
    stat = path.stat()
    return library.add_item(
        path,
        title="talk",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        size_bytes=stat.st_size,
        mtime_ns=stat.st_mtime_ns,
        duration_s=4.0,
        container="wav",
        audio_stream=0,
        probe={"audio": [{"language": "eng"}]},
    )[0]


@pytest.fixture(params=[True], ids=["voice"])
def ctx(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[StageContext]:
    """A film whose sound has not been read yet, in a job of the built-in separation."""
    home = Home(tmp_path / "data").prepare()
    packs = Packs(home)
    with Library(home) as library, packs.wall() as wall:
        item = add_sound(library, tmp_path / "talk.wav", request.param)
        job = cast("JobContext", Job(home.job("1"), "separate_audio_builtin"))
        yield StageContext(home, library, packs, wall, job, item, {})


def read(path: Path) -> npt.NDArray[np.float32]:
    with WavReader(path) as wav:
        return wav.read(0, wav.frames)


def with_options(ctx: StageContext, **options: Any) -> StageContext:
    return replace(ctx, options=options)


def problem_of(run: Any, ctx: StageContext) -> Problem:
    with pytest.raises(Problem) as caught:
        run(ctx)
    assert caught.value.next_action is not None
    return caught.value


def test_separation_before_the_sound_was_read(ctx: StageContext) -> None:
    problem = problem_of(separate.run, ctx)
    assert problem.code == "no-working-audio"
    assert problem.next_action
    assert problem.next_action.args["_"] == ["ingest_v1", ctx.item.id]


def test_separation_by_a_pack_that_is_not_installed(ctx: StageContext) -> None:
    ctx.job.job.type = "separate_audio_spleeter"  # type: ignore[misc]  # the stub is not frozen
    problem = problem_of(separate.run, ctx)
    assert problem.next_action
    assert problem.next_action.verb in ("packs install", "packs")


def test_stems_of_the_whole_film_and_once_only(ctx: StageContext) -> None:
    ingest.run(ctx)
    first = separate.run(ctx)
    folder = ctx.files.separation("builtin")
    vocals, background = read(folder / "vocals.wav"), read(folder / "background.wav")
    original = read(ctx.files.working_wav)
    assert len(vocals) == len(background) == len(original) == first.info["frames"] == 4 * RATE
    np.testing.assert_allclose(vocals + background, original, atol=1e-4)
    share = first.info["vocals_energy_share"]
    assert 0.2 < share < 1.0
    again = separate.run(ctx)
    assert again.cached
    assert again.artifact == first.artifact


def test_diarizing_without_a_transcript(ctx: StageContext) -> None:
    problem = problem_of(diarize.run, ctx)
    assert problem.code == "no-transcript"
    assert problem.next_action
    assert problem.next_action.args["_"] == ["asr_local", ctx.item.id]


def test_diarizing_without_its_pack(ctx: StageContext) -> None:
    ingest.run(ctx)
    ctx.library.add_track(ctx.item.id, "source", "en", LINES, origin="imported")
    problem = problem_of(diarize.run, ctx)
    assert problem.next_action
    assert problem.next_action.verb == "packs install"


def test_one_speaker_needs_no_pack(ctx: StageContext) -> None:
    ingest.run(ctx)
    base = ctx.library.add_track(ctx.item.id, "source", "en", LINES, origin="asr:x", draft=True)
    alone = with_options(ctx, speakers=1)
    result = diarize.run(alone)
    document = json.loads(ctx.files.diarization_json.read_text("utf-8"))
    assert document["speakers"] == ["S1"]
    assert document["options"] == {"speakers": 1}
    assert all(turn["start_s"] < turn["end_s"] for turn in document["turns"])
    track = result.track
    assert track is not None
    assert (track.origin, track.parent_id, track.draft) == ("diarized", base.id, True)
    assert {line.speaker for line in ctx.library.segments(track.id)} == {"S1"}
    again = diarize.run(alone)
    assert again.cached
    assert again.track == track


@pytest.mark.parametrize("ctx", [False], indirect=True, ids=["music only"])
def test_a_film_of_music_only_goes_on(ctx: StageContext) -> None:
    ingest.run(ctx)
    made = separate.run(ctx)
    folder = ctx.files.separation("builtin")
    vocals, background = read(folder / "vocals.wav"), read(folder / "background.wav")
    np.testing.assert_allclose(vocals + background, read(ctx.files.working_wav), atol=1e-4)
    assert made.info["vocals_energy_share"] < 0.03
    result = diarize.run(with_options(ctx, speakers=1, without_transcript=True))
    assert result.track is None
    assert json.loads(ctx.files.diarization_json.read_text("utf-8"))["turns"] == []
