"""Items, tracks and voices survive, follow their files, and say what is wrong."""

from __future__ import annotations

import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from dubwright.home import Home
from dubwright.library import Library
from dubwright.library.model import Item, Segment
from dubwright_kit import Problem
from tests.library.shelves import LINES, add_film, add_known, scratch_file


def test_an_empty_library_lists_nothing_and_writes_nothing(home: Home) -> None:
    with Library(home) as library:
        assert library.items() == []
        assert library.newest_track("x", "source") is None
        with pytest.raises(Problem, match="no item"):
            library.item("abc")
    assert not home.database.exists()


def test_an_item_survives_reopening(home: Home, library: Library, film: Item) -> None:
    library.close()
    with Library(home) as again:
        assert again.items() == [film]
        assert again.item(film.id[:5]) == film
    assert film.title == "talk"
    assert film.probe["audio"][0]["language"] == "eng"
    assert film.sha256.startswith(film.id)


def test_the_same_content_is_one_item(library: Library, film: Item, tmp_path: Path) -> None:
    copy = tmp_path / "copy.mp4"
    copy.write_bytes(film.source.read_bytes())
    same, created = add_known(library, copy)
    assert not created
    assert same == film
    film.source.unlink()
    moved, created = add_known(library, copy, title="A talk")
    assert not created
    assert (moved.id, moved.source, moved.title) == (film.id, copy, "A talk")


def test_two_items_with_a_common_beginning(library: Library, tmp_path: Path) -> None:
    seen: dict[str, Item] = {}
    for number in range(40):
        item = add_film(library, tmp_path / f"{number}.mp4", f"film {number}".encode())
        if item.id[0] in seen:
            break
        seen[item.id[0]] = item
    with pytest.raises(Problem) as caught:
        library.item(item.id[0])
    assert caught.value.code == "item-not-found"
    assert item.id in caught.value.message
    assert seen[item.id[0]].id in caught.value.message
    with pytest.raises(Problem):
        library.item("%")


def test_relocate_takes_only_the_same_content(library: Library, film: Item, tmp_path: Path) -> None:
    moved = film.source.rename(tmp_path / "elsewhere.mp4")
    assert library.relocate(film.id, moved).source == moved
    other = tmp_path / "other.mp4"
    other.write_bytes(b"something else")
    with pytest.raises(Problem) as caught:
        library.relocate(film.id, other)
    assert caught.value.code == "source-changed"


def test_the_audio_stream_can_be_chosen(library: Library, film: Item) -> None:
    assert library.choose_audio(film.id, 2) == library.item(film.id)
    assert library.item(film.id).audio_stream == 2


def test_removing_keeps_the_source(home: Home, library: Library, film: Item) -> None:
    library.add_track(film.id, "source", "en", LINES, origin="imported")
    library.set_voice(film.id, "S1", "en+f2")
    final = home.item(film.id) / "asr" / "a.json"
    library.adopt(film.id, "transcribe", "x", "k", {scratch_file(home, "a", b"12345"): final}, {})
    assert library.remove_item(film.id) == 5
    assert film.source.exists()
    assert not home.item(film.id).exists()
    assert library.items() == []
    back, created = add_known(library, film.source)
    assert created
    assert library.tracks(back.id) == []
    assert library.artifacts(back.id) == []
    assert library.voices(back.id) == ()


def test_tracks_are_versions(library: Library, film: Item) -> None:
    first = library.add_track(film.id, "source", "en", LINES, origin="aligned", note="hello")
    edited = (replace(LINES[0], text="Good evening."), LINES[1])
    second = library.add_track(
        film.id, "source", "en", edited, origin="edited", draft=True, parent_id=first.id
    )
    other = library.add_track(film.id, "translation", "es", [], origin="imported", approximate=True)
    assert (first.version, second.version, other.version) == (1, 2, 1)
    assert first.digest != second.digest
    assert library.segments(first.id) == LINES
    assert library.segments(second.id)[0].text == "Good evening."
    assert library.newest_track(film.id, "source") == second
    assert library.newest_track(film.id, "source", "fr") is None
    assert library.tracks(film.id[:6]) == [first, second, other]
    assert library.track(second.id).parent_id == first.id
    assert (second.draft, other.approximate, first.note) == (True, True, "hello")


def test_the_digest_is_of_the_content(library: Library, film: Item) -> None:
    renumbered = tuple(replace(line, index=line.index + 7) for line in LINES)
    one = library.add_track(film.id, "source", "en", LINES, origin="a")
    two = library.add_track(film.id, "source", "en", renumbered, origin="b")
    three = library.add_track(film.id, "source", "de", LINES, origin="a")
    assert one.digest == two.digest != three.digest
    assert [line.index for line in library.segments(two.id)] == [0, 1]


def test_a_line_that_ends_before_it_starts_is_a_bug(library: Library, film: Item) -> None:
    with pytest.raises(ValueError, match="line 3"):
        library.add_track(film.id, "source", "en", [Segment(3, 2.0, 1.0, "no")], origin="a")
    assert library.tracks(film.id) == []


def test_a_track_needs_its_item(library: Library) -> None:
    with pytest.raises(Problem) as caught:
        library.add_track("0" * 16, "source", "en", LINES, origin="a")
    assert caught.value.code == "item-not-found"
    with pytest.raises(Problem) as caught:
        library.track(77)
    assert caught.value.code == "track-not-found"


def test_a_voice_is_replaced(library: Library, film: Item) -> None:
    library.set_voice(film.id, "S2", "es+m1")
    library.set_voice(film.id, "S1", "es+f1")
    library.set_voice(film.id, "S2", "es+m4")
    assert [(c.speaker, c.voice) for c in library.voices(film.id)] == [
        ("S1", "es+f1"),
        ("S2", "es+m4"),
    ]


def test_threads_share_one_library(library: Library, film: Item) -> None:
    failures: list[BaseException] = []

    def work(language: str) -> None:
        try:
            for _ in range(10):
                library.add_track(film.id, "source", language, LINES, origin="thread")
                assert library.newest_track(film.id, "source", language) is not None
        except BaseException as error:  # handed to the main thread
            failures.append(error)

    threads = [threading.Thread(target=work, args=(code,)) for code in ("en", "en", "de")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    versions = [track.version for track in library.tracks(film.id) if track.language == "en"]
    assert versions == list(range(1, 21))


@pytest.mark.skipif(os.name == "nt", reason="Windows file names are UTF-16 without newlines")
def test_odd_file_names(library: Library, tmp_path: Path) -> None:
    for name in ("a b'\"c.mp4", "emoji 🎬.mkv", "new\nline.mov", "100%_.mp4"):
        item = add_film(library, tmp_path / name, name.encode())
        assert library.item(item.id).source == tmp_path / name
