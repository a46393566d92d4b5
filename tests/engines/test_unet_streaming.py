"""A sound through a network block by block: exactly its samples, and what one long run would give."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dubwright.engines.unet.blocks import BINS, BLOCK, BLOCK_FRAMES, FRAME, HOP, Extension, hann
from dubwright.engines.unet.net import Masks
from dubwright.engines.unet.streaming import separate_stream

F32 = npt.NDArray[np.float32]
STEMS = ("vocals", "drums", "other")
RATE_HZ = 44_100


class Fake:
    """Masks from the magnitudes alone, different for each stem, channel, frame and bin."""

    stems = STEMS

    def __init__(self) -> None:
        self.calls = 0

    def masks(self, magnitude: F32) -> Masks:
        self.calls += 1
        turned = (
            magnitude / (1 + magnitude) + 0.01 * np.arange(BLOCK_FRAMES)[:, None] / BLOCK_FRAMES
        )
        raw = np.stack([np.abs(np.sin(turned * (3 + 2 * n))) + 0.01 for n in range(len(STEMS))])
        bins = (raw / raw.sum(axis=0)).astype(np.float32)
        return Masks(bins, bins.mean(axis=3))


def noise(frames: int, seed: int = 1) -> F32:
    random = np.random.default_rng(seed)
    return (0.2 * random.standard_normal((frames, 2))).astype(np.float32)


def joined(
    sound: F32, extension: Extension = "zeros", net: Fake | None = None
) -> Mapping[str, F32]:
    """The streamed stems, whole; pieces must follow one another."""
    pieces: dict[str, list[F32]] = {stem: [np.zeros((0, 2), np.float32)] for stem in STEMS}
    place = 0
    for start, stems in separate_stream(
        net or Fake(), lambda at, n: sound[at : at + n], len(sound), extension
    ):
        assert start == place
        place += len(stems[STEMS[0]])
        for stem in STEMS:
            pieces[stem].append(stems[stem].copy())
    assert place == len(sound)
    return {stem: np.concatenate(parts) for stem, parts in pieces.items()}


def whole(sound: F32, extension: Extension) -> Mapping[str, F32]:
    """The official graph written out in double precision, all frames at once."""
    frames = -(-(len(sound) + FRAME) // HOP)
    padded = np.zeros(((frames - 1) * HOP + FRAME, 2))
    padded[FRAME : FRAME + len(sound)] = sound
    window = hann().astype(np.float64)
    views = np.lib.stride_tricks.sliding_window_view(padded, FRAME, axis=0)[::HOP]
    spectrum = np.fft.rfft(views * window, axis=2).transpose(1, 0, 2)  # [2, frames, 2049]
    blocks = -(-frames // BLOCK_FRAMES)
    filled = np.zeros((2, blocks * BLOCK_FRAMES, FRAME // 2 + 1), np.complex128)
    filled[:, :frames] = spectrum
    out = {stem: np.zeros((2, len(padded))) for stem in STEMS}
    for block in range(blocks):
        here = filled[:, block * BLOCK_FRAMES : (block + 1) * BLOCK_FRAMES]
        masks = Fake().masks(np.abs(here[:, :, :BINS]).astype(np.float32))
        above = masks.means[..., None] if extension == "average" else np.zeros((3, 2, 512, 1))
        full = np.concatenate([masks.bins, np.repeat(above, FRAME // 2 + 1 - BINS, axis=3)], axis=3)
        for number, stem in enumerate(STEMS):
            sounds = np.fft.irfft(here * full[number], FRAME, axis=2) * window * 2 / 3
            for frame in range(BLOCK_FRAMES):
                at = (block * BLOCK_FRAMES + frame) * HOP
                if at + FRAME <= len(padded):
                    out[stem][:, at : at + FRAME] += sounds[:, frame]
    return {
        stem: one[:, FRAME : FRAME + len(sound)].T.astype(np.float32) for stem, one in out.items()
    }


@given(
    frames=st.integers(1, 40_000)
    | st.integers(BLOCK - 2 * FRAME, BLOCK + 2 * FRAME)
    | st.integers(2 * BLOCK - 2 * FRAME, 2 * BLOCK + FRAME),
    extension=st.sampled_from(("zeros", "average")),
)
@example(frames=1, extension="zeros")
@example(frames=BLOCK - FRAME, extension="average")
@example(frames=BLOCK - FRAME + 1, extension="zeros")
@settings(max_examples=8, deadline=None)
def test_wherever_it_is_cut_it_is_what_one_run_gives(frames: int, extension: Extension) -> None:
    sound = noise(frames)
    found, expected = joined(sound, extension), whole(sound, extension)
    for stem in STEMS:
        assert found[stem].shape == (frames, 2)
        assert np.abs(found[stem] - expected[stem]).max() < 1e-6


def test_nothing_gives_nothing() -> None:
    assert list(separate_stream(Fake(), lambda at, n: noise(n), 0)) == []


def test_with_average_stems_add_up_to_the_sound() -> None:
    sound = noise(RATE_HZ)
    assert np.abs(sum(joined(sound, "average").values()) - sound).max() < 1e-6


def test_with_zeros_nothing_lies_above_11_khz() -> None:
    sound = noise(4 * RATE_HZ)
    for stem in joined(sound).values():
        inside = stem[FRAME:-FRAME] * np.hanning(len(stem) - 2 * FRAME)[:, None]
        spectrum = np.abs(np.fft.rfft(inside, axis=0))
        limit = round(11_100 / RATE_HZ * len(inside))
        assert spectrum[limit:].max() < 1e-3 * spectrum.max()


def test_silence_is_not_asked_about() -> None:
    net = Fake()
    stems = joined(np.zeros((3 * BLOCK, 2), np.float32), net=net)
    assert net.calls == 0
    assert not any(one.any() for one in stems.values())


def test_what_is_next_to_nothing_is_silence() -> None:
    net = Fake()
    joined(np.full((RATE_HZ, 2), 1e-39, np.float32), net=net)
    assert net.calls == 0


def test_what_is_far_too_loud_stays_a_number() -> None:
    sound = noise(RATE_HZ)
    sound[5000, 1] = 1e30
    stems = joined(sound, "average")
    assert all(np.isfinite(one).all() for one in stems.values())


def test_numbers_that_are_none_are_silence() -> None:
    sound = noise(RATE_HZ)
    broken = sound.copy()
    broken[1000:1010] = np.nan
    broken[2000] = np.inf
    sound[1000:1010] = 0
    sound[2000] = 0
    expected = joined(sound)
    for stem, found in joined(broken).items():
        assert np.array_equal(found, expected[stem])


def test_what_reading_raises_comes_out() -> None:
    def read(at: int, n: int) -> F32:
        if at:
            raise OSError("the disk is gone")
        return noise(n)

    with pytest.raises(OSError, match="the disk is gone"):
        list(separate_stream(Fake(), read, 3 * BLOCK))


def test_it_can_be_left_at_any_piece() -> None:
    net = Fake()
    sound = noise(4 * BLOCK)
    pieces: Iterator[object] = separate_stream(net, lambda at, n: sound[at : at + n], len(sound))
    next(pieces)
    pieces.close()  # type: ignore[attr-defined]  # it is a generator
    assert net.calls == 1


def test_no_more_is_read_than_is_there() -> None:
    asked: list[tuple[int, int]] = []

    def read(at: int, n: int) -> F32:
        asked.append((at, n))
        return noise(n)

    list(separate_stream(Fake(), read, 2 * BLOCK + 5))
    assert all(at >= 0 and at + n <= 2 * BLOCK + 5 for at, n in asked)
    assert asked == sorted(asked)
