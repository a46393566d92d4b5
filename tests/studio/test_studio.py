"""The Python API, and what the verbs do before any job runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubwright import Studio
from dubwright.studio.inspect import checked_options
from dubwright.studio.intake import expand, pick_stream
from dubwright_kit import Problem
from tests.media import clips


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return clips.write_film(tmp_path / "film.mp4", clips.Film(seconds=2.0))


def code_of(work: object) -> str:
    with pytest.raises(Problem) as caught:
        work()  # type: ignore[operator]  # a lambda
    assert caught.value.next_action is not None
    return caught.value.code


def test_the_same_content_is_one_item(tmp_path: Path, film: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(film.read_bytes())
    with Studio(home=tmp_path / "home") as studio:
        first, second = studio.add(film), studio.add(copy)
        assert first.id == second.id
        assert len(studio.items()) == 1


def test_folders_and_globs(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for name in ("b.mp4", "a.MKV", "deep/c.flac", "notes.txt"):
        (tmp_path / "in" / name).write_bytes(b"x")
    assert [path.name for path in expand([tmp_path / "in"])] == ["a.MKV", "b.mp4", "c.flac"]
    assert [path.name for path in expand([tmp_path / "in" / "*.mp4"])] == ["b.mp4"]
    assert expand([tmp_path / "in" / "b.mp4", tmp_path / "in"])[0].name == "b.mp4"
    assert code_of(lambda: expand([tmp_path / "in" / "*.avi"])) == "nothing-to-add"
    (tmp_path / "empty").mkdir()
    assert code_of(lambda: expand([tmp_path / "empty"])) == "nothing-to-add"


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path, film: Path) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_text("no film")
    with Studio(home=tmp_path / "home") as studio:
        result = studio.add_many([bad, film])
        assert [one.item.title for one in result.added] == ["film"]
        assert [(path.name, problem.code) for path, problem in result.failed] == [
            ("bad.mp4", "not-media")
        ]


def test_the_default_audio_stream_comes_first() -> None:
    assert pick_stream([False, True], None, Path("f")) == 1
    assert pick_stream([False, False], None, Path("f")) == 0
    assert pick_stream([False, True], 0, Path("f")) == 0
    assert code_of(lambda: pick_stream([True], 3, Path("f"))) == "no-such-audio-stream"


def test_choosing_another_stream_of_a_known_film(tmp_path: Path) -> None:
    tracks = (clips.Track(language="eng"), clips.Track(language="deu", default=False))
    film = clips.write_film(tmp_path / "two.mkv", clips.Film(seconds=2.0, tracks=tracks))
    with Studio(home=tmp_path / "home") as studio:
        assert studio.add(film).audio_stream == 0
        assert studio.add(film, audio_stream=1).audio_stream == 1
        assert studio.add(film).audio_stream == 1, "a person's choice holds"


def test_what_would_stop_a_dub_is_said_before_it_starts(tmp_path: Path, film: Path) -> None:
    with Studio(home=tmp_path / "home") as studio:
        item = studio.add(film)
        assert code_of(lambda: studio.dub(item.id, "es")) == "pack-not-installed"
        assert code_of(lambda: studio.dub(item.id, "xx")) == "language-unknown"
        assert (
            code_of(lambda: studio.dub(item.id, "es", transcript=tmp_path / "no.srt"))
            == "subtitles-missing"
        )
        assert studio.jobs() == [], "nothing was enqueued"


def test_removing_keeps_the_source(tmp_path: Path, film: Path) -> None:
    with Studio(home=tmp_path / "home") as studio:
        item = studio.add(film)
        studio.run("separate_audio_builtin", item.id).wait()
        assert studio.item(item.id).sizes["separation"] > 0
        assert studio.remove(item.id).freed_bytes > 0
        assert studio.items() == []
        assert not studio.home.item(item.id).exists()
    assert film.exists()


def test_options_typed_as_text(tmp_path: Path) -> None:
    with Studio(home=tmp_path / "home") as studio:
        packs = studio.packs
        assert checked_options(packs, "diarize_local_v1", {"speakers": "2"}) == {"speakers": 2}
        mux = checked_options(packs, "mux_dub_preview_v1", {"keep-original-track": "yes"})
        assert mux == {"keep_original_track": True}
        assert (
            code_of(lambda: checked_options(packs, "diarize_local_v1", {"speakers": "two"}))
            == "option-invalid"
        )


def test_stems_without_the_library(tmp_path: Path, film: Path) -> None:
    from dubwright.media.wav import WavReader

    with Studio(home=tmp_path / "home") as studio:
        stems = studio.separate(film, tmp_path / "out")
        assert set(stems.stems) == {"vocals", "background"}
        for path in stems.stems.values():
            with WavReader(path) as wav:
                assert (wav.rate_hz, wav.channels, wav.frames) == (44100, 2, 88200)
        assert studio.items() == []
        assert not list(studio.home.scratch.iterdir())
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
            "background.wav",
            "vocals.wav",
        ]
