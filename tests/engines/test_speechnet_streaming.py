"""A sound through the network chunk by chunk: exactly its samples, and what one long run would give."""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dubwright.engines.speechnet.chunks import (
    CHUNK_FRAMES,
    FRAME,
    HOP,
    MULTIPLE,
    SHARED_FRAMES,
    STEP_FRAMES,
    chunks,
)
from dubwright.engines.speechnet.streaming import Network, separate_stream
from dubwright.engines.stft import frame_count, istft, stft
from tests.engines.standin import Standin, share

F32 = npt.NDArray[np.float32]
RATE_HZ = 44_100
STEP = STEP_FRAMES * HOP
"""Samples from one chunk to the next."""
ONE = (CHUNK_FRAMES - 3) * HOP
"""The longest sound that is one chunk."""


def noise(frames: int, seed: int = 1) -> F32:
    random = np.random.default_rng(seed)
    sound = 0.2 * random.standard_normal((frames, 2))
    level = 0.6 + 0.4 * np.sin(np.arange(frames) / 30_000)
    return (sound * level[:, None] + 0.3 * sound[:, ::-1]).astype(np.float32)


def joined(sound: F32, net: Network | None = None, piece: int = 1 << 30) -> F32:
    """The streamed speech, whole; pieces must follow one another. ``piece``: the most samples that
    are read at a time."""
    parts, place = [np.zeros((0, 2), np.float32)], 0

    def read(at: int, n: int) -> F32:
        return sound[at : at + min(n, piece)]

    for start, speech in separate_stream(net or Standin(), read, len(sound)):
        assert start == place
        assert len(speech)
        place += len(speech)
        parts.append(speech.copy())
    assert place == len(sound)
    return np.concatenate(parts)


def whole(sound: F32) -> F32:
    """The same with all frames at once."""
    sides = (0.5 * (sound[:, 0] + sound[:, 1]), 0.5 * (sound[:, 0] - sound[:, 1]))
    spectra = np.stack([stft(one.astype(np.float32), FRAME, HOP) for one in sides])
    power = (np.abs(spectra) ** 2).astype(np.float32)
    frames = frame_count(len(sound), FRAME, HOP)
    masks = np.zeros(power.shape)
    first = 0
    while True:
        last = min(frames, first + CHUNK_FRAMES)
        seen = np.zeros((2, -(-(last - first) // MULTIPLE) * MULTIPLE, power.shape[2]), np.float32)
        seen[:, : last - first] = power[:, first:last]
        mask = share(seen)[:, : last - first]
        if first:
            fade = (np.arange(SHARED_FRAMES)[:, None] + 0.5) / SHARED_FRAMES
            here = slice(first, first + SHARED_FRAMES)
            masks[:, here] += fade * (mask[:, :SHARED_FRAMES] - masks[:, here])
            masks[:, here.stop : last] = mask[:, SHARED_FRAMES:]
        else:
            masks[:, :last] = mask
        if last == frames:
            break
        first += STEP_FRAMES
    mid, side = (
        istft((one * mask).astype(np.complex64), len(sound), FRAME, HOP)
        for one, mask in zip(spectra, masks, strict=True)
    )
    return np.stack([mid + side, mid - side], axis=1)


@given(
    frames=st.integers(1, 60_000)
    | st.integers(ONE - 2 * FRAME, ONE + 2 * FRAME)
    | st.integers(ONE + STEP - FRAME, ONE + STEP + FRAME),
    piece=st.just(1 << 30) | st.integers(1_000, 300_000),
)
@example(frames=1, piece=1)
@example(frames=ONE, piece=70_000)
@example(frames=ONE + 1, piece=1 << 30)
@example(frames=ONE + STEP, piece=STEP)
@example(frames=ONE + 2 * STEP + 12_345, piece=STEP + 1)
@settings(max_examples=10, deadline=None)
def test_wherever_it_is_cut_it_is_what_one_run_gives(frames: int, piece: int) -> None:
    sound = noise(frames)
    found = joined(sound, piece=piece)
    assert found.shape == (frames, 2)
    assert np.abs(found - whole(sound)).max() < 1e-5


@given(st.integers(0, 40 * STEP))
@example(0)
@example(1)
@example(ONE)
@example(ONE + 1)
@settings(deadline=None)
def test_chunks_cover_every_frame_and_share_64(samples: int) -> None:
    plan = list(chunks(samples))
    assert bool(plan) == bool(samples)
    if not plan:
        return
    assert [one.first for one in plan] == [n * STEP_FRAMES for n in range(len(plan))]
    assert [one.last for one in plan] == [False] * (len(plan) - 1) + [True]
    assert all(one.frames == CHUNK_FRAMES for one in plan[:-1])
    assert sum(one.finished for one in plan) == frame_count(samples, FRAME, HOP)
    assert len(plan) == 1 or plan[-1].frames > SHARED_FRAMES
    assert all(one.padded % MULTIPLE == 0 and one.padded <= CHUNK_FRAMES for one in plan)


def test_nothing_gives_nothing() -> None:
    assert list(separate_stream(Standin(), lambda at, n: noise(n), 0)) == []


def test_a_short_sound_is_a_short_chunk() -> None:
    net = Standin()
    joined(noise(RATE_HZ), net)
    assert net.lengths == [48]  # 47 frames


def test_a_network_that_lets_all_through_gives_the_sound() -> None:
    class Open:
        def mask(self, power: F32) -> F32:
            return np.ones_like(power)

    sound = noise(ONE + 50_000)
    assert np.abs(joined(sound, Open()) - sound).max() < 2e-6


def test_a_mask_that_may_not_be_changed() -> None:
    class Held(Standin):
        def mask(self, power: F32) -> F32:
            mask = super().mask(power)
            mask.flags.writeable = False
            return mask

    sound = noise(ONE + STEP)
    np.testing.assert_array_equal(joined(sound, Held()), joined(sound))


def test_masks_that_are_no_numbers_leave_all_to_the_background() -> None:
    class Broken:
        def mask(self, power: F32) -> F32:
            return np.full_like(power, np.nan)

    assert not joined(noise(RATE_HZ), Broken()).any()


def test_mono_has_no_side() -> None:
    sound = np.repeat(noise(ONE + 5_000)[:, :1], 2, axis=1)
    made = joined(sound)
    np.testing.assert_array_equal(made[:, 0], made[:, 1])
    assert made.any()


def test_silence_is_not_asked_about() -> None:
    net = Standin()
    assert not joined(np.zeros((5 * STEP, 2), np.float32), net).any()
    assert net.calls == 0


def test_silence_between_sounds_costs_nothing_and_changes_nothing() -> None:
    sound = np.zeros((8 * STEP, 2), np.float32)
    sound[: STEP // 2] = noise(STEP // 2)
    sound[7 * STEP :] = noise(STEP, 2)
    net = Standin()
    made = joined(sound, net)
    assert net.calls == 3  # the first, and two that see the last sound
    assert not made[STEP : 6 * STEP].any()
    assert np.abs(made - whole(sound)).max() < 1e-5


def test_what_is_next_to_nothing_is_silence() -> None:
    net = Standin()
    joined(np.full((RATE_HZ, 2), 1e-13, np.float32), net)
    assert net.calls == 0


@pytest.mark.parametrize("level", [1e20, 3.3e38, 1e6])
def test_what_is_far_too_loud_stays_a_number(level: float) -> None:
    sound = noise(RATE_HZ)
    sound[5000, 1] = level
    made = joined(sound)
    assert np.isfinite(made).all()
    assert np.abs(made[20_000:]).max() < 2


def test_numbers_that_are_none_are_silence() -> None:
    sound = noise(RATE_HZ)
    broken = sound.copy()
    broken[1000:1010] = np.nan
    broken[2000] = np.inf
    sound[1000:1010] = 0
    sound[2000] = 0
    np.testing.assert_array_equal(joined(broken), joined(sound))


def test_a_sound_that_dies_away_takes_no_longer() -> None:
    """Numbers below a float's full precision would take a processor many times as long."""
    t = np.arange(ONE) / RATE_HZ
    dying = (noise(ONE) * np.exp(-10 * t)[:, None]).astype(np.float32)  # to 1e-52
    steady = noise(ONE)

    def cpu_s(sound: F32) -> float:
        started = time.process_time()
        joined(sound)
        return time.process_time() - started

    joined(steady)
    assert cpu_s(dying) < 3 * min(cpu_s(steady) for _ in range(2)) + 0.5


def test_what_reading_raises_comes_out() -> None:
    def read(at: int, n: int) -> F32:
        if at:
            raise OSError("the disk is gone")
        return noise(n)

    with pytest.raises(OSError, match="the disk is gone"):
        list(separate_stream(Standin(), read, 3 * STEP))


def test_a_sound_that_ends_too_soon_ends_in_silence() -> None:
    sound = noise(STEP)
    parts = [
        part for _, part in separate_stream(Standin(), lambda at, n: sound[at : at + n], 4 * STEP)
    ]
    made = np.concatenate(parts)
    assert len(made) == 4 * STEP
    assert not made[2 * STEP :].any()


def test_it_can_be_left_at_any_piece() -> None:
    net = Standin()
    sound = noise(4 * STEP)
    pieces = separate_stream(net, lambda at, n: sound[at : at + n], len(sound))
    next(pieces)
    pieces.close()
    assert net.calls == 1


def test_no_more_is_read_than_is_there() -> None:
    asked: list[tuple[int, int]] = []
    length = 2 * STEP + 5

    def read(at: int, n: int) -> F32:
        asked.append((at, n))
        return noise(n)

    list(separate_stream(Standin(), read, length))
    assert all(at >= 0 and at + n <= length for at, n in asked)
    assert asked == sorted(asked)
