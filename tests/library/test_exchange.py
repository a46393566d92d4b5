"""Tracks go out as files and come back as new versions."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from dubwright.library import Library
from dubwright.library.exchange import export_track, import_track
from dubwright.library.model import Item
from dubwright.library.subtitles import FORMS
from dubwright_kit import Problem
from tests.library.shelves import LINES


def test_export_and_import_back(library: Library, film: Item, tmp_path: Path) -> None:
    track = library.add_track(film.id, "source", "en", LINES, origin="aligned")
    for form in FORMS:
        path = tmp_path / f"talk.{form}"
        path.write_text(export_track(library, track.id, form), "utf-8")
        if form == "txt":
            with pytest.raises(Problem) as caught:
                import_track(library, film.id, path, "en")
            assert caught.value.code == "subtitles-untimed"
            continue
        back = import_track(library, film.id, path, "eng")
        assert (back.kind, back.language, back.origin) == ("source", "en", "imported")
        lines = library.segments(back.id)
        assert [line.text for line in lines] == [line.text for line in LINES]
        # The first line's speaker is known (from the file or by time), the second takes it over.
        assert [line.speaker for line in lines] == ["S1", "S1"]
        if form == "json":
            assert lines[0].words == LINES[0].words
    assert back.version == 4


def test_another_language_is_a_translation(library: Library, film: Item, tmp_path: Path) -> None:
    lines = (LINES[0], replace(LINES[1], speaker="S2"))
    source = library.add_track(film.id, "source", "en", lines, origin="diarized")
    path = tmp_path / "es.srt"
    path.write_text(
        "1\n00:00:00,600 --> 00:00:01,700\nBuenos días.\n\n"
        "2\n00:00:02,100 --> 00:00:03,000\nHola.\n\n3\n00:00:08,000 --> 00:00:09,000\nAdiós.\n",
        "cp1252",
    )
    track = import_track(library, film.id, path, "Spanish")
    assert (track.kind, track.language, track.parent_id) == ("translation", "es", source.id)
    assert [line.speaker for line in library.segments(track.id)] == ["S1", "S2", "S2"]
    assert "Windows-1252" in track.note
    assert import_track(library, film.id, path, "es").parent_id == track.id


def test_refusals(library: Library, film: Item, tmp_path: Path) -> None:
    track = library.add_track(film.id, "source", "en", LINES, origin="aligned")
    with pytest.raises(Problem) as caught:
        export_track(library, track.id, "docx")
    assert caught.value.code == "format-unknown"
    path = tmp_path / "talk.json"
    path.write_text(export_track(library, track.id, "json"), "utf-8")
    with pytest.raises(Problem) as caught:
        import_track(library, film.id, path, "es")
    assert caught.value.code == "language-differs"
    assert caught.value.next_action is not None
    assert caught.value.next_action.args["language"] == "en"
    with pytest.raises(Problem) as caught:
        import_track(library, film.id, path, "klingon")
    assert caught.value.code == "language-unknown"
    assert library.tracks(film.id) == [track]
