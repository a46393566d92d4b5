"""From files of a package to clips of the store."""

from __future__ import annotations

import io
import json
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from training import recordings
from training.recordings import (
    Sound,
    cut,
    decode,
    paths,
    span_db,
    speaker_of,
    store,
    trim,
    upstream,
)
from training.store import F32, sources
from training.wanted import Recordings

RATE_HZ = 22_050


def _noise(seconds: float, level: float = 0.3, seed: int = 1) -> F32:
    generator = np.random.default_rng(seed)
    noise: F32 = generator.uniform(-level, level, round(seconds * RATE_HZ)).astype(np.float32)
    return noise


def _wav(samples: F32) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(RATE_HZ)
        out.writeframes(np.rint(samples * 32767).astype("<i2").tobytes())
    return file.getvalue()


def _package(folder: Path, files: dict[str, bytes], copyright_text: str) -> Path:
    texts = {"usr/share/doc/game/copyright": copyright_text.encode()}
    for name, content in (files | texts).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


COPYRIGHT = """\
Files: *
Copyright: A
License: GPL-2+

Files: data/sfx/*
Copyright: B
License: CC-BY-SA-3.0

Files: data/sfx/free*
Copyright: C
License: CC0
"""
WANTED = Recordings(
    "game", "game", "effects", ("usr/game/*.wav",), ("*voice*",), roots=(("usr/game", "data"),)
)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    files = {
        "usr/game/sfx/free.wav": _wav(_noise(0.5, seed=1)),
        "usr/game/sfx/again.wav": _wav(_noise(0.5, seed=2)),
        "usr/game/sfx/voice.wav": _wav(_noise(0.5, seed=3)),
        "usr/game/sfx/broken.wav": b"RIFF and no more",
        "usr/game/other.wav": _wav(_noise(0.5, seed=4)),
        "usr/game/copy/other.wav": _wav(_noise(0.5, seed=4)),
    }
    return _package(tmp_path / "packages" / "game", files, COPYRIGHT)


def test_each_file_goes_by_its_own_licence(package: Path, tmp_path: Path) -> None:
    report = store(WANTED, package, tmp_path, "free")
    (source,) = sources(tmp_path, "effects")
    assert {clip.file: clip.licence for clip in source.clips} == {
        "usr/game/sfx/free.wav": "CC0-1.0",
        "usr/game/sfx/again.wav": "CC-BY-SA-3.0",
    }
    assert source.channels == 2
    assert source.seconds == pytest.approx(1.0, abs=0.1)
    assert {clip.bandwidth_hz for clip in source.clips} == {RATE_HZ / 2}
    assert report.files == 2
    assert sorted(why for _, why in report.left_out) == [
        "cannot be decoded: InvalidDataError",
        "licence: GPL-2+",
    ]


def test_share_alike_stays_out_where_only_permissive_is_wanted(
    package: Path, tmp_path: Path
) -> None:
    store(WANTED, package, tmp_path, "permissive")
    (source,) = sources(tmp_path, "effects")
    assert {clip.licence for clip in source.clips} == {"CC0-1.0"}


def test_a_source_is_written_once_for_a_policy(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package / "VERSION").write_text("1\n")
    monkeypatch.setattr(recordings, "SOURCES", (WANTED,))
    assert [report.files for report in recordings.build(tmp_path)] == [2]
    assert list(recordings.build(tmp_path)) == []
    assert [report.files for report in recordings.build(tmp_path, "permissive")] == [1]
    assert [report.files for report in recordings.build(tmp_path, "permissive", again=True)] == [1]
    told = json.loads(recordings.report_path(WANTED, tmp_path).read_text())
    assert told["policy"] == "permissive"


def test_a_content_counts_once(package: Path) -> None:
    names = [path for path in paths(package, WANTED) if path.endswith("other.wav")]
    assert len(names) == 1


def test_where_a_file_lies_upstream() -> None:
    assert upstream("usr/game/sfx/a.ogg", WANTED) == "data/sfx/a.ogg"
    assert upstream("opt/a.ogg", WANTED) is None
    assert upstream("opt/a.ogg", replace(WANTED, roots=())) == "opt/a.ogg"


def test_a_file_is_not_cleared_by_the_licence_for_everything_before_its_place_is_known(
    package: Path, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="no roots"):
        store(replace(WANTED, roots=()), package, tmp_path, "free")
    text = COPYRIGHT.replace("GPL-2+", "CC0")
    (package / "usr/share/doc/game/copyright").write_text(text)
    report = store(
        replace(WANTED, roots=(("usr/game/sfx", "data/sfx"),)), package, tmp_path, "free"
    )
    assert ("usr/game/copy/other.wav", "licence: none") in report.left_out


def test_a_speaker_is_a_name_or_found_in_the_path() -> None:
    assert speaker_of("a/b.ogg", "jane") == "jane"
    assert speaker_of("voice/greek/male_1.ogg", r"voice/(\w+)/(male|female)") == "greek-male"
    assert speaker_of("voice/greek.ogg", r"voice/(\w+)/(male|female)") == ""
    assert speaker_of("x/ann_1.ogg", r"factions/(\w+)/|x/([a-z]+)_") == "ann"


def test_what_is_decoded_keeps_its_rate_and_its_samples() -> None:
    noise = _noise(0.3)
    sound = decode(_wav(noise), "a.wav")
    assert sound.rate_hz == RATE_HZ
    assert sound.samples.shape == (len(noise), 1)
    assert np.abs(sound.samples[:, 0] - noise).max() < 1e-4


def test_a_sound_has_the_channels_and_the_rate_of_the_store() -> None:
    stereo = Sound(np.stack([_noise(0.5), -_noise(0.5)], axis=1), RATE_HZ)
    assert np.abs(stereo.at_store_rate(1)).max() < 1e-6
    assert stereo.at_store_rate(2).shape == (RATE_HZ, 2)


def test_silence_around_a_sound_is_trimmed() -> None:
    silence = np.zeros(RATE_HZ, np.float32)
    whole = Sound(np.concatenate([silence, _noise(1), silence])[:, None], RATE_HZ)
    assert trim(whole).seconds == pytest.approx(1.18, abs=0.03)
    assert trim(Sound(silence[:, None], RATE_HZ)).seconds == 0
    assert trim(Sound(silence[:10, None], RATE_HZ)).seconds == 0


def test_a_noise_under_speech_is_seen_by_its_level() -> None:
    words = np.concatenate([_noise(0.5), np.zeros(RATE_HZ, np.float32)])
    noisy = words + _noise(1.5, 0.1, seed=2)
    assert span_db(Sound(words[:, None], RATE_HZ)) > 40
    assert span_db(Sound(noisy[:, None], RATE_HZ)) < 20


@pytest.mark.parametrize(
    ("kind", "seconds", "why"),
    [
        ("speech", 0.3, "shorter than 0.6 s"),
        ("speech", 2.0, "not clean: a noise or music under it"),
        ("effects", 0.02, "shorter than 0.08 s"),
        ("music", 3.0, "shorter than 4 s"),
    ],
)
def test_what_is_of_no_use_is_told(kind: str, seconds: float, why: str) -> None:
    assert cut(Sound(_noise(seconds)[:, None], RATE_HZ), kind) == ([], why)


def test_noise_is_no_speech() -> None:
    words = np.concatenate([_noise(0.5), np.zeros(RATE_HZ, np.float32), _noise(0.5)])
    assert cut(Sound(words[:, None], RATE_HZ), "speech") == ([], "no voice was heard")


def test_a_place_without_a_voice_is_kept_whole() -> None:
    place = Sound(_noise(5)[:, None], RATE_HZ)
    (piece,), why = cut(place, "ambience")
    assert why == ""
    assert piece.seconds == place.seconds


def test_a_voice_is_cut_out_of_music(monkeypatch: pytest.MonkeyPatch) -> None:
    def heard(sound: Sound) -> tuple[float, F32]:
        p = np.zeros(1000, np.float32)
        p[500:600] = 0.9
        return 0.032, p

    monkeypatch.setattr(recordings, "voice", heard)
    pieces, why = cut(Sound(_noise(32)[:, None], RATE_HZ), "music")
    assert why == ""
    assert [piece.seconds for piece in pieces] == pytest.approx([15.5, 12.3], abs=0.01)


def test_a_song_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "voice", lambda sound: (0.032, np.full(1000, 0.9, np.float32)))
    assert cut(Sound(_noise(32)[:, None], RATE_HZ), "music") == ([], "a voice was heard")
