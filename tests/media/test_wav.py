"""WAVE files: exact round trips, foreign variants, sizes beyond RIFF."""

from __future__ import annotations

import errno
import struct
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Problem


def noise(frames: int, channels: int, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-1, 1, (frames, channels)).astype(np.float32)


def test_every_int16_value_round_trips(tmp_path: Path) -> None:
    values = np.arange(-32768, 32768, dtype=np.int32)
    with WavWriter(tmp_path / "a.wav", 16000, 1) as out:
        out.write((values / 32768).astype(np.float32))
    with WavReader(tmp_path / "a.wav") as wav:
        back = wav.read(0, wav.frames)
        assert (wav.rate_hz, wav.channels, wav.frames, wav.subtype) == (16000, 1, 65536, "int16")
    assert np.array_equal(back[:, 0] * 32768, values)
    with WavWriter(tmp_path / "b.wav", 16000, 1) as out:
        out.write(back)
    assert (tmp_path / "a.wav").read_bytes() == (tmp_path / "b.wav").read_bytes()


def test_rounds_and_limits(tmp_path: Path) -> None:
    loud = np.array([1.0, 2.0, -1.0, -2.0, np.nan, np.inf, 0.6 / 32768, -0.6 / 32768], np.float32)
    with WavWriter(tmp_path / "a.wav", 8000, 1) as out:
        out.write(loud)
    with wave.open(str(tmp_path / "a.wav")) as std:
        frames = np.frombuffer(std.readframes(8), "<i2")
    assert frames.tolist() == [32767, 32767, -32768, -32768, 0, 32767, 1, -1]


def test_float_blocks_and_random_access(tmp_path: Path) -> None:
    sound = noise(10_000, 2)
    with WavWriter(tmp_path / "a.wav", 44100, 2, "float32") as out:
        for block in np.array_split(sound, 7):
            out.write(block)
    with WavReader(tmp_path / "a.wav") as wav:
        assert (wav.frames, wav.subtype) == (10_000, "float32")
        assert np.array_equal(wav.read(0, 10_000), sound)
        assert np.array_equal(wav.read(4321, 100), sound[4321:4421])
        assert np.array_equal(wav.read(9_990, 100), sound[9_990:])
        assert wav.read(20_000, 5).shape == (0, 2)
        with pytest.raises(ValueError, match="cannot read"):
            wav.read(-1, 5)


def test_opens_in_the_standard_library(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "a.wav", 44100, 2) as out:
        out.write(noise(1001, 2))
    with wave.open(str(tmp_path / "a.wav")) as std:
        assert (std.getnframes(), std.getnchannels(), std.getframerate()) == (1001, 2, 44100)
        assert len(std.readframes(2000)) == 4004


def test_rf64_when_too_large(tmp_path: Path) -> None:
    sound = noise(5000, 2)
    with WavWriter(tmp_path / "a.wav", 44100, 2, riff_limit_bytes=10_000) as out:
        out.write(sound)
    assert (tmp_path / "a.wav").read_bytes()[:4] == b"RF64"
    with WavReader(tmp_path / "a.wav") as wav:
        assert wav.frames == 5000
        assert np.allclose(wav.read(0, 5000), sound, atol=1.1 / 32768)


def test_reads_beyond_four_gibibytes(tmp_path: Path) -> None:
    """A sparse file of 5 GiB of samples: sizes and seeks are 64 bits wide."""
    if sys.platform == "win32":
        pytest.skip("sparse files need a special call on Windows")
    path = tmp_path / "long.wav"
    with WavWriter(path, 44100, 2, "float32", riff_limit_bytes=0) as out:
        out.write(np.zeros((1, 2), np.float32))
    head = path.read_bytes()[:-8]
    frames = 5 * 2**30 // 8
    sizes = struct.pack("<QQQ", frames * 8 + 64, frames * 8, frames)
    with path.open("wb") as file:
        file.write(head[:20] + sizes + head[44:])
        file.seek(len(head) + (frames - 1) * 8)
        file.write(np.array([0.25, -0.5], "<f4").tobytes())
    with WavReader(path) as wav:
        assert wav.frames == frames
        assert wav.read(frames - 2, 10).tolist() == [[0.0, 0.0], [0.25, -0.5]]


@pytest.mark.parametrize(("bits", "scale"), [(24, 2**23), (32, 2**31)])
def test_reads_wide_integers_in_extensible_files(tmp_path: Path, bits: int, scale: int) -> None:
    values = np.array([0, 1, -1, scale // 2, -scale, scale - 1], np.int64)
    data = b"".join(int(v).to_bytes(bits // 8, "little", signed=True) for v in values)
    guid = struct.pack("<HH", 1, 0) + bytes.fromhex("000010008000 00aa00389b71".replace(" ", ""))
    form = struct.pack("<HHIIHHHHI", 0xFFFE, 1, 48000, 0, bits // 8, bits, 22, bits, 4) + guid
    body = b"WAVEfmt " + struct.pack("<I", len(form)) + form
    body += b"LIST\x03\0\0\0abc\0" + b"data" + struct.pack("<I", len(data)) + data
    path = tmp_path / "wide.wav"
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    with WavReader(path) as wav:
        assert (wav.subtype, wav.frames) == (f"int{bits}", 6)
        assert np.allclose(wav.read(0, 6)[:, 0], values / scale, atol=1e-7)


def test_cut_file_counts_as_far_as_it_goes(tmp_path: Path) -> None:
    with WavWriter(tmp_path / "a.wav", 8000, 2) as out:
        out.write(noise(1000, 2))
    whole = (tmp_path / "a.wav").read_bytes()
    (tmp_path / "cut.wav").write_bytes(whole[: len(whole) - 2001])
    with WavReader(tmp_path / "cut.wav") as wav:
        assert wav.frames == (4000 - 2001) // 4
        assert wav.read(0, 1000).shape == (499, 2)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"hello, this is text", b"RIFF\0\0\0\0WAVEdata"])
def test_not_a_wave_is_a_problem(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.wav").write_bytes(content)
    with pytest.raises(Problem) as caught:
        WavReader(tmp_path / "x.wav")
    assert caught.value.code == "not-wav"


def test_left_by_an_exception_it_is_empty(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError), WavWriter(tmp_path / "a.wav", 8000, 1) as out:
        out.write(noise(50_000, 1))
        raise RuntimeError
    with WavReader(tmp_path / "a.wav") as wav:
        assert wav.frames == 0


def test_full_disk_surfaces() -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(OSError) as caught, WavWriter(full, 8000, 1) as out:
        out.write(noise(100_000, 1))
    assert caught.value.errno == errno.ENOSPC
