"""Probing: what good files are told to be, and a Problem for every bad one."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from dubwright.media.model import MediaInfo
from dubwright.media.probe import probe
from dubwright_kit import Problem
from tests.media import clips


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> dict[str, MediaInfo]:
    folder = tmp_path_factory.mktemp("good")
    return {name: probe(clips.write_film(folder / name, film)) for name, film in clips.GOOD.items()}


def test_every_unusual_film_is_described(good: dict[str, MediaInfo]) -> None:
    for name, info in good.items():
        assert info.audio, name
        assert info.video, name
        assert 3.9 < info.duration_s < 4.1, name
        assert (info.video[0].width, info.video[0].height) == (64, 48), name


@pytest.mark.parametrize(
    ("name", "layout", "rate_hz", "channels"),
    [
        ("eight channels.mkv", "7.1", 48000, 8),
        ("five one.mp4", "5.1", 48000, 6),
        ("192 kHz.mkv", "stereo", 192000, 2),
    ],
)
def test_layouts(
    good: dict[str, MediaInfo], name: str, layout: str, rate_hz: int, channels: int
) -> None:
    audio = good[name].audio[0]
    assert (audio.layout, audio.rate_hz, audio.channels) == (layout, rate_hz, channels)


def test_codecs_have_their_usual_names(good: dict[str, MediaInfo]) -> None:
    assert good["vp9.mkv"].video[0].codec == "vp9"
    assert good["vp9.mkv"].audio[0].codec == "opus"
    assert good["broadcast.ts"].audio[0].codec == "mp2"


def test_time_zero_is_the_first_picture(good: dict[str, MediaInfo]) -> None:
    assert good["plain.mp4"].start_s == 0
    assert good["offset.mkv"].start_s == pytest.approx(2.4)
    assert good["early sound.mkv"].start_s == pytest.approx(0.4)
    assert good["late sound.mp4"].start_s == 0
    assert good["offset.mkv"].duration_s == pytest.approx(4.0, abs=0.05)


def test_negative_start(tmp_path: Path) -> None:
    info = probe(clips.negative_start(tmp_path / "a.mp4"))
    assert info.start_s == pytest.approx(0, abs=0.001)
    assert info.duration_s == pytest.approx(3.6, abs=0.05)
    info = probe(clips.negative_sound(tmp_path / "a.mkv"))
    assert info.start_s == 0
    assert info.audio[0].start_s == pytest.approx(-0.4)


def test_rotation_languages_chapters_variable_rate(good: dict[str, MediaInfo]) -> None:
    assert good["rotated.mp4"].video[0].rotation_deg == 90
    assert good["plain.mp4"].video[0].rotation_deg == 0
    languages = [(a.language, a.default) for a in good["languages.mp4"].audio]
    assert languages == [("eng", False), ("fra", True)]
    assert good["plain.mp4"].audio[0].language == ""
    assert good["chapters.mp4"].chapters == 2
    variable = {name for name, info in good.items() if info.video[0].variable_rate}
    assert variable == {"variable rate.mp4", "variable rate.mkv"}


@pytest.mark.parametrize("suffix", list(clips.SOUND_CODECS))
def test_sound_files(tmp_path: Path, suffix: str) -> None:
    info = probe(clips.write_sound(tmp_path / f"sound{suffix}"))
    assert info.video == ()
    assert info.duration_s == pytest.approx(4.0, abs=0.03)


def test_wrong_extension_does_not_matter(tmp_path: Path) -> None:
    clips.write_sound(tmp_path / "sound.mp3").rename(tmp_path / "sound.mp4")
    assert probe(tmp_path / "sound.mp4").container == "mp3"


def test_one_sample(tmp_path: Path) -> None:
    info = probe(clips.one_sample(tmp_path / "one.wav"))
    assert round(info.duration_s * 44100) == 1


def test_cover_art_is_no_film(tmp_path: Path) -> None:
    info = probe(clips.with_cover(tmp_path / "song.m4a"))
    assert [v.attached_picture for v in info.video] == [True]
    assert info.duration_s == pytest.approx(4.0, abs=0.05)


def test_bad_files_are_problems(tmp_path: Path) -> None:
    for expected, path in clips.bad_files(tmp_path).items():
        with pytest.raises(Problem) as caught:
            probe(path)
        assert caught.value.code == expected.split(":")[0], (expected, caught.value.message)
        assert caught.value.next_action is not None, expected


@pytest.mark.parametrize("percent", [10, 50, 90])
@pytest.mark.parametrize("kind", ["fast.mp4", "late.mp4", "film.mkv", "sound.flac"])
def test_truncated(tmp_path: Path, kind: str, percent: int) -> None:
    path = tmp_path / kind
    if kind == "fast.mp4":
        clips.write_film(path, clips.fast_start(seconds=12))
    elif kind == "sound.flac":
        clips.write_sound(path, 12)
    else:
        clips.write_film(path, clips.Film(seconds=12))
    with pytest.raises(Problem) as caught:
        probe(clips.truncated(path, percent))
    assert caught.value.code == "truncated-media"


@pytest.mark.parametrize("kind", ["film.ts", "sound.mp3", "sound.wav"])
def test_cut_streams_without_an_index_are_shorter_films(tmp_path: Path, kind: str) -> None:
    path = tmp_path / kind
    if kind == "film.ts":
        clips.write_film(path, clips.Film(seconds=10, tracks=(clips.Track("mp2"),)))
    else:
        clips.write_sound(path, 10)
    assert probe(clips.truncated(path, 50)).duration_s == pytest.approx(5.0, abs=0.5)


@pytest.mark.skipif(sys.platform == "win32", reason="names are UTF-16 and permissions differ")
def test_name_that_is_no_text(tmp_path: Path) -> None:
    raw = os.fsencode(tmp_path) + b"/caf\xe9.mp4"
    try:
        with open(raw, "wb") as file:
            file.write(clips.write_film(tmp_path / "a.mp4").read_bytes())
    except OSError:
        pytest.skip("this file system takes only UTF-8 names")
    with pytest.raises(Problem) as caught:
        probe(Path(os.fsdecode(raw)))
    assert caught.value.code == "path-not-utf8"
    caught.value.message.encode("utf-8")


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not bind this user"
)
def test_no_permission(tmp_path: Path) -> None:
    path = clips.write_film(tmp_path / "a.mp4")
    path.chmod(0)
    with pytest.raises(Problem) as caught:
        probe(path)
    assert caught.value.code == "unreadable-media"


def test_random_damage_never_escapes(tmp_path: Path) -> None:
    """Flip bytes anywhere in small films: a description or a Problem, nothing else."""
    import numpy as np

    rng = np.random.default_rng(5)
    outcomes = set()
    for name in ("a.mp4", "a.mkv", "a.avi", "a.ts", "a.ogg"):
        if name == "a.ogg":
            clips.write_sound(tmp_path / name)
        else:
            clips.write_film(
                tmp_path / name, clips.Film(b_frames=False, tracks=(clips.Track("mp2"),))
            )
        whole = np.frombuffer((tmp_path / name).read_bytes(), np.uint8)
        for trial in range(12):
            data = whole.copy()
            at = rng.integers(0, len(data) // (1 + 50 * (trial % 2)), 40)
            data[at] = rng.integers(0, 256, 40)
            (tmp_path / "x").write_bytes(data.tobytes())
            try:
                assert probe(tmp_path / "x").duration_s > 0
                outcomes.add("described")
            except Problem as problem:
                outcomes.add(problem.code)
    assert "described" in outcomes
