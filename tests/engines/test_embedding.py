"""The encoder's front end: known values of Slaney's mel scale, frames where they belong."""

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.engines.embedding import mel_filters, mel_power, raise_level


def tone(hz: float, seconds: float = 1.0) -> npt.NDArray[np.float32]:
    time = np.arange(round(seconds * 16_000)) / 16_000
    wave: npt.NDArray[np.float32] = np.sin(2 * np.pi * hz * time).astype(np.float32)
    return wave


def test_filters_are_triangles_of_one_area() -> None:
    filters = mel_filters()
    assert filters.shape == (40, 201)
    assert (filters >= 0).all()
    # Slaney's normalisation: 2 / bandwidth at the peak, so that each band's area is 1 (over Hz).
    areas = filters.sum(axis=1) * 40.0
    np.testing.assert_allclose(areas[5:], 1.0, atol=0.25)
    peaks = filters.argmax(axis=1) * 40
    assert (np.diff(peaks) >= 0).all()
    # 42 edges over 0..45.245 mel: band 12's middle is 14.35 mel = 956.4 Hz.
    assert peaks[12] == pytest.approx(956, abs=40)


def test_a_tone_lands_in_its_band() -> None:
    mels = mel_power(tone(1000.0))
    assert mels.shape == (101, 40)
    assert mels.dtype == np.float32
    middle = mels[50]
    assert int(middle.argmax()) in (12, 13)
    assert middle[:8].sum() < 1e-3 * middle.sum()


def test_frames_are_centred_on_ten_milliseconds() -> None:
    sound = np.zeros(16_000, dtype=np.float32)
    sound[8_000] = 1.0
    assert int(mel_power(sound).sum(axis=1).argmax()) == 50
    assert mel_power(np.zeros(0, dtype=np.float32)).shape == (1, 40)
    assert not mel_power(np.zeros(0, dtype=np.float32)).any()


def test_twice_the_amplitude_is_four_times_the_power() -> None:
    np.testing.assert_allclose(mel_power(2 * tone(300)), 4 * mel_power(tone(300)), rtol=1e-4)


def test_quiet_speech_is_raised_and_loud_speech_stays() -> None:
    quiet = np.float32(0.001) * tone(200)
    raised = raise_level(quiet, float(np.mean(quiet**2)))
    assert 10 * np.log10(np.mean(raised**2)) == pytest.approx(-30, abs=0.01)
    loud = tone(200)
    np.testing.assert_array_equal(raise_level(loud, float(np.mean(loud**2))), loud)
    assert not raise_level(np.zeros(5, dtype=np.float32), 0.0).any()
