"""The table: the runner, what it is held against, what is kept, what must be reached."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from dubwright.engines.speechnet.streaming import separate_stream
from tests.engines.standin import Standin, share, write_network
from tests.training.test_evaluation_measures import noise, voice
from training.evaluation import command, methods
from training.evaluation.goals import GOALS, verdicts
from training.evaluation.item import F32, RATE_HZ, Item, at_ratio
from training.evaluation.keeping import Kept
from training.evaluation.measures import Measures, measured
from training.evaluation.results import as_json, kinds, mean, measure
from training.evaluation.runner import frames_of, onnx_mask, separate, starts


def two(seconds: float, seed: int) -> tuple[F32, F32]:
    return at_ratio(voice(seconds, seed), noise(seconds, seed), 5.0)


def made(_: object = None) -> Iterator[Item]:
    silence = np.zeros((2 * RATE_HZ, 2), np.float32)
    yield Item("a", "mixes", "shared", *two(2, 1))
    yield Item("b", "mixes", "shared", *two(2, 2))
    yield Item("c", "speech only", "shared", two(2, 3)[0], silence)
    yield Item("d", "music only", "shared", silence, noise(2, 4))


def test_a_mask_of_ones_gives_the_mix_back() -> None:
    mix = np.add(*two(14, 1))  # more than one chunk
    assert np.abs(separate(mix, np.ones_like) - mix).max() < 1e-5
    assert len(starts(frames_of(len(mix)))) == 2


@pytest.mark.parametrize("frames", [1, 64, 512, 513, 576, 577, 2000])
def test_chunks_cover_a_sound(frames: int) -> None:
    begins = starts(frames)
    assert begins[0] == 0 and begins[-1] < frames <= begins[-1] + 512
    assert all(b - a == 448 for a, b in pairwise(begins))


@pytest.mark.parametrize("samples", [1, 5000, 13 * RATE_HZ + 7])
def test_the_engine_gives_what_the_plain_runner_gives(samples: int) -> None:
    mix = np.add(*two(13.5, 2))[:samples]
    plain = separate(mix, share)
    streamed = np.zeros_like(mix)
    for start, block in separate_stream(Standin(), lambda at, n: mix[at : at + n], len(mix)):
        streamed[start : start + len(block)] = block
    assert np.abs(plain - streamed).max() < 1e-5


def test_the_oracle_is_far_above_the_mix_and_loses_nothing_of_one_stem() -> None:
    results = list(measure(made(), [methods.mix_itself(), methods.ideal()], Kept(Path("no"))))
    gain = mean(results, "oracle", "gain_db")
    assert gain is not None and gain > 10
    speech = kinds(results)["speech only"]
    assert (mean(speech, "oracle", "bed_level_db") or 0) < -80


def test_a_network_of_another_format_is_refused(tmp_path: Path) -> None:
    path = write_network(tmp_path / "net.onnx", {"format": "2"})
    with pytest.raises(ValueError, match="format 1"):
        onnx_mask(path)


def test_results_are_kept_by_content(tmp_path: Path) -> None:
    calls = []

    def run(item: Item) -> Measures:
        calls.append(item.name)
        return measured(item, item.speech)

    kept = Kept(tmp_path / "kept" / "rows.json")
    one, other = methods.Contender("model", "1", run), methods.Contender("model", "2", run)
    item = next(made())
    first = kept.measures(item, item.digest(), one)
    kept.save()
    again = Kept(tmp_path / "kept" / "rows.json")
    assert again.measures(item, item.digest(), one) == first
    assert calls == ["a"]
    again.measures(item, item.digest(), other)
    again.measures(item, "another", one)
    assert calls == ["a", "a", "a"]


def test_goals_are_reached_missed_or_not_measured() -> None:
    contenders = [
        methods.mix_itself(),
        methods.from_vocals("model", "1", lambda item: item.speech + 0.05 * item.background),
    ]
    found = verdicts(kinds(measure(made(), contenders, Kept(Path("no")))), "model")
    by_name = {(one.goal.kind, one.goal.figure): one for one in found}
    assert len(found) == len(GOALS)
    assert by_name["mixes", "gain_db"].reached is True
    assert by_name["mixes mono", "gain_db"].reached is None
    assert by_name["speech only", "bed_level_db"].reached is True
    loud = by_name["music only", "vocals_level_db"]
    assert loud.found == pytest.approx(-26.02, abs=0.01) and loud.reached is True


def test_the_worst_item_decides_where_each_must_reach_it() -> None:
    def run(item: Item) -> F32:
        return item.speech + np.float32(0.2 if item.name == "d" else 0.001) * item.background

    contenders = [methods.mix_itself(), methods.from_vocals("model", "1", run)]
    items = [*made(), Item("e", "music only", "shared", *reversed(next(_speech_alone())))]
    by_kind = kinds(measure(items, contenders, Kept(Path("no"))))
    found = {one.goal.figure: one for one in verdicts(by_kind, "model")}["vocals_level_db"]
    assert found.found == pytest.approx(-13.98, abs=0.01) and found.reached is False


def _speech_alone() -> Iterator[tuple[F32, F32]]:
    for item in made():
        if item.kind == "speech only":
            yield item.speech, item.background


def test_the_command_prints_the_table_and_saves_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "shared_items", made)
    network = write_network(tmp_path / "net.onnx")
    saved, text = tmp_path / "out" / "all.json", tmp_path / "out" / "table.md"
    arguments = ["--model", str(network), "--json", str(saved), "--markdown", str(text)]
    assert run(tmp_path, *arguments) == 0
    printed = capsys.readouterr().out
    assert "speech: DSP" in printed and "| mixes | 2 |" in printed and "held-out" in printed
    assert "| mixes: mean gain of both stems | >= 9.5 dB |" in printed
    assert text.read_text("utf-8") in printed
    whole = json.loads(saved.read_text("utf-8"))
    assert [one["name"] for one in whole["items"]] == ["a", "b", "c", "d"]
    assert set(whole["items"][0]["by"]) == {"mix", "DSP", "oracle", "model"}
    assert whole["model"]["bytes"] == network.stat().st_size
    assert run(tmp_path, "--no-dsp", "--only", "music only") == 0
    only = capsys.readouterr().out
    assert "DSP" not in only and "mixes" not in only and "| music only | 1 |" in only


def test_the_command_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--model", str(tmp_path / "none.onnx")) == 1
    assert "no network" in capsys.readouterr().err
    assert run(tmp_path, "--no-dsp", "--shared", str(tmp_path)) == 1
    assert "--shared DIR" in capsys.readouterr().err


def run(data: Path, *arguments: str) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path)
    command.add_arguments(parser)
    return command.run(parser.parse_args(["--data", str(data), *arguments]))


def test_figures_are_saved_to_a_hundredth() -> None:
    rows = as_json(list(measure(made(), [methods.mix_itself()], Kept(Path("no")))))
    assert rows[0]["by"]["mix"]["speech_db"] == pytest.approx(5.0, abs=0.3)
    assert rows[0]["by"]["mix"]["gain_db"] == 0.0
    assert rows[2]["by"]["mix"]["background_db"] is None
