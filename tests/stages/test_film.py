"""The ends of the chain, ingest and mux, with a real library, real guests and a real film."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import dubwright_packs
from dubwright.home import Home
from dubwright.jobs.model import JobContext
from dubwright.library import Library
from dubwright.library.content import hash_file
from dubwright.library.model import Segment
from dubwright.media.probe import probe
from dubwright.media.wav import WavReader, WavWriter
from dubwright.packs.wall.call import Wall
from dubwright.packs.wall.spec import GuestSpec
from dubwright.stages import ingest, mux
from dubwright.stages.base import StageContext
from dubwright_kit import Problem
from tests.media import clips

LINES = (
    Segment(0, 0.4, 1.4, "Good morning.", "S1"),
    Segment(1, 1.7, 3.2, "How are you?", "S2"),
)
TRANSLATED = (
    Segment(0, 0.4, 1.4, "Buenos días.", "S1"),
    Segment(1, 1.7, 3.2, "¿Qué tal?", "S2"),
)


class Job:
    """A job that remembers what it was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path = folder / "job.log"
        self.log = logging.getLogger("test")
        self.job = SimpleNamespace(id="1")
        self.reports: list[tuple[float, float | None, str]] = []

    def report(self, done: float, total: float | None = None, note: str = "") -> None:
        self.reports.append((done, total, note))

    def stage(self, name: str, start: float = 0.0, end: float = 1.0) -> None: ...

    def cancelled(self) -> bool:
        return False

    def check(self) -> None: ...


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[StageContext]:
    """A film has been added, nothing more."""
    home = Home(tmp_path / "data").prepare()
    folder = Path(str(dubwright_packs.__file__)).parent
    film = clips.write_film(tmp_path / "talk.mp4", clips.Film(seconds=4))
    info = probe(film)

    def spec(home: Home, pack_id: str) -> GuestSpec:
        return GuestSpec(pack_id, folder / pack_id, Path(sys.executable), tmp_path, "1", "host")

    packs = cast("Any", SimpleNamespace(identity=lambda pack_id: "1"))
    with Library(home) as library, Wall(home, resolve=spec) as wall:
        item, _ = library.add_item(
            film,
            title="Talk",
            sha256=hash_file(film),
            size_bytes=film.stat().st_size,
            mtime_ns=film.stat().st_mtime_ns,
            duration_s=info.duration_s,
            container=info.container,
            audio_stream=0,
            probe={},
        )
        job = cast("JobContext", Job(home.job("1")))
        yield StageContext(home, library, packs, wall, job, item, {})


def mixed(ctx: StageContext, language: str = "es", key: str = "m") -> None:
    """What mixing leaves, without the work."""
    ctx.home.scratch.mkdir(parents=True, exist_ok=True)
    made = ctx.home.scratch / "mix.wav"
    with WavWriter(made, 44100, 2) as out:
        out.write(clips.click_sound(ctx.item.duration_s, 44100))
    ctx.library.adopt(ctx.item.id, "mix", "mix_dub_preview_v1", key, {made: ctx.files.mix_wav}, {})
    ctx.files.manifest_json().parent.mkdir(parents=True, exist_ok=True)
    ctx.files.manifest_json().write_text(json.dumps({"language": language, "segments": []}))


def test_ingest_adopts_the_working_files_once(ctx: StageContext) -> None:
    result = ingest.run(ctx)
    assert not result.cached
    assert result.artifact is not None
    assert set(result.artifact.paths) == {
        ctx.files.working_wav,
        ctx.files.speech_wav,
        ctx.files.vad_json,
    }
    with WavReader(ctx.files.working_wav) as wav:
        assert wav.frames == result.info["frames"] == round(ctx.item.duration_s * 44100)
        found = clips.find_clicks(wav.read(0, wav.frames), 44100)
    assert np.abs(np.array(found) - clips.CLICKS).max() < 0.001
    assert result.info["notes"] == []
    assert cast("Job", ctx.job).reports
    assert ingest.run(ctx).cached
    other = replace(ctx, item=replace(ctx.item, audio_stream=1))
    with pytest.raises(Problem) as caught:
        ingest.run(other)
    assert caught.value.code == "no-such-audio-stream"
    assert ingest.run(ctx).cached


def test_ingest_says_when_the_source_went_away_or_changed(ctx: StageContext) -> None:
    ctx.item.source.write_bytes(b"something else")
    with pytest.raises(Problem) as caught:
        ingest.run(ctx)
    assert caught.value.code == "source-changed"
    ctx.item.source.unlink()
    with pytest.raises(Problem) as caught:
        ingest.run(ctx)
    assert caught.value.code == "source-missing"


def test_mux_needs_a_mix(ctx: StageContext) -> None:
    with pytest.raises(Problem) as caught:
        mux.run(ctx)
    action = caught.value.next_action
    assert caught.value.code == "no-mix"
    assert action is not None
    assert (action.verb, action.args["_"]) == ("run", ["mix_dub_preview_v1", ctx.item.id])
    mixed(ctx, "fr")
    with pytest.raises(Problem) as caught:
        mux.run(replace(ctx, options={"to": "es"}))
    assert caught.value.code == "no-mix"
    assert "French" in caught.value.message


def test_mux_writes_the_film_with_both_subtitles_once(ctx: StageContext) -> None:
    mixed(ctx)
    ctx.library.add_track(ctx.item.id, "source", "en", LINES, origin="imported")
    ctx.library.add_track(ctx.item.id, "translation", "es", TRANSLATED, origin="imported")
    told = replace(ctx, options={"to": "es"})
    result = mux.run(told)
    assert result.artifact is not None
    assert result.artifact.paths == (ctx.files.film(".mp4"),)
    info = probe(ctx.files.film(".mp4"))
    assert [(a.codec, a.language) for a in info.audio] == [("aac", "spa")]
    assert info.subtitle_languages == ("spa", "eng")
    assert result.info["language"] == "es"
    assert abs(result.info["metrics"]["offset_start_s"]) < 0.002
    assert abs(result.info["metrics"]["offset_end_s"]) < 0.002
    assert mux.run(told).cached
    ctx.library.add_track(ctx.item.id, "translation", "es", TRANSLATED[:1], origin="edited")
    assert not mux.run(told).cached


@pytest.mark.parametrize("subtitles", ["sidecar", "none"])
def test_mux_options(ctx: StageContext, subtitles: str) -> None:
    mixed(ctx)
    ctx.library.add_track(ctx.item.id, "source", "en", LINES, origin="imported")
    options = {"to": "es", "subtitles": subtitles, "keep_original_track": True}
    mux.run(replace(ctx, options=options))
    info = probe(ctx.files.film(".mp4"))
    assert info.subtitle_languages == ()
    assert [(a.language, a.default) for a in info.audio] == [("spa", True), ("eng", False)]


def test_mux_refuses_what_it_does_not_know(ctx: StageContext) -> None:
    mixed(ctx)
    with pytest.raises(Problem) as caught:
        mux.run(replace(ctx, options={"subtitles": "burnt"}))
    assert caught.value.code == "option-invalid"


def test_mux_says_that_the_disk_is_full_before_it_begins(
    ctx: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed(ctx)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(Problem) as caught:
        mux.run(ctx)
    assert caught.value.code == "disk-full"
