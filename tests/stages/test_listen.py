"""Listening to the separated voice with a real library and the real pack in a guest."""

from __future__ import annotations

import json
import logging
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
from dubwright.media.wav import WavReader, WavWriter
from dubwright.packs.wall.call import Wall
from dubwright.packs.wall.spec import GuestSpec
from dubwright.stages import listen
from dubwright.stages.base import StageContext
from dubwright_kit import Problem
from tests.library.shelves import add_film

RATE_HZ = 44100
SECONDS = 3.0
FRAMES = 94


class Job:
    """A job that nobody watches."""

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
def ctx(tmp_path: Path) -> Iterator[StageContext]:
    home = Home(tmp_path / "data").prepare()
    folder = Path(str(dubwright_packs.__file__)).parent / "ingest"
    spec = GuestSpec("ingest", folder, Path(sys.executable), tmp_path / "none", "1", "host")
    packs = cast("Any", SimpleNamespace(identity=lambda pack_id: "1"))
    with Library(home) as library, Wall(home, resolve=lambda home, pack_id: spec) as wall:
        item = add_film(library, tmp_path / "talk.mp4")
        job = cast("JobContext", Job(home.job("1")))
        yield StageContext(home, library, packs, wall, job, item, {})


def ingested(ctx: StageContext, key: str = "i") -> None:
    """A film that is -20 dB all the time, somebody speaks from 0.5 s to 1.5 s."""
    p = [0.9 if 16 <= frame < 47 else 0.0 for frame in range(FRAMES)]
    document = {
        "frame_s": 0.032,
        "p": p,
        "level_db": [-20.0] * FRAMES,
        "spans": [[0.5, 1.5]],
    }
    places = {}
    for name, final in (("vad.json", ctx.files.vad_json), ("speech.wav", ctx.files.speech_wav)):
        scratch = ctx.home.scratch / name
        scratch.parent.mkdir(parents=True, exist_ok=True)
        scratch.write_text(json.dumps(document), "utf-8")
        places[scratch] = final
    ctx.library.adopt(ctx.item.id, "ingest", "ingest", key, places, {})


def separated(ctx: StageContext, backend: str = "builtin", key: str = "s") -> None:
    """A tone where somebody speaks, and one from 2 s to 2.5 s that no detector takes for speech."""
    t = np.arange(round(SECONDS * RATE_HZ)) / RATE_HZ
    sounds = ((t > 0.5) & (t < 1.5)) | ((t > 2.0) & (t < 2.5))
    tone = (0.14 * np.sin(2 * np.pi * 300 * t) * sounds).astype(np.float32)
    places = {}
    for stem, sound in (("vocals", tone), ("background", tone * 0)):
        scratch = ctx.home.scratch / f"{stem}.wav"
        scratch.parent.mkdir(parents=True, exist_ok=True)
        with WavWriter(scratch, RATE_HZ, 2, "int16") as out:
            out.write(np.repeat(sound[:, None], 2, axis=1))
        places[scratch] = ctx.files.separation(backend) / f"{stem}.wav"
    ctx.library.adopt(ctx.item.id, "separate", backend, key, places, {})


def test_without_stems_the_film_itself_is_heard(ctx: StageContext) -> None:
    ingested(ctx)
    result = listen.run(ctx)
    assert result.artifact is None
    found = listen.heard(ctx)
    assert found.key == "i"
    assert found.speech_wav == ctx.files.speech_wav
    assert found.speech == found.voiced == ((0.5, 1.5),)


def test_with_stems_the_voice_is_heard_and_known_again(ctx: StageContext) -> None:
    ingested(ctx)
    separated(ctx)
    result = listen.run(ctx)
    folder = ctx.files.separation("builtin")
    assert result.artifact is not None
    assert set(result.artifact.paths) == {folder / "speech.wav", folder / "vad.json"}
    with WavReader(folder / "speech.wav") as speech:
        assert (speech.rate_hz, speech.channels) == (16000, 1)
        assert speech.duration_s == pytest.approx(SECONDS, abs=0.001)
    found = listen.heard(ctx)
    assert found.speech_wav == folder / "speech.wav"
    assert found.key == result.artifact.key != "i"
    # The film's detector and the level of the voice say where the bed must not be the original.
    assert any(start <= 0.6 and end >= 1.4 for start, end in found.voiced)
    assert any(1.9 < start < 2.1 and 2.4 < end < 2.6 for start, end in found.voiced)
    again = listen.run(ctx)
    assert again.cached
    assert again.artifact == result.artifact


def test_other_stems_or_another_film_are_heard_anew(ctx: StageContext) -> None:
    ingested(ctx)
    separated(ctx)
    keys = [listen.run(ctx).artifact]
    separated(ctx, key="s2")
    assert listen.heard(ctx).key == "i", "what was heard in other stems is not taken"
    keys.append(listen.run(ctx).artifact)
    separated(ctx, "spleeter", key="s3")
    keys.append(listen.run(ctx).artifact)
    ingested(ctx, key="i2")
    keys.append(listen.run(ctx).artifact)
    assert len({artifact.key for artifact in keys if artifact is not None}) == 4
    chosen = replace(ctx, options={"separator": "builtin"})
    assert listen.run(chosen).artifact is not None
    assert listen.heard(chosen).speech_wav.parent == ctx.files.separation("builtin")


def test_before_the_film_was_read_it_says_so(ctx: StageContext) -> None:
    with pytest.raises(Problem) as caught:
        listen.heard(ctx)
    assert caught.value.code == "no-working-audio"
