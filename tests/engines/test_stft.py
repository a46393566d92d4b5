"""The transform gives back what it was given, whole and in blocks."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.engines.stft import frame_count, in_blocks, istft, stft

Array = npt.NDArray[np.float32]


def noise(length: int, channels: int = 1, seed: int = 0) -> Array:
    return np.random.default_rng(seed).uniform(-1, 1, (length, channels)).astype(np.float32)


@given(st.integers(0, 700), st.sampled_from([(64, 16), (64, 32), (96, 32)]))
@settings(max_examples=60, deadline=None)
def test_perfect_reconstruction_at_any_length(length: int, shape: tuple[int, int]) -> None:
    sound = noise(length)[:, 0]
    spectrum = stft(sound, *shape)
    assert len(spectrum) == frame_count(length, *shape)
    back = istft(spectrum, length, *shape)
    assert back.shape == sound.shape
    np.testing.assert_allclose(back, sound, atol=1e-6)


@given(st.integers(0, 5000), st.integers(1, 1500))
@settings(max_examples=30, deadline=None)
def test_blocks_equal_the_whole(length: int, block: int) -> None:
    """A process that smears over its frames, as a mask does, must not show where blocks meet."""
    sound = noise(length, 2)
    size, hop = 64, 16

    def lowpass(part: Array, _start: int) -> Array:
        channels = []
        for channel in part.T:
            spectrum = stft(channel, size, hop)
            spectrum[:, 5:] = 0
            channels.append(istft(spectrum, len(channel), size, hop))
        return np.stack(channels, axis=1)

    def read(start: int, n: int) -> Array:
        return sound[start : start + n]

    pieces = list(in_blocks(read, length, lowpass, block=block, margin=size, hop=hop))
    assert [start for start, _ in pieces] == list(range(0, length, -(-block // hop) * hop))
    whole = lowpass(sound, 0) if length else sound
    joined = np.concatenate([piece for _, piece in pieces]) if pieces else sound
    np.testing.assert_allclose(joined, whole, atol=1e-6)


def test_a_hop_that_cannot_reconstruct_is_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        stft(noise(100)[:, 0], 64, 48)
    with pytest.raises(ValueError, match="frames"):
        istft(stft(noise(100)[:, 0], 64, 16), 1000, 64, 16)
