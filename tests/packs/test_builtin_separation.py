"""The separation that comes with the program, on files: exact length, stems that add up, any channels."""

from __future__ import annotations

import struct
import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dubwright.engines.speechnet.chunks import STEP_FRAMES
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Problem
from dubwright_kit.contracts import SeparateAsk, SeparateDone
from dubwright_kit.report import Cancelled, Report, silent
from dubwright_packs.builtin.separation import ROW, heard_together, separate
from dubwright_packs.stems.levels import STEP
from tests.engines.standin import Standin

F32 = npt.NDArray[np.float32]
RATE = 44_100
ONE_CHUNK = STEP_FRAMES * 1024


def noise(frames: int, channels: int = 2, seed: int = 1, gain: float = 0.15) -> F32:
    random = np.random.default_rng(seed)
    return (gain * random.standard_normal((frames, channels))).astype(np.float32)


def write(path: Path, sound: F32, rate_hz: int = RATE) -> Path:
    with WavWriter(path, rate_hz, sound.shape[1], "float32") as writer:
        writer.write(sound)
    return path


def read(path: str | Path) -> F32:
    with WavReader(path) as reader:
        return reader.read(0, reader.frames)


def run(
    folder: Path, sound: F32, rate_hz: int = RATE, report: Report = silent, **options: Any
) -> tuple[SeparateDone, F32, F32]:
    """Separate; both stems are as long and wide as ``sound``, and add up to it where that can be."""
    path = write(folder / "film.wav", sound, rate_hz)
    done = separate(SeparateAsk(str(path), str(folder), options=options), Standin(), report)
    vocals, background = read(done.stems["vocals"]), read(done.stems["background"])
    assert done.frames == len(sound)
    assert vocals.shape == background.shape == sound.shape
    return done, vocals, background


@pytest.mark.parametrize("wav", ["int16", "float32"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4, 6, 8])
def test_stems_add_up_and_are_both_something(tmp_path: Path, wav: str, channels: int) -> None:
    sound = noise(60_000, channels)
    done, vocals, background = run(tmp_path, sound, wav=wav)
    assert np.abs(vocals + background - sound).max() <= (0.51 * STEP if wav == "int16" else 1e-6)
    for stem in (vocals, background):
        assert np.abs(stem[:, 0]).max() > 0.01
        assert np.abs(stem - sound).max() > 0.01
    shares = [done.metrics[f"{stem}_energy_share"] or 0 for stem in done.stems]
    assert sum(shares) == pytest.approx(1)
    assert (done.metrics["wall_s"] or 0) > 0


@given(
    frames=st.integers(0, 20_000) | st.integers(ONE_CHUNK - 5_000, ONE_CHUNK + 70_000),
    rate_hz=st.sampled_from([8_000, 22_050, 44_100, 48_000, 96_000]),
    channels=st.sampled_from([1, 2, 6]),
)
@example(frames=0, rate_hz=44_100, channels=2)
@example(frames=1, rate_hz=44_100, channels=1)
@example(frames=1, rate_hz=96_000, channels=2)
@example(frames=1_023, rate_hz=8_000, channels=6)
@settings(max_examples=12, deadline=None)
def test_any_length_and_rate(
    tmp_path_factory: pytest.TempPathFactory, frames: int, rate_hz: int, channels: int
) -> None:
    sound = noise(frames, channels)
    done, vocals, background = run(tmp_path_factory.mktemp("film"), sound, rate_hz)
    assert np.abs(vocals + background - sound).max(initial=0) <= 0.51 * STEP
    if not frames:
        assert done.metrics["vocals_energy_share"] is None
    if frames > 10_000:
        assert np.abs(vocals).max() > 0.001


def test_another_rate_is_the_same_separation(tmp_path: Path) -> None:
    import soxr

    low = soxr.resample(noise(30_000), 16_000, RATE, quality="HQ").astype(np.float32)
    _, plain, _ = run(tmp_path, low, wav="float32")
    other = soxr.resample(low, RATE, 48_000, quality="HQ").astype(np.float32)
    _, made, _ = run(tmp_path, other, 48_000, wav="float32")
    back = soxr.resample(made, 48_000, RATE, quality="HQ")
    n = min(len(back), len(low)) - 2_000
    assert np.abs(back[2_000:n] - plain[2_000:n]).max() < 2e-3


def test_mono_is_both_channels_at_once(tmp_path: Path) -> None:
    mono = noise(60_000, 1)
    _, doubled, _ = run(tmp_path, np.repeat(mono, 2, axis=1), wav="float32")
    _, made, _ = run(tmp_path, mono, wav="float32")
    np.testing.assert_array_equal(made[:, 0], doubled[:, 0])


def test_the_centre_is_heard_by_itself(tmp_path: Path) -> None:
    front, centre, rest = noise(60_000, 2, 1), noise(60_000, 1, 2), noise(60_000, 3, 3)
    _, alone, _ = run(tmp_path, front)
    _, spoken, _ = run(tmp_path, centre)
    _, vocals, background = run(tmp_path, np.concatenate([front, centre, rest], axis=1))
    np.testing.assert_array_equal(vocals[:, :2], alone)
    np.testing.assert_array_equal(vocals[:, 2:3], spoken)
    assert not vocals[:, 3:].any()
    assert np.abs(background[:, 3:] - rest).max() <= 0.51 * STEP


def groups_of(folder: Path, channels: int, speakers: int | None) -> list[tuple[int, ...]]:
    path = write(folder / "film.wav", noise(10, channels))
    if speakers is not None:
        data = path.read_bytes()
        at = data.index(b"fmt ") + 4
        plain = data[at + 4 : at + 20]
        form = struct.pack("<H", 0xFFFE) + plain[2:]
        form += struct.pack("<HHIH", 22, 32, speakers, 3) + bytes(14)
        end = at + 4 + struct.unpack("<I", data[at : at + 4])[0]
        path.write_bytes(data[:at] + struct.pack("<I", len(form)) + form + data[end:])
    with WavReader(path) as film:
        assert film.channels == channels
        assert film.speakers == (speakers or 0)
        assert film.frames == 10
        return heard_together(film)


@pytest.mark.parametrize(
    ("channels", "speakers", "centre"),
    [
        (2, None, False),
        (2, 0x3, False),
        (3, None, True),
        (3, 0x7, True),
        (3, 0xB, False),  # 2.1: the third is for low frequencies
        (4, None, False),  # four corners more often than a centre
        (4, 0x107, True),
        (4, 0x33, False),
        (5, None, True),
        (6, None, True),
        (6, 0x3F, True),
        (6, 0x60F, True),
        (8, 0x63F, True),
        (12, None, False),
    ],
)
def test_where_the_centre_is(
    tmp_path: Path, channels: int, speakers: int | None, centre: bool
) -> None:
    expected = [(0, 1), (2,)] if centre else [(0, 1)]
    assert groups_of(tmp_path, channels, speakers) == expected


def test_mono_may_call_itself_the_centre(tmp_path: Path) -> None:
    assert groups_of(tmp_path, 1, 0x4) == [(0,)]


def test_loud_stems_give_way(tmp_path: Path) -> None:
    sound = np.clip(noise(60_000, gain=0.9), -1.9, 1.9)
    _, vocals, background = run(tmp_path, sound)
    assert np.abs(vocals + background - sound).max() <= 0.51 * STEP
    assert np.abs(vocals).max() <= 1


@pytest.mark.parametrize("rate_hz", [RATE, 16_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_silence_gives_exact_silence(tmp_path: Path, rate_hz: int, channels: int) -> None:
    for wav in ("int16", "float32"):
        done, vocals, background = run(
            tmp_path, np.zeros((50_000, channels), np.float32), rate_hz, wav=wav
        )
        assert not vocals.any()
        assert not background.any()
        assert done.metrics["vocals_energy_share"] is None


@pytest.mark.parametrize("rate_hz", [RATE, 48_000])
def test_nothing_is_heard_where_there_is_nothing(tmp_path: Path, rate_hz: int) -> None:
    """What a mask smears over a frame does not reach into digital silence."""
    sound = noise(120_000)
    sound[:50_000] = 0
    sound[90_000:, 1] = 0
    _, vocals, background = run(tmp_path, sound, rate_hz)
    for stem in (vocals, background):
        assert not stem[: 50_000 // ROW * ROW].any()
        assert not stem[-(-90_000 // ROW) * ROW :, 1].any()
        assert stem[50_000:, 0].any()


def test_what_is_no_number_is_heard_as_something(tmp_path: Path) -> None:
    sound = noise(50_000)
    sound[1_000:1_010] = np.nan
    sound[2_000, 0] = np.inf
    sound[3_000, 1] = 1e20
    _, vocals, background = run(tmp_path, sound, wav="float32")
    total = vocals + background
    assert np.isfinite(vocals).all()
    assert np.isfinite(background).all()
    assert np.abs(total[1_000:1_010]).max() < 1e-6
    assert total[2_000, 0] == pytest.approx(1, abs=1e-6)


def test_16_bits_in(tmp_path: Path) -> None:
    path = tmp_path / "film.wav"
    with WavWriter(path, RATE, 2) as writer:
        writer.write(noise(40_000))
    done = separate(SeparateAsk(str(path), str(tmp_path)), Standin(), silent)
    total = read(done.stems["vocals"]) + read(done.stems["background"])
    np.testing.assert_array_equal(total, read(path))  # both are whole steps


def test_progress_in_seconds_of_the_film(tmp_path: Path) -> None:
    seen: list[tuple[float, float | None]] = []

    def report(done: float, total: float | None = None, note: str = "") -> None:
        seen.append((done, total))

    run(tmp_path, noise(3 * ONE_CHUNK), report=report)
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {3 * ONE_CHUNK / RATE}
    assert seen[-1][0] == pytest.approx(3 * ONE_CHUNK / RATE)
    assert len(seen) >= 3


def test_cancelled_between_chunks(tmp_path: Path) -> None:
    def report(done: float, total: float | None = None, note: str = "") -> None:
        raise Cancelled

    before = threading.active_count()
    with pytest.raises(Cancelled):
        run(tmp_path, noise(3 * ONE_CHUNK, 6), report=report)
    assert len(read(tmp_path / "vocals.wav")) == 0  # never taken for a whole one
    assert threading.active_count() <= before


@pytest.mark.parametrize(
    ("options", "stems", "words"),
    [
        ({"wav": "mp3"}, ("vocals", "background"), "int16 or float32"),
        ({}, ("vocals",), "vocals, background"),
        ({}, ("vocals", "drums", "bass", "other"), "vocals, background"),
    ],
)
def test_asks_that_cannot_be_met(
    tmp_path: Path, options: dict[str, Any], stems: tuple[str, ...], words: str
) -> None:
    path = write(tmp_path / "film.wav", noise(100))
    with pytest.raises(Problem, match=words) as caught:
        separate(SeparateAsk(str(path), str(tmp_path), "", stems, options), Standin(), silent)
    assert caught.value.code == "option-invalid"
    assert caught.value.next_action is not None


def test_a_damaged_file_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "film.wav"
    path.write_bytes(b"RIFF....")
    with pytest.raises(Problem) as caught:
        separate(SeparateAsk(str(path), str(tmp_path)), Standin(), silent)
    assert caught.value.code == "not-wav"
