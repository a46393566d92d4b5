"""The transform gives back what it was given."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.engines.stft import frame_count, istft, stft

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


def test_a_hop_that_cannot_reconstruct_is_refused() -> None:
    with pytest.raises(ValueError, match="window"):
        stft(noise(100)[:, 0], 64, 48)
    with pytest.raises(ValueError, match="frames"):
        istft(stft(noise(100)[:, 0], 64, 16), 1000, 64, 16)
