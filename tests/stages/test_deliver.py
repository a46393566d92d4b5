"""Where the finished film is copied: the suffix of what it is, and never over the source."""

from __future__ import annotations

from pathlib import Path

import pytest

from dubwright.stages.deliver import place_copy


@pytest.mark.parametrize(
    ("asked", "written"),
    [
        ("out.mp4", "out.mp4"),
        ("out.mkv", "out.mp4"),
        ("talk v1.2", "talk v1.2.mp4"),
        ("film.mkv", "film.dub.mp4"),
        ("film.mp4", "film.dub.mp4"),
    ],
)
def test_a_copy_never_lands_on_the_source(tmp_path: Path, asked: str, written: str) -> None:
    source, made = tmp_path / "film.mp4", tmp_path / "made.mp4"
    source.write_bytes(b"source")
    made.write_bytes(b"dub")

    assert place_copy(made, tmp_path / asked, source) == tmp_path / written
    assert (tmp_path / written).read_bytes() == b"dub"
    assert source.read_bytes() == b"source"


def test_what_a_killed_copy_left_goes_with_the_next_one(tmp_path: Path) -> None:
    source, made, out = tmp_path / "film.mp4", tmp_path / "made.mp4", tmp_path / "out"
    made.write_bytes(b"dub")
    out.mkdir()
    (out / ".talk.mp4.dubwright.part").write_bytes(b"du")

    place_copy(made, out / "talk.mp4", source)

    assert [path.name for path in out.iterdir()] == ["talk.mp4"]
