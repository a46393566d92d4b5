"""The sample's parts and the score's measures; the whole demo is a slow test."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from dubwright.demo.music import background
from dubwright.demo.picture import FPS, HEIGHT, WIDTH, Caption, frames
from dubwright.demo.scorecard import find_start, stage_table
from tests.cli.program import Program


def test_music_is_stereo_and_repeatable() -> None:
    music = background(4.0, 44100)
    assert music.shape == (4 * 44100, 2)
    assert 0.02 < float(np.abs(music).max()) < 1.0
    assert np.array_equal(music, background(4.0, 44100))
    assert float(np.corrcoef(music[:, 0], music[:, 1])[0, 1]) < 0.95


def test_the_picture_moves_and_shows_the_line() -> None:
    shown = list(frames(0.4, (Caption(0.2, 0.4, "Ada", "Hello"),)))
    assert len(shown) == round(0.4 * FPS)
    assert shown[0].shape == (HEIGHT, WIDTH, 3)
    assert not np.array_equal(shown[0][: HEIGHT // 2], shown[4][: HEIGHT // 2])
    caption = slice(HEIGHT - 74, HEIGHT)
    assert int(shown[6][caption].max()) == 255 > int(shown[0][caption].max())


@pytest.mark.parametrize("late_s", [0.0, 0.013, -0.2])
def test_a_line_is_found_where_it_really_starts(tmp_path: Path, late_s: float) -> None:
    rng = np.random.default_rng(3)
    line = (rng.standard_normal(22050) * 6000).astype("<i2")
    with wave.open(str(tmp_path / "line.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(44100)
        file.writeframes(line.tobytes())
    mix = (0.05 * rng.standard_normal(4 * 44100)).astype(np.float32)
    start = round((1.5 + late_s) * 44100)
    mix[start : start + len(line)] += line / 32768
    assert find_start(mix, tmp_path / "line.wav", 1.5) == pytest.approx(1.5 + late_s, abs=1e-4)


def test_a_stage_that_ran_twice_counts_once() -> None:
    first = {"stages": [{"name": "ingest", "wall_s": 2.0, "peak_rss_bytes": 5}]}
    again = {"stages": [{"name": "ingest", "wall_s": 0.1, "peak_rss_bytes": 0}]}
    assert stage_table([first, again]) == ({"name": "ingest", "wall_s": 2.0, "peak_rss_bytes": 5},)


@pytest.mark.slow
def test_the_demo_from_an_empty_home(program: Program) -> None:
    outcome = program.run("demo", "--json")
    assert outcome.code == 0, outcome.out + outcome.err
    card = outcome.json
    metrics = card["metrics"]
    assert Path(card["film"]).exists()
    assert json.loads(Path(card["report"]).read_text("utf-8"))["lines"] == 8
    assert metrics["vocals_si_sdr_db"] > metrics["vocals_si_sdr_mix_db"]
    assert metrics["background_si_sdr_db"] > metrics["background_si_sdr_mix_db"]
    assert metrics["aligned_wer"] == 0.0
    assert metrics["word_start_error_median_s"] < 0.06
    assert 0.0 < metrics["draft_wer"] < 1.5
    assert metrics["der"] <= 0.10
    assert metrics["start_error_max_s"] <= 0.020
    assert metrics["overflow_max_s"] <= 0.5
    assert abs(metrics["programme_lufs"] - metrics["original_lufs"]) <= 1.0
    assert metrics["true_peak_dbtp"] <= -0.95
    assert abs(metrics["av_offset_start_s"]) <= 0.020
    assert abs(metrics["av_offset_end_s"]) <= 0.020
    names = [stage["name"] for stage in card["stages"]]
    assert names == [
        "ingest", "separate", "listen", "transcribe", "diarize", "translate", "speak", "fit", "mix", "mux",
        "deliver",
    ]  # fmt: skip
    assert all(stage["wall_s"] >= 0 for stage in card["stages"])


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path / "home")
