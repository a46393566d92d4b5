"""Decoding on the film's clock: lengths to the frame, clicks within 1 ms, damage survived."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dubwright.media.decode import FilmSound
from dubwright.media.downmix import stereo_matrix
from dubwright.media.probe import probe
from dubwright.media.soundfile import SoundFormat, write_sound
from dubwright.media.wav import WavWriter
from dubwright_kit import Problem
from tests.media import clips


def whole(sound: FilmSound) -> np.ndarray:
    blocks = list(sound.blocks())
    assert max(len(b) for b in blocks) <= 3 * sound.rate_hz
    return np.concatenate(blocks)


def decoded(path: Path, stream: int = 0, rate_hz: int = 44100) -> tuple[np.ndarray, FilmSound]:
    sound = FilmSound(path, stream, probe(path).duration_s, rate_hz)
    return whole(sound), sound


@pytest.mark.parametrize("name", list(clips.GOOD))
def test_clicks_are_where_the_film_has_them(tmp_path: Path, name: str) -> None:
    film = clips.GOOD[name]
    path = clips.write_film(tmp_path / name, film)
    samples, sound = decoded(path)
    assert samples.shape == (round(probe(path).duration_s * 44100), 2)
    assert samples.dtype == np.float32
    found = clips.find_clicks(samples, 44100, film.clicks)
    assert np.abs(np.array(found) - film.clicks).max() < 0.001, found
    expected = "0.40 s of sound before the first picture were left out"
    assert sound.note == (expected if name == "early sound.mkv" else "")


@pytest.mark.parametrize("suffix", list(clips.SOUND_CODECS))
@pytest.mark.parametrize("rate_hz", [44100, 16000])
def test_sound_files(tmp_path: Path, suffix: str, rate_hz: int) -> None:
    samples, _ = decoded(clips.write_sound(tmp_path / f"a{suffix}"), rate_hz=rate_hz)
    found = clips.find_clicks(samples, rate_hz)
    assert np.abs(np.array(found) - clips.CLICKS).max() < 0.001, found


def test_negative_starts(tmp_path: Path) -> None:
    samples, sound = decoded(clips.negative_sound(tmp_path / "a.mkv"))
    found = clips.find_clicks(samples, 44100)
    assert np.abs(np.array(found) - clips.CLICKS).max() < 0.001
    assert sound.lost_before_s == pytest.approx(0.4, abs=0.002)
    earlier = [t - 0.4 for t in clips.CLICKS]
    samples, _ = decoded(clips.negative_start(tmp_path / "a.mp4"))
    assert np.abs(np.array(clips.find_clicks(samples, 44100, earlier)) - earlier).max() < 0.001


def test_second_stream_is_another_sound(tmp_path: Path) -> None:
    tracks = (clips.Track(), clips.Track(length_s=1.0))
    path = clips.write_film(tmp_path / "a.mp4", clips.Film(tracks=tracks))
    first, _ = decoded(path, 0)
    second, sound = decoded(path, 1)
    assert len(first) == len(second)
    assert np.abs(first[44100:]).max() > 0.3
    assert np.abs(second[-44100 * 2 :]).max() == 0
    assert "ends 3.0 s before the film" in sound.note
    with pytest.raises(Problem) as caught:
        decoded(path, 2)
    assert caught.value.code == "no-such-audio-stream"


def test_one_sample(tmp_path: Path) -> None:
    samples, sound = decoded(clips.one_sample(tmp_path / "one.wav"))
    assert samples.tolist() == [[0.5, 0.5]]
    assert sound.note == ""


@pytest.mark.parametrize(("declared", "frames"), [(3.0, 132300), (5.5, 242550)])
def test_cut_or_padded_to_the_declared_length(tmp_path: Path, declared: float, frames: int) -> None:
    path = clips.write_film(tmp_path / "a.mkv")
    assert len(whole(FilmSound(path, 0, declared))) == frames


@pytest.mark.parametrize("percent", [10, 50, 90])
@pytest.mark.parametrize("name", ["fast.mp4", "a.mkv", "a.ts", "a.flac", "a.mp3"])
def test_truncated_files_give_what_they_have(tmp_path: Path, name: str, percent: int) -> None:
    seconds = 12.0
    path = tmp_path / name
    if name == "fast.mp4":
        clips.write_film(path, clips.fast_start(seconds=seconds, clicks=(0.5,)))
    elif path.suffix in clips.SOUND_CODECS:
        clips.write_sound(path, seconds)
    else:
        clips.write_film(path, clips.Film(seconds=seconds, clicks=(0.5,)))
    cut = clips.truncated(path, percent)
    sound = FilmSound(cut, 0, seconds)
    try:
        samples = whole(sound)
    except Problem as problem:
        assert problem.code in ("truncated-media", "unreadable-media")
        assert percent < 90
    else:
        assert len(samples) == round(seconds * 44100)
        assert "before the film; the rest is silent" in sound.note


def test_damage_in_the_middle_becomes_silence(tmp_path: Path) -> None:
    path = clips.write_film(tmp_path / "a.mkv", clips.Film(seconds=30, clicks=(0.5, 29.5)))
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = np.random.default_rng(1).bytes(4000)
    path.write_bytes(data)
    sound = FilmSound(path, 0, 30.0)
    samples = whole(sound)
    found = clips.find_clicks(samples, 44100, (0.5, 29.5))
    assert np.abs(np.array(found) - (0.5, 29.5)).max() < 0.001
    assert "s are missing inside the sound and became silence" in sound.note


@pytest.mark.parametrize("form", ["flac", "mp3"])
def test_a_few_damaged_blocks_are_told_with_their_time(tmp_path: Path, form: SoundFormat) -> None:
    """FLAC drops what does not fit its checksums without an error: only the clock jumps."""
    noise = np.random.default_rng(2).standard_normal((12 * 44100, 2)) * 0.2
    with WavWriter(tmp_path / "noise.wav", 44100, 2) as writer:
        writer.write(noise.astype(np.float32))
    path = tmp_path / f"a.{form}"
    write_sound(tmp_path / "noise.wav", path, form, 2)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    count = 10_000
    data[middle : middle + count] = np.random.default_rng(1).bytes(count)
    path.write_bytes(data)
    sound = FilmSound(path, 0, 12.0)
    assert len(whole(sound)) == 12 * 44100
    assert "became silence, the first at 0:0" in sound.note
    assert 4.5 < max(sound.first_damage_s, sound.first_gap_s) < 7.5


def test_nothing_decodable_is_a_problem(tmp_path: Path) -> None:
    path = clips.write_film(tmp_path / "a.mp4", clips.Film(video="", tracks=(clips.Track("flac"),)))
    data = bytearray(path.read_bytes())
    at = data.index(b"mdat")
    data[at + 4 : at + 2_000_000] = bytes(len(data[at + 4 : at + 2_000_000]))
    path.write_bytes(data)
    with pytest.raises(Problem) as caught:
        whole(FilmSound(path, 0, 4.0))
    assert caught.value.code in ("unreadable-media", "truncated-media", "not-media")


def test_downmix_never_clips_and_keeps_stereo() -> None:
    assert np.array_equal(stereo_matrix(("FL", "FR")), np.eye(2, dtype=np.float32))
    assert stereo_matrix(("FC",)).tolist() == [[1, 1]]
    for names in (
        ("FL", "FR", "FC", "LFE", "BL", "BR"),
        ("FL", "FR", "FC", "LFE", "BL", "BR", "SL", "SR"),
        ("NONE",) * 8,
        ("NONE",) * 11,
        ("LFE", "LFE2"),
    ):
        matrix = stereo_matrix(names)
        assert matrix.shape == (len(names), 2)
        assert matrix.sum(axis=0).max() == pytest.approx(1.0, abs=1e-6)
    surround = stereo_matrix(("FL", "FR", "FC", "LFE", "BL", "BR"))
    assert surround[3].tolist() == [0, 0]
    assert surround[4, 1] == 0
    assert surround[2, 0] == surround[2, 1] > 0
