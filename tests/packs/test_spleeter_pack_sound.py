"""What Spleeter's pack does around its network: levels, sample rates, channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.media.wav import WavReader, WavWriter
from dubwright_packs.stems.levels import LOUDEST, STEP, hold
from dubwright_packs.stems.rates import StereoSource, WayBack, finite

F32 = npt.NDArray[np.float32]
RATE = 44_100


def write(path: Path, sound: F32, rate_hz: int = RATE) -> Path:
    with WavWriter(path, rate_hz, sound.shape[1], "float32") as writer:
        writer.write(sound)
    return path


def tone(frames: int, rate_hz: int, hz: float = 1000.0, channels: int = 2) -> F32:
    t = np.arange(frames) / rate_hz
    sound = 0.5 * np.sin(2 * np.pi * hz * t)[:, None] * np.linspace(1, 0.5, channels)
    return sound.astype(np.float32)


# --- levels --------------------------------------------------------------------------------------


@pytest.mark.parametrize("stems", [1, 2, 4, 5])
@pytest.mark.parametrize("gain", [0.1, 1.0, 1.9])
def test_held_stems_are_steps_and_add_up(stems: int, gain: float) -> None:
    random = np.random.default_rng(stems)
    parts = [random.normal(0, gain, (5_000, 2)).astype(np.float32) for _ in range(stems)]
    total = np.clip(np.sum(parts, axis=0), -stems, stems * LOUDEST).astype(np.float32)
    held = hold(total, parts[:-1])
    assert len(held) == stems
    for stem in held:
        # Half a step is what writing the last one rounds away.
        assert stem.min() >= -1 - STEP / 2 - 1e-6
        assert stem.max() <= LOUDEST + STEP / 2 + 1e-6
    for stem in held[:-1]:
        np.testing.assert_array_equal(stem, np.rint(stem / STEP) * STEP)
    assert np.abs(np.sum(held, axis=0) - total).max() < 1e-5 * stems


def test_quiet_stems_are_only_rounded() -> None:
    random = np.random.default_rng(1)
    parts = [random.uniform(-0.2, 0.2, (1_000, 2)).astype(np.float32) for _ in range(3)]
    held = hold(np.sum(parts, axis=0), parts[:-1])
    for stem, part in zip(held, parts, strict=True):
        assert np.abs(stem - part).max() <= 1.5 * STEP


def test_silence_stays_exactly_silent() -> None:
    nothing = np.zeros((10, 2), np.float32)
    assert not np.any(hold(nothing, [nothing] * 4))


# --- rates ---------------------------------------------------------------------------------------


def blocks(source: StereoSource, block: int, overlap: int = 0) -> F32:
    parts = [
        source.read(start - overlap, block + overlap)[overlap:]
        for start in range(0, source.frames, block)
    ]
    return np.concatenate(parts)[: source.frames] if parts else np.zeros((0, 2), np.float32)


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("frames", [0, 1, 2, 777, 150_001])
def test_a_rate_there_and_back_has_the_same_frames(
    tmp_path: Path, rate_hz: int, frames: int
) -> None:
    sound = tone(frames, rate_hz)
    with WavReader(write(tmp_path / "a.wav", sound, rate_hz)) as film:
        source = StereoSource(film, RATE)
        assert source.frames == round(frames * RATE / rate_hz)
        there = blocks(source, 30_000, 4096)
        assert there.shape == (source.frames, 2)
        back = WayBack(RATE, film, 2)
        parts = [back.push(there[at : at + 30_000]) for at in range(0, len(there), 30_000)]
        again = np.concatenate([*parts, back.flush()])
    assert again.shape == sound.shape
    inside = slice(len(sound) // 10, -len(sound) // 10)
    if frames > 1_000:
        assert np.abs(again - sound)[inside].max() < 1e-4


def test_the_times_are_kept(tmp_path: Path) -> None:
    """A click stays at its time in the network's rate."""
    sound = np.zeros((96_000, 2), np.float32)
    sound[48_000] = 1
    with WavReader(write(tmp_path / "a.wav", sound, 48_000)) as film:
        heard = blocks(StereoSource(film, RATE), 50_000)
    assert np.abs(heard[:, 0]).argmax() == RATE


@settings(max_examples=15, deadline=None)
@given(
    cuts=st.lists(st.integers(1, 40_000), min_size=1, max_size=8),
    back=st.integers(0, 5_000),
    rate_hz=st.sampled_from([16_000, 44_100, 48_000]),
)
def test_any_cuts_read_the_same(
    tmp_path_factory: pytest.TempPathFactory, cuts: list[int], back: int, rate_hz: int
) -> None:
    path = tmp_path_factory.mktemp("cuts") / "a.wav"
    sound = np.random.default_rng(3).normal(0, 0.1, (20_000, 2)).astype(np.float32)
    with WavReader(write(path, sound, rate_hz)) as film:
        whole = StereoSource(film, RATE)
        expected = whole.read(0, whole.frames)
    with WavReader(path) as film:
        source = StereoSource(film, RATE)
        at = 0
        for n in cuts:
            start = max(at - back, -back) if at else -back
            part = source.read(start, n + back)
            first, last = max(0, start), min(source.frames, start + n + back)
            if first < last:
                np.testing.assert_array_equal(
                    part[first - start : last - start], expected[first:last]
                )
            assert not part[: max(0, -start)].any()
            assert not part[max(0, source.frames - start) :].any()
            at += n


def test_it_is_read_forwards(tmp_path: Path) -> None:
    with WavReader(write(tmp_path / "a.wav", tone(400_000, 48_000), 48_000)) as film:
        source = StereoSource(film, RATE)
        source.read(300_000, 10)
        with pytest.raises(ValueError, match="forwards"):
            source.read(0, 10)


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_front_pair_is_heard(tmp_path: Path, channels: int) -> None:
    sound = tone(5_000, RATE, channels=channels)
    with WavReader(write(tmp_path / "a.wav", sound)) as film:
        heard = blocks(StereoSource(film, RATE), 1_000)
    np.testing.assert_array_equal(heard[:, 0], sound[:, 0])
    np.testing.assert_array_equal(heard[:, 1], sound[:, min(1, channels - 1)])


def test_what_is_no_number_is_silence(tmp_path: Path) -> None:
    sound = np.array([[np.nan, np.inf], [-np.inf, 0.5]], np.float32)
    with WavReader(write(tmp_path / "a.wav", sound)) as film:
        heard = StereoSource(film, RATE).read(0, 2)
    np.testing.assert_array_equal(heard, np.array([[0, 1], [-1, 0.5]], np.float32))


def test_what_is_far_too_loud_is_cut_off(tmp_path: Path) -> None:
    """Its square would not be a number any more."""
    sound = np.full((100, 2), 0.5, np.float32)
    sound[50] = 1e20
    path = tmp_path / "loud.wav"
    with WavWriter(path, 44_100, 2, "float32") as writer:
        writer.write(sound)
    with WavReader(path) as film:
        found = finite(film, 0, 100)
    assert found.max() == 1e6
    assert found.min() == 0.5
