"""The mix stage with a real library, a real guest, and inputs as earlier stages leave them."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest

import dubwright_packs
from dubwright.home import Home
from dubwright.jobs.model import JobContext
from dubwright.library import Library
from dubwright.library.artifacts import ItemFiles
from dubwright.library.model import Item
from dubwright.media.wav import WavReader, WavWriter
from dubwright.packs.wall.call import Wall
from dubwright.packs.wall.spec import GuestSpec
from dubwright.stages import mix
from dubwright.stages.base import StageContext
from dubwright_kit import Problem
from tests.library.shelves import LINES, add_film

F32 = npt.NDArray[np.float32]
RATE_HZ = 44100
SECONDS = 5


class Job:
    """A job that nobody watches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.log_path = folder / "job.log"
        self.log = logging.getLogger("test")
        self.job = SimpleNamespace(id="1")

    def report(self, done: float, total: float | None = None, note: str = "") -> None: ...

    def stage(self, name: str, start: float = 0.0, end: float = 1.0) -> None: ...

    def cancelled(self) -> bool:
        return False

    def check(self) -> None: ...


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[StageContext]:
    """Nothing has been made yet."""
    home = Home(tmp_path / "data").prepare()
    folder = Path(str(dubwright_packs.__file__)).parent / "mixer"
    spec = GuestSpec("mixer", folder, Path(sys.executable), tmp_path / "none", "1", "host")
    packs = cast("Any", SimpleNamespace(identity=lambda pack_id: "1"))
    with Library(home) as library, Wall(home, resolve=lambda home, pack_id: spec) as wall:
        item = add_film(library, tmp_path / "talk.mp4")
        job = cast("JobContext", Job(home.job("1")))
        yield StageContext(home, library, packs, wall, job, item, {})


def with_options(ctx: StageContext, **options: Any) -> StageContext:
    return replace(ctx, options=options)


def write(path: Path, samples: F32, rate_hz: int = RATE_HZ) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with WavWriter(path, rate_hz, samples.shape[1], "int16") as writer:
        writer.write(samples)
    return path


def noise(seconds: float, seed: int = 1, level: float = 0.05) -> F32:
    made = np.random.default_rng(seed).standard_normal((round(seconds * RATE_HZ), 2)) * level
    return made.astype(np.float32)


def adopt(
    ctx: StageContext, stage: str, backend: str, key: str, files: Mapping[Path, F32 | str]
) -> None:
    scratch = ctx.home.scratch
    made = {}
    for number, (final, content) in enumerate(files.items()):
        path = scratch / f"{stage}-{number}{final.suffix}"
        if isinstance(content, str):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
        else:
            write(path, content)
        made[path] = final
    ctx.library.adopt(ctx.item.id, stage, backend, key, made, {})


def ingested(ctx: StageContext, seconds: float = SECONDS, key: str = "i") -> None:
    vad = json.dumps({"frame_s": 0.03, "p": [], "spans": [[0.6, 1.4]]})
    files: dict[Path, F32 | str] = {
        ctx.files.working_wav: noise(seconds),
        ctx.files.vad_json: vad,
    }
    adopt(ctx, "ingest", "ingest", key, files)


def separated(ctx: StageContext, backend: str = "builtin", seed: int = 1, key: str = "s") -> None:
    folder = ctx.files.separation(backend)
    stem = noise(SECONDS, seed)
    adopt(
        ctx,
        "separate",
        backend,
        key,
        {folder / "vocals.wav": stem * 0, folder / "background.wav": stem},
    )


def spoken(
    files: ItemFiles, language: str = "es", level: float = 0.1, start_s: float = 2.0
) -> None:
    t = np.arange(22050) / 22050
    tone = (level * np.sin(2 * np.pi * 300 * t)).astype(np.float32)[:, np.newaxis]
    segments = []
    for index, at in enumerate((start_s, 0.5)):
        write(files.speech() / "segments" / f"{index}.wav", tone, 22050)
        segments.append({"index": index, "start_s": at, "wav": f"segments/{index}.wav"})
    text = json.dumps({"language": language, "segments": segments})
    files.manifest_json().write_text(text)


def everything(ctx: StageContext) -> None:
    ingested(ctx)
    separated(ctx)
    spoken(ctx.files)
    ctx.library.add_track(ctx.item.id, "source", "en", LINES, origin="imported")


def problem_of(ctx: StageContext) -> Problem:
    with pytest.raises(Problem) as caught:
        mix.run(ctx)
    assert caught.value.next_action is not None
    return caught.value


def test_it_mixes_adopts_and_knows_the_mix_again(ctx: StageContext) -> None:
    everything(ctx)
    result = mix.run(ctx)
    assert result.artifact is not None
    assert result.artifact.paths == (ctx.files.mix_wav,)
    with WavReader(ctx.files.mix_wav) as reader:
        assert (reader.frames, reader.channels, reader.subtype) == (SECONDS * RATE_HZ, 2, "int16")
        mixed = reader.read(0, reader.frames)
    with WavReader(ctx.files.working_wav) as reader:
        film = reader.read(0, reader.frames)
    # Speech by the detector is at 0.6 to 1.4 s, by the transcript at 0.5 to 1.5 and 2 to 4 s; the
    # lines end at 3 s. Outside of that and its pads nothing changes.
    assert np.array_equal(mixed[: round(0.34 * RATE_HZ)], film[: round(0.34 * RATE_HZ)])
    assert np.array_equal(mixed[round(4.31 * RATE_HZ) :], film[round(4.31 * RATE_HZ) :])
    assert not np.array_equal(mixed, film)
    metrics = result.info["metrics"]
    assert metrics["lines"] == 2.0
    assert metrics["true_peak_dbtp"] <= -1.0
    again = mix.run(ctx)
    assert again.cached
    assert again.artifact == result.artifact
    assert dict(again.info) == dict(result.info)


def test_every_input_counts(ctx: StageContext) -> None:
    everything(ctx)
    keys = [mix.run(ctx).artifact]
    spoken(ctx.files, level=0.2)
    keys.append(mix.run(ctx).artifact)
    spoken(ctx.files, level=0.2, start_s=2.1)
    keys.append(mix.run(ctx).artifact)
    separated(ctx, seed=2, key="s2")
    keys.append(mix.run(ctx).artifact)
    ctx.library.add_track(ctx.item.id, "source", "en", LINES[:1], origin="edited")
    keys.append(mix.run(ctx).artifact)
    keys.append(mix.run(with_options(ctx, duck_db="6")).artifact)
    assert len({artifact.key for artifact in keys if artifact is not None}) == 6


def test_the_separator_can_be_chosen(ctx: StageContext) -> None:
    everything(ctx)
    separated(ctx, "spleeter", seed=3, key="s3")
    assert mix.run(ctx).info["separator"] == "spleeter"
    assert mix.run(with_options(ctx, separator="auto")).info["separator"] == "spleeter"
    assert mix.run(with_options(ctx, separator="builtin")).info["separator"] == "builtin"


def test_before_separation_it_says_so(ctx: StageContext) -> None:
    spoken(ctx.files)
    problem = problem_of(ctx)
    assert problem.code == "no-separation"
    assert problem.next_action is not None
    assert problem.next_action.verb == "run"
    assert problem.next_action.args["_"] == ["separate_audio_builtin", ctx.item.id]
    everything(ctx)
    other = problem_of(with_options(ctx, separator="spleeter"))
    assert other.next_action is not None
    assert other.next_action.args["_"] == ["separate_audio_spleeter", ctx.item.id]


def test_without_spoken_lines_it_says_so(ctx: StageContext) -> None:
    ingested(ctx)
    separated(ctx)
    problem = problem_of(ctx)
    assert problem.code == "no-speech"
    assert problem.next_action is not None
    assert problem.next_action.args["_"] == ["tts_preview_pyttsx3_v1", ctx.item.id]


def test_lines_of_another_language_or_gone_are_no_speech(ctx: StageContext) -> None:
    everything(ctx)
    assert "spoken in es, not in fr" in problem_of(with_options(ctx, to="fr")).message
    assert mix.run(with_options(ctx, to="es-419")).artifact is not None
    (ctx.files.speech() / "segments" / "1.wav").unlink()
    problem = problem_of(ctx)
    assert problem.code == "no-speech"
    assert "1.wav" in problem.message


def test_stems_of_another_length_are_told(ctx: StageContext) -> None:
    everything(ctx)
    ingested(ctx, SECONDS + 1, key="i2")
    problem = problem_of(ctx)
    assert problem.code == "stems-mismatch"
    assert "5.00 s" in problem.message
    assert "6.00 s" in problem.message


@pytest.mark.parametrize("value", ["loud", "-1", "41", "nan"])
def test_a_wrong_number_is_told(ctx: StageContext, value: str) -> None:
    everything(ctx)
    assert problem_of(with_options(ctx, duck_db=value)).code == "option-invalid"


def test_notes_say_what_a_person_should_know() -> None:
    assert mix.notes({"lines_cut": 0.0, "original_lufs": -20.0, "programme_lufs": -20.4}) == []
    found = mix.notes(
        {
            "lines_cut": 2.0,
            "cut_s": 1.25,
            "lines_outside": 1.0,
            "bed_limited_s": 3.0,
            "original_lufs": -20.0,
            "programme_lufs": -22.0,
        }
    )
    assert len(found) == 4
    assert "2.0 LU quieter" in found[3]


def test_an_item_is_not_touched(ctx: StageContext) -> None:
    everything(ctx)
    item: Item = ctx.item
    before = item.source.read_bytes()
    mix.run(ctx)
    assert item.source.read_bytes() == before
    assert not [path for path in ctx.home.scratch.glob("mix-*") if path.is_dir()]
