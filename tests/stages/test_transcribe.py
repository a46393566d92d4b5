"""Transcribing with a real library and a recogniser in a real guest that tells what it was asked."""

from __future__ import annotations

import json
import logging
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
from dubwright.packs.wall.call import Wall
from dubwright.packs.wall.spec import GuestSpec
from dubwright.stages import transcribe
from dubwright.stages.base import StageContext
from dubwright.stages.listen import heard
from dubwright_kit import NextAction, Problem

SPEECH = [[1.0, 3.0], [4.0, 6.5], [9.0, 12.0]]

RECOGNISER = '''
"""Gives each word 0.2 s from the first speech on; hears three words without a text."""
from dubwright_kit.contracts import TranscribeDone, Word

def run(ask, report):
    tokens = [token for span in ask.text for token in span.text.split()]
    heard = tokens or ["hello", "over", "there"]
    at = ask.speech[0][0]
    words = tuple(
        Word(token, at + 0.2 * n, at + 0.2 * n + 0.18, 0.0 if token == "lost" else 0.9)
        for n, token in enumerate(heard)
    )
    return TranscribeDone(words, ask.language, not tokens)
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


class Shelf:
    """Stands for the pack catalogue: one recogniser of English, installed or not."""

    def __init__(self, installed: bool) -> None:
        manifest = SimpleNamespace(languages=("en",))
        self._status = SimpleNamespace(
            state="installed" if installed else "available", manifest=manifest
        )

    def identity(self, pack_id: str) -> str:
        return "1"

    def status(self, pack_id: str) -> Any:
        return self._status

    def require(self, pack_id: str) -> Any:
        if self._status.state != "installed":
            install = NextAction("install it", "packs install", {"_": [pack_id]})
            raise Problem("pack-not-installed", "It is not installed.", install)
        return self._status


@pytest.fixture
def ctx(tmp_path: Path) -> Iterator[StageContext]:
    home = Home(tmp_path / "data").prepare()
    folder = tmp_path / "recogniser"
    folder.mkdir()
    (folder / "backend.py").write_text(RECOGNISER, "utf-8")
    spec = GuestSpec("asr-pocketsphinx", folder, Path(sys.executable), tmp_path, "1", "host")
    source = tmp_path / "film.mp4"
    source.write_bytes(b"film")
    with Library(home) as library, Wall(home, resolve=lambda home, pack_id: spec) as wall:
        item, _ = library.add_item(
            source,
            title="Talk",
            sha256="ab" * 32,
            size_bytes=4,
            mtime_ns=source.stat().st_mtime_ns,
            duration_s=15.0,
            container="mp4",
            audio_stream=0,
            probe={"audio": [{"language": ""}]},
        )
        made = StageContext(
            home,
            library,
            cast("Any", Shelf(True)),
            wall,
            cast("JobContext", Job(home.job("1"))),
            item,
            {},
        )
        listened(made, SPEECH)
        yield made


def listened(ctx: StageContext, spans: list[list[float]]) -> None:
    """What ingest leaves that transcribing reads."""
    files = {"vad.json": ctx.files.vad_json, "speech.wav": ctx.files.speech_wav}
    places = {}
    for name, final in files.items():
        scratch = ctx.home.scratch / name
        scratch.write_text(json.dumps({"frame_s": 0.032, "p": [], "spans": spans}), "utf-8")
        places[scratch] = final
    ctx.library.adopt(ctx.item.id, "ingest", "ingest", str(spans), places, {})


def told(ctx: StageContext, text: str, name: str = "talk.txt", **options: str) -> StageContext:
    path = ctx.home.root.parent / name
    path.write_text(text, "utf-8")
    return replace(ctx, options={"transcript": str(path), **options})


def without_pack(ctx: StageContext) -> StageContext:
    return replace(ctx, packs=cast("Any", Shelf(False)))


SRT = """1
00:00:01,200 --> 00:00:02,800
Hello there.

2
00:00:04,300 --> 00:00:06,100
How are you
this morning?
"""


def test_a_draft_is_marked_as_one_and_its_language_is_said_to_be_assumed(ctx: StageContext) -> None:
    result = transcribe.run(ctx)
    assert result.track is not None
    assert (result.track.draft, result.track.approximate) == (True, False)
    assert result.track.origin == "asr:pocketsphinx"
    assert result.track.language == "en"
    assert "taken as en" in result.track.note
    transcript = json.loads((ctx.files.asr / "transcript.json").read_text("utf-8"))
    words = [word["text"] for one in transcript["segments"] for word in one["words"]]
    assert words == ["hello", "over", "there"]
    assert (ctx.files.asr / "transcript.srt").exists()
    assert (ctx.files.asr / "transcript.vtt").read_text("utf-8").startswith("WEBVTT")
    assert transcribe.run(ctx).cached


def test_a_given_english_text_is_aligned_word_by_word(ctx: StageContext) -> None:
    text = "And so, my fellow Americans: ask not.\n\nAsk what you can do for your country."
    result = transcribe.run(told(ctx, text, **{"from": "en"}))
    assert result.track is not None
    assert (result.track.origin, result.track.draft) == ("aligned", False)
    lines = ctx.library.segments(result.track.id)
    assert " ".join(line.text.replace("\n", " ") for line in lines).split() == text.split()
    assert [word.text for line in lines for word in line.words] == text.split()
    assert lines[0].start_s == pytest.approx(1.0)
    assert "taken as" not in result.track.note


def test_a_given_text_is_not_taken_anew_because_stems_came(
    ctx: StageContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a person edited in it would be superseded; a draft is heard again in the better sound."""
    asked = told(ctx, "Hello there. Good morning.")
    film = heard(asked)
    first = transcribe.run(asked)
    monkeypatch.setattr(transcribe, "heard_voice", lambda _: replace(film, key="of the stems"))
    again = transcribe.run(asked)
    assert again.cached
    assert again.artifact == first.artifact
    draft = transcribe.run(replace(ctx, options={})).artifact
    monkeypatch.setattr(transcribe, "heard_voice", lambda _: replace(film, key="of other stems"))
    assert transcribe.run(replace(ctx, options={})).artifact != draft


def test_given_cues_stay_lines_and_take_the_words_times(ctx: StageContext) -> None:
    result = transcribe.run(told(ctx, SRT, "talk.srt"))
    assert result.track is not None
    first, second = ctx.library.segments(result.track.id)
    assert first.text == "Hello there."
    assert second.text.split() == "How are you this morning?".split()  # noqa: SIM905  # read as text
    assert [first.start_s, second.start_s] == pytest.approx([1.0, 1.4])


def test_words_that_could_not_be_aligned_are_counted(ctx: StageContext) -> None:
    result = transcribe.run(told(ctx, "one lost three four"))
    assert result.track is not None
    assert "1 of 4 words placed by estimate" in result.track.note
    assert not result.track.approximate
    result = transcribe.run(told(ctx, "one lost lost lost"))
    assert result.track is not None
    assert result.track.approximate


def test_other_languages_are_snapped_or_spread_and_marked(ctx: StageContext) -> None:
    result = transcribe.run(told(ctx, SRT, "talk.srt", **{"from": "de"}))
    assert result.track is not None
    assert (result.track.language, result.track.approximate) == ("de", True)
    first, second = ctx.library.segments(result.track.id)
    assert (first.start_s, first.end_s) == (1.0, 3.0)
    assert second.start_s == 4.0
    result = transcribe.run(told(ctx, "Guten Tag. " * 20, **{"from": "de"}))
    assert result.track is not None
    assert result.track.approximate
    lines = ctx.library.segments(result.track.id)
    assert all(any(a - 0.01 <= line.start_s <= b + 0.01 for a, b in SPEECH) for line in lines), (
        "text lies where somebody speaks"
    )


def test_without_the_pack_a_given_text_is_placed_and_a_draft_is_refused(ctx: StageContext) -> None:
    result = transcribe.run(without_pack(told(ctx, SRT, "talk.srt")))
    assert result.track is not None
    assert (result.track.origin, result.track.approximate) == ("imported", True)
    with pytest.raises(Problem) as caught:
        transcribe.run(without_pack(ctx))
    assert caught.value.code == "pack-not-installed"


def test_a_draft_in_another_language_is_refused_with_the_way_on(ctx: StageContext) -> None:
    with pytest.raises(Problem) as caught:
        transcribe.run(replace(ctx, options={"from": "de"}))
    assert caught.value.code == "asr-language"
    action = caught.value.next_action
    assert action is not None
    assert (action.verb, action.args["_"]) == ("run", ["asr_local", ctx.item.id])


def test_a_film_in_which_nobody_speaks_has_no_lines(ctx: StageContext) -> None:
    listened(ctx, [])
    result = transcribe.run(ctx)
    assert result.track is not None
    assert ctx.library.segments(result.track.id) == ()
    assert "nobody speaks" in result.track.note
    assert transcribe.run(told(ctx, "Hello there.")).track is not None


def test_without_the_sound_the_next_step_is_told(ctx: StageContext, tmp_path: Path) -> None:
    ctx.files.vad_json.unlink()
    with pytest.raises(Problem) as caught:
        transcribe.run(ctx)
    assert caught.value.code == "no-working-audio"
