"""Where the spoken lines come from, and that a person's work on them is never replaced unasked."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from dubwright.home import Home
from dubwright.jobs.model import JobContext
from dubwright.library import Library
from dubwright.library.exchange import export_track, import_track
from dubwright.library.model import Segment, Track
from dubwright.library.subtitles import read_transcript
from dubwright.packs.catalog import Packs
from dubwright.stages import translate
from dubwright.stages.base import StageContext, StageResult
from dubwright_kit import Problem
from tests.library.shelves import add_film

SOURCE = (
    Segment(0, 0.5, 1.5, "Good morning.", "S1"),
    Segment(1, 2.0, 4.0, "How are you?", "S2"),
    Segment(2, 4.5, 5.0, "Fine.", "S1"),
)
SPANISH = "1\n00:00:00,400 --> 00:00:01,600\nBuenos días.\n\n2\n00:00:02,200 --> 00:00:04,100\n¿Qué tal?\n"

APERTIUM = '''#!{python}
"""Stands in for the program: lists two pairs, turns letters round, can lose a line's place."""
import sys
if sys.argv[1:] == ["-l"]:
    print("  eng-spa\\n  es-ca")
    raise SystemExit
if sys.argv[-1] != "eng-spa" or "Explode" in (text := sys.stdin.buffer.read().decode()):
    sys.stderr.write("Error: out of order\\n")
    raise SystemExit(1)
if "Merge" in text and text.count("\\n") > 1:
    text = text.replace("\\n\\n", " ")
sys.stdout.buffer.write("\\n".join(row[::-1] for row in text.split("\\n")).encode())
'''


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
def ctx(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StageContext]:
    """A film without tracks on a machine without translators."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    home = Home(tmp_path / "data").prepare()
    packs = Packs(home)
    with Library(home) as library, packs.wall() as wall:
        item = add_film(library, tmp_path / "talk.mp4")
        job = cast("JobContext", Job(home.job("1")))
        yield StageContext(home, library, packs, wall, job, item, {})


@pytest.fixture
def spanish(tmp_path: Path) -> Path:
    path = tmp_path / "es.srt"
    path.write_text(SPANISH, "utf-8")
    return path


@pytest.fixture
def apertium(tmp_path: Path) -> None:
    if os.name == "nt":
        pytest.skip("the stand-in is a script")
    program = tmp_path / "bin" / "apertium"
    program.parent.mkdir()
    program.write_text(APERTIUM.replace("{python}", sys.executable))
    program.chmod(0o755)


def add_source(ctx: StageContext, *lines: Segment, draft: bool = False) -> Track:
    lines = lines or SOURCE
    return ctx.library.add_track(ctx.item.id, "source", "en", lines, origin="aligned", draft=draft)


def run(ctx: StageContext, **options: Any) -> StageResult:
    return translate.run(replace(ctx, options=options))


def spoken(ctx: StageContext, result: StageResult) -> list[tuple[str, str | None]]:
    assert result.track is not None
    return [(line.text, line.speaker) for line in ctx.library.segments(result.track.id)]


def test_a_given_file(ctx: StageContext, spanish: Path) -> None:
    source = add_source(ctx, draft=True)
    result = run(ctx, to="Spanish", translation=str(spanish))
    assert spoken(ctx, result) == [("Buenos días.", "S1"), ("¿Qué tal?", "S2")]
    track = result.track
    assert track is not None
    assert (track.kind, track.language, track.origin) == ("translation", "es", "imported")
    assert (track.draft, track.parent_id) == (False, source.id)
    assert result.artifact is not None
    names = [path.name for path in result.artifact.paths]
    assert names == ["translation.es.json", "translation.es.srt", "translation.es.vtt"]
    for path in result.artifact.paths:
        assert path.parent == ctx.files.asr
        assert [line.text for line in read_transcript(path).lines] == ["Buenos días.", "¿Qué tal?"]
    again = run(ctx, to="es", translation=str(spanish))
    assert again.cached
    assert again.track == track
    # Without naming the file again it is still what the dub is made of.
    later = run(ctx, to="es")
    assert later.cached
    assert later.track == track


def test_a_given_file_without_a_transcript(ctx: StageContext, spanish: Path) -> None:
    result = run(ctx, to="es", translation=str(spanish))
    assert spoken(ctx, result) == [("Buenos días.", "S1"), ("¿Qué tal?", "S1")]
    turns = {
        "speakers": ["S1", "S2"],
        "turns": [
            {"start_s": 0.0, "end_s": 2.0, "speaker": "S2"},
            {"start_s": 2.0, "end_s": 4.0, "speaker": "S1"},
        ],
    }
    made = ctx.home.scratch / "d.json"
    made.write_text(json.dumps(turns))
    files = {made: ctx.files.diarization_json}
    ctx.library.adopt(ctx.item.id, "diarize", "diarization", "k", files, {})
    result = run(ctx, to="es", translation=str(spanish))
    assert not result.cached
    assert spoken(ctx, result) == [("Buenos días.", "S2"), ("¿Qué tal?", "S1")]


def test_other_speakers_found_later_reach_the_lines(ctx: StageContext, spanish: Path) -> None:
    add_source(ctx, *(replace(line, speaker=None) for line in SOURCE))
    first = run(ctx, to="es", translation=str(spanish))
    assert {speaker for _, speaker in spoken(ctx, first)} == {"S1"}
    add_source(ctx)
    second = run(ctx, to="es", translation=str(spanish))
    assert {speaker for _, speaker in spoken(ctx, second)} == {"S1", "S2"}
    assert second.track is not None
    assert second.track.version == 2


def test_edits_are_kept(ctx: StageContext, spanish: Path, tmp_path: Path) -> None:
    """Naming the same file again does not undo what a person changed since; another file does."""
    add_source(ctx)
    first = run(ctx, to="es", translation=str(spanish)).track
    assert first is not None
    edited = tmp_path / "edited.srt"
    edited.write_text(export_track(ctx.library, first.id, "srt").replace("tal", "pasa"), "utf-8")
    import_track(ctx.library, ctx.item.id, edited, "es")
    for number in range(3):
        options: dict[str, Any] = {"translation": str(spanish)} if number != 1 else {}
        result = run(ctx, to="es", **options)
        assert spoken(ctx, result)[1] == ("¿Qué pasa?", "S2")
        assert result.artifact is not None
        assert "pasa" in result.artifact.paths[1].read_text("utf-8")
        assert result.cached == (number > 0)
    other = tmp_path / "other.srt"
    other.write_text(SPANISH.replace("Buenos días", "Hola"), "utf-8")
    assert spoken(ctx, run(ctx, to="es", translation=str(other)))[0] == ("Hola.", "S1")
    assert len(ctx.library.tracks(ctx.item.id)) == 4


def test_an_import_from_before_the_speakers_were_known(ctx: StageContext, spanish: Path) -> None:
    ctx.library.add_track(ctx.item.id, "source", "en", [], origin="imported")
    import_track(ctx.library, ctx.item.id, spanish, "es")
    add_source(ctx)
    result = run(ctx, to="es")
    assert spoken(ctx, result) == [("Buenos días.", "S1"), ("¿Qué tal?", "S2")]
    assert run(ctx, to="es").cached


def test_the_same_language_is_revoiced(ctx: StageContext) -> None:
    source = add_source(ctx, *SOURCE[:2], replace(SOURCE[2], speaker=None), draft=True)
    result = run(ctx, to="en")
    assert spoken(ctx, result) == [
        ("Good morning.", "S1"),
        ("How are you?", "S2"),
        ("Fine.", "S1"),
    ]
    assert result.track is not None
    assert (result.track.origin, result.track.draft) == ("revoice", True)
    assert result.track.parent_id == source.id
    assert run(ctx, to="en-GB").cached
    add_source(ctx, replace(SOURCE[0], text="Good evening."))
    assert spoken(ctx, run(ctx, to="en")) == [("Good evening.", "S1")]


@pytest.mark.usefixtures("apertium")
def test_apertium(ctx: StageContext) -> None:
    add_source(ctx, *SOURCE, replace(SOURCE[0], text=""), draft=True)
    result = run(ctx, to="es")
    assert spoken(ctx, result) == [
        (".gninrom dooG", "S1"),
        ("?uoy era woH", "S2"),
        (".eniF", "S1"),
        ("", "S1"),
    ]
    assert result.track is not None
    assert (result.track.origin, result.track.draft) == ("translated:apertium", True)
    assert run(ctx, to="es", translator="apertium").cached


@pytest.mark.usefixtures("apertium")
def test_apertium_that_joins_lines(ctx: StageContext) -> None:
    """Lines keep their places even where the program runs them together."""
    add_source(ctx, *(replace(line, text=f"Merge {line.index}") for line in SOURCE))
    texts = [text for text, _ in spoken(ctx, run(ctx, to="es"))]
    assert texts == ["0 egreM", "1 egreM", "2 egreM"]


@pytest.mark.usefixtures("apertium")
def test_apertium_without_the_pair_or_failing(ctx: StageContext) -> None:
    add_source(ctx)
    with pytest.raises(Problem) as caught:
        run(ctx, to="fr")
    assert caught.value.code == "no-translator"
    assert "en-fr" in caught.value.message
    add_source(ctx, replace(SOURCE[0], text="Explode"))
    with pytest.raises(Problem) as caught:
        run(ctx, to="es")
    assert caught.value.code == "translator-failed"
    assert "out of order" in caught.value.message
    assert ctx.library.newest_track(ctx.item.id, "translation") is None


def test_nothing_translates(ctx: StageContext) -> None:
    source = add_source(ctx)
    with pytest.raises(Problem) as caught:
        run(ctx, to="es")
    problem = caught.value
    assert problem.code == "no-translator"
    assert "English to Spanish" in problem.message
    assert f"track export {source.id}" in problem.message
    assert "not on PATH" in problem.detail
    assert problem.next_action is not None
    assert problem.next_action.args["to"] == "es"


def test_nothing_to_translate(ctx: StageContext) -> None:
    with pytest.raises(Problem) as caught:
        run(ctx, to="es")
    assert caught.value.code == "no-transcript"
    assert caught.value.next_action is not None
    assert caught.value.next_action.args == {"_": ["asr_local", ctx.item.id]}


def test_files_that_do_not_help(ctx: StageContext, tmp_path: Path) -> None:
    add_source(ctx)
    path = tmp_path / "lines.json"
    path.write_text('{"language": "fr", "segments": [{"start_s": 0, "end_s": 1, "text": "Oui"}]}')
    with pytest.raises(Problem) as caught:
        run(ctx, to="es", translation=str(path))
    assert caught.value.code == "language-differs"
    text = tmp_path / "lines.txt"
    text.write_text("Hola.\n")
    with pytest.raises(Problem) as caught:
        run(ctx, to="es", translation=str(text))
    assert caught.value.code == "subtitles-untimed"
    with pytest.raises(Problem) as caught:
        run(ctx, to="")
    assert caught.value.code == "language-unknown"
    assert [track.kind for track in ctx.library.tracks(ctx.item.id)] == ["source"]
