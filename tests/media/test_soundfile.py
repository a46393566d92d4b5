"""Stems as the files that people ask for: what comes back when they are decoded."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest

from dubwright.media import soundfile
from dubwright.media.probe import probe
from dubwright.media.soundfile import SoundFormat, write_sound
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Cancelled, is_disk_full
from tests.small_disk import mounted

Array = npt.NDArray[np.float32]
RATE = 44_100
FORMATS: tuple[SoundFormat, ...] = ("wav", "flac", "mp3", "m4a")
LENGTHS = [48, 1024, 4097, 44_100, 132_317, soundfile.BLOCK + 1]


def tone(frames: int, channels: int = 2) -> Array:
    t = np.arange(frames) / RATE
    rng = np.random.default_rng(frames)
    sound = 0.3 * np.sin(2 * np.pi * 330 * t)[:, None] + 0.05 * rng.standard_normal(
        (frames, channels)
    )
    return np.asarray(sound, np.float32)


def wav_of(path: Path, sound: Array) -> Path:
    with WavWriter(path, RATE, sound.shape[1]) as writer:
        writer.write(sound)
    return path


def decoded(path: Path) -> Array:
    """Every sample that FFmpeg gives, as float32 [n, channels]."""
    blocks = []
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.audio[0]):
            assert frame.sample_rate == RATE
            raw = frame.to_ndarray()
            channels = frame.layout.nb_channels
            raw = raw.T if frame.format.is_planar else raw.reshape(-1, channels)
            blocks.append(raw / np.float32(32768) if raw.dtype == np.int16 else raw)
    return np.concatenate(blocks).astype(np.float32)


@pytest.mark.parametrize("frames", LENGTHS)
@pytest.mark.parametrize("channels", [1, 2])
def test_lossless_is_exact(tmp_path: Path, frames: int, channels: int) -> None:
    wav = wav_of(tmp_path / "stem.wav", tone(frames, channels))
    with WavReader(wav) as reader:
        expected = reader.read(0, frames)
    for form in ("wav", "flac"):
        made = tmp_path / f"made.{form}"
        assert write_sound(wav, made, form, channels) == frames
        np.testing.assert_array_equal(decoded(made), expected)


@pytest.mark.parametrize("frames", LENGTHS)
def test_the_length_of_lossy_files(tmp_path: Path, frames: int) -> None:
    """As documented: mp3 exactly; m4a exactly by its header, FFmpeg adds silence at the end."""
    wav = wav_of(tmp_path / "stem.wav", tone(frames))
    mp3, m4a = tmp_path / "made.mp3", tmp_path / "made.m4a"
    write_sound(wav, mp3, "mp3", 2)
    write_sound(wav, m4a, "m4a", 2)
    assert len(decoded(mp3)) == frames
    with av.open(str(m4a)) as container:
        stream = container.streams.audio[0]
        assert stream.duration is not None
        assert stream.time_base is not None
        assert stream.duration * stream.time_base * RATE == frames
        assert container.duration == pytest.approx(frames / RATE * 1e6, abs=1)
    assert 0 <= len(decoded(m4a)) - frames < 1024


@pytest.mark.parametrize("form", ["mp3", "m4a"])
def test_lossy_files_are_in_time(tmp_path: Path, form: SoundFormat) -> None:
    sound = tone(RATE) * 0
    sound[20_000:20_040] = 0.8
    made = tmp_path / f"made.{form}"
    write_sound(wav_of(tmp_path / "stem.wav", sound), made, form, 2)
    loudest = int(np.abs(decoded(made)[:, 0]).argmax())
    assert abs(loudest - 20_020) < 40


def speech_like(frames: int) -> Array:
    """Noise below 4 kHz that comes and goes four times a second, as syllables do."""
    rng = np.random.default_rng(4)
    spectrum = np.fft.rfft(rng.standard_normal(frames))
    spectrum[np.fft.rfftfreq(frames, 1 / RATE) > 4000] = 0
    noise = np.fft.irfft(spectrum, frames)
    swing = 0.5 - 0.5 * np.cos(2 * np.pi * 4 * np.arange(frames) / RATE)
    return np.asarray(0.2 * noise / noise.std() * swing, np.float32)[:, None]


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("what", ["tone", "speech"])
def test_stems_are_as_loud_as_they_were(
    tmp_path: Path, form: SoundFormat, channels: int, what: str
) -> None:
    """Stems that are mixed again must add up: the level stays within 0.05 dB."""
    t = np.arange(2 * RATE)[:, None] / RATE
    mono = 0.3 * np.sin(2 * np.pi * 440 * t) if what == "tone" else speech_like(2 * RATE)
    sound = np.asarray(np.repeat(mono, channels, axis=1), np.float32)
    made = tmp_path / f"made.{form}"
    write_sound(wav_of(tmp_path / "stem.wav", sound), made, form, channels)
    inside = slice(RATE // 10, 2 * RATE - RATE // 10)
    before, after = sound[inside, 0].astype(np.float64), decoded(made)[inside, 0]
    gain = float(before @ after / (before @ before))
    assert abs(20 * np.log10(gain)) < 0.05


@pytest.mark.parametrize("form", FORMATS)
def test_mono_of_stereo_and_mono_as_it_is(tmp_path: Path, form: SoundFormat) -> None:
    stereo = tone(30_000)
    for channels, name in ((2, "two.wav"), (1, "one.wav")):
        wav = wav_of(tmp_path / name, stereo[:, :channels])
        made = tmp_path / f"made.{form}"
        write_sound(wav, made, form, 1)
        assert probe(made).audio[0].channels == 1
        assert probe(made).audio[0].rate_hz == RATE
        if form in ("wav", "flac"):
            mean = stereo[:, :channels].mean(axis=1, keepdims=True)
            np.testing.assert_allclose(decoded(made), mean, atol=2 / 32768)


def test_more_than_two_channels_are_a_mistake(tmp_path: Path) -> None:
    wav = wav_of(tmp_path / "stem.wav", tone(100, 6))
    with pytest.raises(ValueError, match="6 channels"):
        write_sound(wav, tmp_path / "made.flac", "flac", 2)


def test_a_person_can_stop_it(tmp_path: Path) -> None:
    wav = wav_of(tmp_path / "stem.wav", tone(3 * soundfile.BLOCK))

    def stop(done: float, total: float | None = None, note: str = "") -> None:
        if done:
            raise Cancelled

    for form in FORMATS:
        with pytest.raises(Cancelled):
            write_sound(wav, tmp_path / "made", form, 2, stop)


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    wav = wav_of(tmp_path / "stem.wav", tone(4 * RATE))
    with mounted(tmp_path / "disk", 32) as disk:
        for form in FORMATS:
            with pytest.raises(OSError) as caught:
                write_sound(wav, disk / "made", form, 2)
            assert is_disk_full(caught.value), form
            (disk / "made").unlink()
