"""Failure guidance: what is wrong is said, and the next action, typed as printed, gets one on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from dubwright.cli.face import command_line
from dubwright_kit import Problem
from tests.cli.program import Program
from tests.media import clips


@dataclass(frozen=True)
class Row:
    """Type ``words`` on a fresh item (ITEM stands for its id): this problem comes."""

    words: str
    code: str
    says: str
    """A word that the message must hold."""


TABLE = (
    Row("run mix_dub_preview_v1 ITEM", "no-separation", "separat"),
    Row("run mux_dub_preview_v1 ITEM --option to=es", "no-mix", "mix"),
    Row("run diarize_local_v1 ITEM", "no-transcript", "transcript"),
    Row("run tts_preview_pyttsx3_v1 ITEM --option to=es", "no-translation", "translation"),
    Row("run asr_local ITEM", "pack-not-installed", "asr-pocketsphinx"),
    Row("run translate_v1 ITEM --option to=es", "no-transcript", "transcript"),
    Row("run translate_v1 ITEM", "option-invalid", "language"),
    Row("dub ITEM --to es --asr magic", "pack-unknown", "asr-magic"),
    Row("dub ITEM --to es --voice magic", "voice-unknown", "magic"),
    Row("run no_such_job ITEM", "job-type-unknown", "no_such_job"),
    Row("run mix_dub_preview_v1 ITEM --option loud=1", "option-invalid", "loud"),
    Row("dub ITEM --to tlh", "language-unknown", "tlh"),
    Row("dub ITEM --to es", "pack-not-installed", "tts-preview"),
    Row("dub ITEM --to es --separator magic", "separator-unknown", "magic"),
    Row("dub ITEM --to es --subtitles burn", "option-invalid", "burn"),
    Row("dub ITEM --to es --speakers 0", "option-invalid", "speakers"),
    Row("dub no-such-file.mp4 --to es", "file-missing", "no-such-file.mp4"),
    Row("dub ITEM --to es --translation missing.srt", "subtitles-missing", "missing.srt"),
    Row("dub ITEM --to es --out /no/such/folder/film.mp4", "", ""),
    Row("item ffffffff", "item-not-found", "ffffffff"),
    Row("job show jzzz", "job-not-found", "jzzz"),
    Row("track export 99", "track-not-found", "99"),
    Row("packs install nonsense --yes", "pack-unknown", "nonsense"),
    Row("voice set ITEM S1 voice.wav", "voice-needs-cloning", "clone"),
)


@pytest.fixture(scope="module")
def with_item(tmp_path_factory: pytest.TempPathFactory) -> tuple[Program, str]:
    folder = tmp_path_factory.mktemp("guidance")
    program = Program(folder / "home")
    film = clips.write_film(folder / "film.mp4", clips.Film(seconds=3.0))
    return program, program.ok("add", film)["items"][0]["id"]


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.words)
def test_the_table(with_item: tuple[Program, str], row: Row) -> None:
    program, item = with_item
    outcome = program.run(*row.words.replace("ITEM", item).split(), "--json")
    assert outcome.code == 1, outcome
    problem = outcome.problem
    if row.code:
        assert problem["code"] == row.code
    assert row.says in problem["message"]
    assert problem["next_action"], "every failure says what to do next"
    printed = command_line(Problem.from_json(problem).next_action)  # type: ignore[arg-type]  # asserted above
    people = program.run(*row.words.replace("ITEM", item).split())
    assert people.code == 1
    assert printed in people.err
    assert problem["message"].split(".")[0] in people.err.replace("\n", " ")


def test_following_the_guidance_from_mix_to_a_missing_pack(with_item: tuple[Program, str]) -> None:
    """Mix before anything: each printed action is typed, and the next problem is a later one."""
    program, item = with_item
    first = program.run("run", "mix_dub_preview_v1", item, "--json")
    action = Problem.from_json(first.problem).next_action
    assert action is not None
    assert program.typed(command_line(action)).code == 0, "separating needs nothing installed"
    second = program.run("run", "mix_dub_preview_v1", item, "--json")
    assert second.problem["code"] == "no-speech"


def test_the_source_moved(program: Program, tmp_path: Path) -> None:
    film = clips.write_film(tmp_path / "film.mp4", clips.Film(seconds=2.0))
    item = program.ok("add", film)["items"][0]["id"]
    moved = film.rename(tmp_path / "moved.mp4")
    outcome = program.run("run", "separate_audio_builtin", item, "--json")
    assert outcome.problem["code"] == "source-missing"
    assert program.ok("add", moved)["items"][0]["id"] == item, "the same content is the same item"
    assert program.ok("run", "separate_audio_builtin", item)["state"] == "done"


def test_the_source_changed(program: Program, tmp_path: Path) -> None:
    film = clips.write_film(tmp_path / "film.mp4", clips.Film(seconds=2.0))
    item = program.ok("add", film)["items"][0]["id"]
    film.write_bytes(film.read_bytes() + b"x")
    outcome = program.run("run", "separate_audio_builtin", item, "--json")
    assert outcome.problem["code"] == "source-changed"
    action = Problem.from_json(outcome.problem).next_action
    assert action is not None
    assert program.typed(command_line(action)).code == 0
