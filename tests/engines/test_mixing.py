"""The bed's crossfade, the ducking curve, the dub's lines and the choice of levels."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.engines.dubtrack import MAX_OPEN, DubTrack, LineShape, plan_dub
from dubwright.engines.mixing import (
    HopPowers,
    choose_gain,
    duck,
    duck_curve,
    lay_bed,
    merge_spans,
    voice_curve,
)

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
RATE_HZ = 44100


class Line:
    """A line in memory that knows whether it is open."""

    opened = 0

    def __init__(self, samples: F32, rate_hz: int) -> None:
        self.samples, self.rate_hz, self.frames, self.channels = samples, rate_hz, samples.size, 1
        Line.opened += 1

    def read(self, start_frame: int, n: int) -> F32:
        return self.samples[start_frame : start_frame + n, np.newaxis]

    def close(self) -> None:
        Line.opened -= 1


def dubbed(
    lines: list[tuple[float, F32, int]], film_frames: int, size: int = 44100
) -> tuple[F32, int]:
    """The dub stream and the most files open at once."""
    Line.opened = 0
    plan = plan_dub([LineShape(s, x.size, rate) for s, x, rate in lines], RATE_HZ, film_frames)
    track = DubTrack(plan, lambda i: Line(lines[i][1], lines[i][2]))
    out, most = np.zeros(film_frames, np.float32), 0
    for at in range(0, film_frames, size):
        n = min(size, film_frames - at)
        block = track.mix(at, n)
        most = max(most, Line.opened)
        if block is not None:
            out[at : at + n] = block
    track.close()
    assert Line.opened == 0
    return out, most


# --- bed ----------------------------------------------------------------------------------------


def test_the_crossfade_keeps_the_level_of_what_both_share() -> None:
    """An equal-power law between original and background would swell by 3 dB in its middle."""
    bed = np.random.default_rng(1).standard_normal((RATE_HZ * 4, 2)).astype(np.float32) * 0.1
    curve, spans = voice_curve([(1.5, 2.5)], RATE_HZ, len(bed), 0.15, 0.3)
    stem = bed + np.random.default_rng(2).standard_normal(bed.shape).astype(np.float32) * 0.001
    made = lay_bed(bed, stem, 0, curve)
    plain = np.sin(np.pi / 4)
    for start, end in ((1.35, 1.425), (2.65, 2.80)):
        part = slice(round(start * RATE_HZ), round(end * RATE_HZ))
        change_db = 20 * np.log10(np.std(made[part]) / np.std(bed[part]))
        assert abs(change_db) < 0.1
    middle = slice(round(2.72 * RATE_HZ), round(2.73 * RATE_HZ))
    swell_db = 20 * np.log10(np.std((bed + stem)[middle] * plain) / np.std(bed[middle]))
    assert swell_db == pytest.approx(3.0, abs=0.1)
    assert spans.tolist() == [[59535, 123480]]


def test_the_voice_is_faded_with_equal_power_and_gone_in_speech() -> None:
    voice = np.ones((RATE_HZ * 4, 2), np.float32)
    curve, _ = voice_curve([(1.5, 2.5)], RATE_HZ, len(voice), 0.15, 0.3)
    kept = lay_bed(voice, np.zeros_like(voice), 0, curve)[:, 0]
    assert np.all(kept[: round(1.35 * RATE_HZ)] == 1)
    assert np.all(kept[round(1.425 * RATE_HZ) + 1 : round(2.65 * RATE_HZ)] == 0)
    assert np.all(kept[round(2.8 * RATE_HZ) :] == 1)
    assert kept[round((1.35 + 0.0375) * RATE_HZ)] == pytest.approx(np.sqrt(0.5), abs=0.01)
    assert kept[round((2.65 + 0.075) * RATE_HZ)] == pytest.approx(np.sqrt(0.5), abs=0.01)


def test_the_bed_is_exactly_the_original_outside_and_the_stem_inside_for_any_block() -> None:
    rng = np.random.default_rng(4)
    original = rng.standard_normal((RATE_HZ * 3, 2)).astype(np.float32)
    stem = rng.standard_normal(original.shape).astype(np.float32)
    curve, spans = voice_curve(
        [(2.0, 2.2), (0.0, 0.3), (2.1, 2.15), (2.9, 9.0)], RATE_HZ, len(original), 0.15, 0.3
    )
    whole = lay_bed(original, stem, 0, curve)
    outside = np.ones(len(original), bool)
    for start, end in spans:
        outside[start:end] = False
    assert outside.any()
    assert np.array_equal(whole[outside], original[outside])
    assert np.array_equal(whole[: round(0.3 * RATE_HZ)], stem[: round(0.3 * RATE_HZ)])
    assert np.array_equal(whole[-4000:], stem[-4000:])
    for size in (997, 4096):
        pieces = [
            lay_bed(original[at : at + size], stem[at : at + size], at, curve)
            for at in range(0, len(original), size)
        ]
        np.testing.assert_allclose(np.concatenate(pieces), whole, atol=1e-6)


def test_spans_are_clipped_sorted_and_merged() -> None:
    spans = merge_spans([(5, 6), (-1, 1), (0.5, 2), (9, 20), (3, 3), (30, 40)], 10, 100)
    assert spans.tolist() == [[0, 20], [50, 60], [90, 100]]


# --- ducking ------------------------------------------------------------------------------------


def attenuation(lines: list[list[int]], frames: int, size: int = 44100) -> F64:
    curve = duck_curve(np.array(lines, np.int64).reshape(-1, 2), RATE_HZ, 4.0, 0.08, 0.4)
    ones = np.ones((frames, 1), np.float32)
    parts = [duck(ones[at : at + size], at, curve) for at in range(0, frames, size)]
    made: F64 = -20 * np.log10(np.concatenate(parts)[:, 0].astype(np.float64))
    return made


def test_ducking_depth_attack_and_release() -> None:
    start, end = RATE_HZ, 2 * RATE_HZ
    db = attenuation([[start, end]], 4 * RATE_HZ)
    assert np.all(db[: start + 1] == 0)
    assert db[start + round(0.04 * RATE_HZ)] == pytest.approx(2.0, abs=0.02)
    np.testing.assert_allclose(db[start + round(0.08 * RATE_HZ) : end], 4.0, atol=1e-5)
    assert db[end + round(0.2 * RATE_HZ)] == pytest.approx(2.0, abs=0.02)
    assert np.all(db[end + round(0.4 * RATE_HZ) + 1 :] == 0)


def test_ducking_never_jumps() -> None:
    rng = np.random.default_rng(8)
    starts = np.sort(rng.integers(0, 20 * RATE_HZ, 60))
    spans = [(s / RATE_HZ, (s + rng.integers(1, 30000)) / RATE_HZ) for s in starts.tolist()]
    merged = merge_spans(spans, RATE_HZ, 21 * RATE_HZ)
    db = attenuation(merged.tolist(), 21 * RATE_HZ)
    assert np.abs(np.diff(db)).max() <= 4.0 / (0.08 * RATE_HZ) * 1.05
    assert db.max() == pytest.approx(4.0, abs=1e-4)
    assert db.min() == 0.0
    np.testing.assert_allclose(attenuation(merged.tolist(), 21 * RATE_HZ, 4096), db, atol=1e-5)


def test_no_ducking_without_lines_or_depth() -> None:
    assert not attenuation([], 1000).any()
    curve = duck_curve(np.array([[100, 200]]), RATE_HZ, 0.0, 0.08, 0.4)
    ones = np.ones((1000, 2), np.float32)
    assert duck(ones, 0, curve) is ones


# --- lines --------------------------------------------------------------------------------------


@pytest.mark.parametrize("rate_hz", [8000, 22050, 44100, 48000])
def test_a_line_starts_where_it_should(rate_hz: int) -> None:
    line = np.zeros(rate_hz, np.float32)
    onset = np.arange(rate_hz // 100)
    line[: onset.size] = 0.5 + 0.5 * np.cos(np.pi * onset / onset.size)  # loudest at its start
    out, _ = dubbed([(1.23456, line, rate_hz)], 3 * RATE_HZ)
    assert abs(int(np.argmax(np.abs(out))) / RATE_HZ - 1.23456) < 0.001
    tone = np.sin(2 * np.pi * 440 * np.arange(rate_hz) / rate_hz).astype(np.float32)
    out, _ = dubbed([(1.0, tone, rate_hz)], 3 * RATE_HZ)
    expected = np.sin(2 * np.pi * 440 * np.arange(RATE_HZ) / RATE_HZ)
    inner = slice(RATE_HZ + 2000, 2 * RATE_HZ - 2000)
    np.testing.assert_allclose(out[inner], expected[2000:-2000], atol=0.01)
    assert not out[2 * RATE_HZ + 1 :].any()


def test_many_overlapping_lines_sum_with_few_files_open() -> None:
    lines = [(0.001 * i, np.full(30000, 0.01, np.float32), RATE_HZ) for i in range(200)]
    out, most = dubbed(lines, 2 * RATE_HZ)
    assert most <= MAX_OPEN
    assert out[20000] == pytest.approx(2.0, rel=1e-4)
    expected = np.zeros(2 * RATE_HZ)
    for start, samples, _ in lines:
        at = round(start * RATE_HZ)
        expected[at : at + samples.size] += samples
    np.testing.assert_allclose(out, expected, atol=1e-4)


def test_a_line_past_the_end_fades_and_one_outside_is_left_out() -> None:
    ones = np.ones(RATE_HZ, np.float32)
    lines = [LineShape(1.5, RATE_HZ, RATE_HZ), LineShape(5.0, RATE_HZ, RATE_HZ)]
    plan = plan_dub(lines, RATE_HZ, 2 * RATE_HZ)
    assert (plan.lines_cut, plan.lines_outside, plan.cut_s) == (1, 1, 0.5)
    out, _ = dubbed([(1.5, ones, RATE_HZ), (5.0, ones, RATE_HZ)], 2 * RATE_HZ, 1000)
    assert np.all(out[round(1.5 * RATE_HZ) : round(1.94 * RATE_HZ)] == 1)
    assert out[-1] < 0.002
    assert np.all(np.diff(out[-2000:]) < 0)


def test_the_dub_does_not_depend_on_the_block_size() -> None:
    rng = np.random.default_rng(6)
    lines = [(0.31 * i, rng.standard_normal(15000).astype(np.float32), 22050) for i in range(8)]
    expected, _ = dubbed(lines, 4 * RATE_HZ, 65536)
    got, _ = dubbed(lines, 4 * RATE_HZ, 4096)
    np.testing.assert_allclose(got, expected, atol=1e-5)


# --- levels -------------------------------------------------------------------------------------


def powers(bed: float, voice: float, dub: float, hops: int = 600, speech: float = 0.5) -> HopPowers:
    """K-weighted powers of a film whose voice speaks for the first ``speech`` of it."""
    speaking = np.arange(hops) < hops * speech
    return HopPowers(
        original=np.where(speaking, bed + voice, bed),
        voice=np.where(speaking, voice, 0.0),
        bed=np.where(speaking, bed * 10**-0.4, bed),
        dub=np.where(speaking, dub, 0.0),
        cross=np.zeros(hops),
        speaking=speaking,
    )


def test_the_dub_is_matched_to_the_voice_and_moved_by_little() -> None:
    levels = choose_gain(powers(1e-4, 1e-2, 1e-3))
    assert levels.match_db == pytest.approx(10.0, abs=0.01)
    assert abs(levels.move_db) <= 0.2


def test_speech_makes_up_for_what_ducking_takes_within_limits() -> None:
    levels = choose_gain(powers(1e-2, 1e-2, 1e-2))
    assert 0 < levels.move_db < 3
    mostly_music = choose_gain(powers(1e-1, 1e-4, 1e-3))
    assert abs(mostly_music.move_db) <= 6.0


def test_a_separation_without_voice_does_not_silence_the_dub() -> None:
    levels = choose_gain(powers(1e-2, 0.0, 1e-2))
    assert levels.original_speech_lufs is None
    assert levels.original_lufs is not None
    assert levels.target_speech_lufs == pytest.approx(levels.original_lufs - 6.0, abs=0.1)


def test_films_without_speech_sound_or_dub_have_sane_levels() -> None:
    music = choose_gain(powers(1e-2, 0.0, 1e-3, speech=0.0))
    assert music.target_speech_lufs == music.original_lufs
    silent = choose_gain(powers(0.0, 0.0, 1e-3))
    assert silent.target_speech_lufs == -23.0
    assert silent.move_db == 0.0
    undubbed = choose_gain(powers(1e-2, 1e-2, 0.0))
    assert undubbed.dub_gain_db == 0.0
