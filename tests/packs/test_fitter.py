"""Stretching lines: exact length, the same pitch, onsets where they belong."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dubwright.media.stretch import stretch
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Problem, silent
from dubwright_kit.contracts import FitAsk, StretchLine
from dubwright_packs.fitter.backend import run
from tests.media import clips

RATE_HZ = 22050


def tone(seconds: float, hz: float, channels: int = 1) -> np.ndarray:
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    wave = 0.4 * np.sin(2 * np.pi * hz * t) + 0.2 * np.sin(4 * np.pi * hz * t)
    return np.repeat(wave[:, np.newaxis], channels, axis=1).astype(np.float32)


def pitch(samples: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(samples[:, 0] * np.hanning(len(samples)), 1 << 18))
    return float(np.argmax(spectrum) * RATE_HZ / (1 << 18))


@pytest.mark.parametrize("factor", [0.5, 0.87, 1.0, 1.0001, 1.15, 2.0])
@pytest.mark.parametrize("channels", [1, 2])
def test_exact_length_and_same_pitch(factor: float, channels: int) -> None:
    sound = tone(1.7, 220, channels)
    frames = round(len(sound) / factor)
    out = stretch(sound, RATE_HZ, frames)
    assert out.shape == (frames, channels)
    assert pitch(out) == pytest.approx(220, abs=1.5)


def test_onsets_move_with_the_time() -> None:
    times = (0.3, 0.9, 1.5)
    sound = clips.click_sound(2.0, RATE_HZ, times, 1)
    out = stretch(sound, RATE_HZ, round(2.0 / 1.15 * RATE_HZ))
    expected = [t / 1.15 for t in times]
    found = clips.find_clicks(out, RATE_HZ, expected)
    assert np.abs(np.array(found) - expected).max() < 0.002


@pytest.mark.parametrize("given", [0, 1, 7, 300])
def test_tiny_sounds(given: int) -> None:
    assert stretch(np.ones((given, 1), np.float32), RATE_HZ, 250).shape == (250, 1)
    with pytest.raises(ValueError, match="0 frames"):
        stretch(np.ones((given, 1), np.float32), RATE_HZ, 0)


def test_backend_fits_every_line(tmp_path: Path) -> None:
    lines = []
    for number, seconds in enumerate((1.0, 1.3, 0.7)):
        with WavWriter(tmp_path / f"{number}.wav", RATE_HZ, 1) as wav:
            wav.write(tone(seconds, 200 + 40 * number))
        lines.append(
            StretchLine(str(tmp_path / f"{number}.wav"), str(tmp_path / f"{number}.fit.wav"), 0.9)
        )
    done = run(FitAsk(tuple(lines)), silent)
    assert done.durations_s == pytest.approx([0.9] * 3, abs=1 / RATE_HZ)
    for number, line in enumerate(lines):
        with WavReader(line.out_wav) as wav:
            assert (wav.frames, wav.rate_hz) == (round(0.9 * RATE_HZ), RATE_HZ)
            assert pitch(wav.read(0, wav.frames)) == pytest.approx(200 + 40 * number, abs=2)


def test_backend_names_a_broken_line(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"no sound")
    ask = FitAsk((StretchLine(str(tmp_path / "a.wav"), str(tmp_path / "b.wav"), 1.0),))
    with pytest.raises(Problem) as caught:
        run(ask, silent)
    assert caught.value.code == "not-wav"
