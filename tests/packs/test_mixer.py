"""The mixer on small films made here: exactness, levels, peaks, ends, and any block size."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import soxr

from dubwright.engines.loudness import loudness
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Cancelled
from dubwright_kit.contracts import MixAsk, MixDone, MixLine, Span
from dubwright_kit.report import silent
from dubwright_packs.mixer.backend import mix

F32 = npt.NDArray[np.float32]
RATE_HZ = 44100


class Film:
    """A film as the mixer sees it, with its pieces at hand for comparison."""

    def __init__(
        self, folder: Path, original: F32, background: F32, subtype: str = "int16"
    ) -> None:
        self.folder = folder
        self.original = self._write("working.wav", original, subtype)
        self.background = self._write("background.wav", background, "int16")
        self._lines: list[MixLine] = []

    def _write(self, name: str, samples: F32, subtype: str) -> F32:
        path = self.folder / name
        kind = "float32" if subtype == "float32" else "int16"
        with WavWriter(path, RATE_HZ, samples.shape[1], kind) as writer:  # type: ignore[arg-type] # a literal
            writer.write(samples)
        return read(path)

    def line(self, start_s: float, samples: F32, rate_hz: int = 22050) -> None:
        path = self.folder / f"line{len(self._lines)}.wav"
        with WavWriter(path, rate_hz, 1, "int16") as writer:
            writer.write(samples[:, np.newaxis])
        self._lines.append(MixLine(str(path), start_s))

    def ask(self, speech: tuple[Span, ...]) -> MixAsk:
        return MixAsk(
            str(self.folder / "working.wav"),
            str(self.folder / "background.wav"),
            str(self.folder / "mix.wav"),
            tuple(self._lines),
            speech,
        )

    def mix(self, speech: tuple[Span, ...] = (), block_frames: int = 44100) -> tuple[F32, MixDone]:
        done = mix(self.ask(speech), silent, block_frames)
        return read(self.folder / "mix.wav"), done


def read(path: Path) -> F32:
    with WavReader(path) as reader:
        return reader.read(0, reader.frames)


def music(seconds: float, level: float = 0.05, seed: int = 1) -> F32:
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal((round(seconds * RATE_HZ), 2)) * level
    made: F32 = noise.astype(np.float32)
    return made


def speech(seconds: float, rate_hz: int = 22050, level: float = 0.2) -> F32:
    t = np.arange(round(seconds * rate_hz)) / rate_hz
    made: F32 = (level * np.sign(np.sin(2 * np.pi * 140 * t)) * np.sin(2 * np.pi * t) ** 2).astype(
        np.float32
    )
    return made


def dialogue(folder: Path, seconds: float = 12.0, subtype: str = "int16") -> tuple[Film, Span]:
    """Music, a voice from 4 s to 7 s, one line over it."""
    background = music(seconds)
    original = background.copy()
    voice = speech(3.0, RATE_HZ)
    original[4 * RATE_HZ : 4 * RATE_HZ + voice.size] += voice[:, np.newaxis]
    film = Film(folder, original, background, subtype)
    film.line(4.0, speech(2.5, level=0.1))
    return film, (4.0, 7.0)


def true_peak_dbtp(samples: F32) -> float:
    oversampled = soxr.resample(samples, RATE_HZ, 4 * RATE_HZ, quality="VHQ")
    return 20 * math.log10(float(np.abs(oversampled).max()))


@pytest.mark.parametrize("subtype", ["int16", "float32"])
def test_outside_speech_the_mix_is_the_original_bit_for_bit(tmp_path: Path, subtype: str) -> None:
    film, span = dialogue(tmp_path, subtype=subtype)
    mixed, done = film.mix((span,))
    assert done.frames == len(mixed) == len(film.original)
    quantised = np.rint(film.original * 32768) / 32768
    start, end = round((4.0 - 0.15) * RATE_HZ), round((7.0 + 0.3) * RATE_HZ)
    assert np.array_equal(mixed[:start], quantised[:start])
    assert np.array_equal(mixed[end:], quantised[end:])
    assert done.metrics["limited_s"] == 0.0


def test_under_the_line_is_the_ducked_background_stem(tmp_path: Path) -> None:
    film, span = dialogue(tmp_path)
    mixed, done = film.mix((span,))
    gain = 10 ** (float(done.metrics["dub_gain_db"] or 0) / 20)
    line = soxr.resample(read(tmp_path / "line0.wav")[:, 0], 22050, RATE_HZ) * gain
    part = slice(round(4.2 * RATE_HZ), round(6.4 * RATE_HZ))
    at = round(0.2 * RATE_HZ)
    rest = mixed[part] - line[at : at + (part.stop - part.start), np.newaxis]
    expected = film.background[part] * 10 ** (-4 / 20)
    np.testing.assert_allclose(rest, expected, atol=2e-3)
    # The line ends at 6.5 s; 0.4 s later the stem is back at its own level.
    after = slice(round(6.91 * RATE_HZ), round(7.1 * RATE_HZ))
    assert np.array_equal(mixed[after], film.background[after])


def test_under_a_line_words_that_nobody_noticed_are_not_put_back(tmp_path: Path) -> None:
    film, _ = dialogue(tmp_path)
    mixed, done = film.mix(())
    gain = 10 ** (float(done.metrics["dub_gain_db"] or 0) / 20)
    line = soxr.resample(read(tmp_path / "line0.wav")[:, 0], 22050, RATE_HZ) * gain
    part = slice(round(4.2 * RATE_HZ), round(6.4 * RATE_HZ))
    at = round(0.2 * RATE_HZ)
    rest = mixed[part] - line[at : at + (part.stop - part.start), np.newaxis]
    np.testing.assert_allclose(rest, film.background[part] * 10 ** (-4 / 20), atol=2e-3)
    after = slice(round(6.91 * RATE_HZ), None)
    assert np.array_equal(mixed[after], film.original[after])


def test_the_dub_is_as_loud_as_the_voice_and_the_film_as_before(tmp_path: Path) -> None:
    film, span = dialogue(tmp_path)
    mixed, done = film.mix((span,))
    figures = done.metrics
    assert figures["original_lufs"] == pytest.approx(loudness(film.original, RATE_HZ), abs=0.01)
    voice = loudness(film.original - film.background, RATE_HZ)
    assert figures["original_speech_lufs"] == pytest.approx(voice, abs=0.3)
    assert figures["programme_lufs"] == pytest.approx(loudness(mixed, RATE_HZ), abs=0.01)
    assert figures["programme_lufs"] == pytest.approx(figures["original_lufs"], abs=0.5)
    moved = float(figures["speech_move_db"] or 0)
    expected = float(figures["target_speech_lufs"] or 0) + moved
    assert figures["dub_lufs"] == pytest.approx(expected, abs=0.01)
    assert abs(moved) <= 6.0


def test_what_is_left_of_the_voice_is_measured(tmp_path: Path) -> None:
    film, span = dialogue(tmp_path)
    (tmp_path / "vad.json").write_text(json.dumps({"spans": [[4.0, 7.0]]}))
    done = mix(replace(film.ask((span,)), vad_json=str(tmp_path / "vad.json")), silent)
    part = slice(4 * RATE_HZ, 7 * RATE_HZ)
    expected = 10 * np.log10(
        np.square(film.background[part].astype(float)).sum()
        / np.square(film.original[part].astype(float)).sum()
    )
    assert done.metrics["leakage_db"] == pytest.approx(expected, abs=0.01)
    voice = (film.original - film.background)[part].astype(float)
    to_voice = expected + 10 * np.log10(
        np.square(film.original[part].astype(float)).sum() / np.square(voice).sum()
    )
    assert done.metrics["leakage_to_voice_db"] == pytest.approx(to_voice, abs=0.01)


def test_a_loud_dub_is_limited_and_a_hot_original_too(tmp_path: Path) -> None:
    background = music(8.0, 0.02)
    original = background.copy()
    t = np.arange(RATE_HZ // 2)
    burst = 0.99 * np.sin(2 * np.pi * t / 4 + math.pi / 4) * np.hanning(t.size)
    original[6 * RATE_HZ : 6 * RATE_HZ + t.size] += burst[:, np.newaxis].astype(np.float32)
    voice = np.sign(speech(2.0, RATE_HZ)) * np.float32(0.9)
    original[RATE_HZ : RATE_HZ + voice.size] += voice[:, np.newaxis]
    film = Film(tmp_path, original, background, "float32")
    film.line(1.0, speech(2.0, level=0.05))
    mixed, done = film.mix(((1.0, 3.0),))
    assert true_peak_dbtp(mixed) <= -0.95
    assert done.metrics["true_peak_dbtp"] == pytest.approx(true_peak_dbtp(mixed), abs=0.15)
    assert float(done.metrics["bed_limited_s"] or 0) > 0
    assert float(done.metrics["limited_s"] or 0) > float(done.metrics["bed_limited_s"] or 0)
    quiet = slice(4 * RATE_HZ, 6 * RATE_HZ)
    assert np.array_equal(mixed[quiet], np.rint(original[quiet] * 32768) / 32768)


@pytest.mark.parametrize("block_frames", [4096, 65536])
def test_the_block_size_changes_nothing(tmp_path: Path, block_frames: int) -> None:
    film, span = dialogue(tmp_path)
    film.line(4.5, speech(1.0, level=0.9), 22050)
    film.line(11.5, speech(1.0, 8000), 8000)
    expected, first = film.mix((span,), 44100)
    got, second = film.mix((span,), block_frames)
    assert np.abs(got - expected).max() <= 1.01 / 32768
    for name, value in first.metrics.items():
        if name != "wall_s" and value is not None:
            assert second.metrics[name] == pytest.approx(value, abs=0.01), name


def test_a_film_of_one_sample(tmp_path: Path) -> None:
    one = np.full((1, 2), 0.25, np.float32)
    film = Film(tmp_path, one, one)
    film.line(0.0, speech(0.5))
    mixed, done = film.mix(((0.0, 0.1),))
    assert mixed.shape == (1, 2)
    assert done.frames == 1
    assert done.metrics["programme_lufs"] is None


def test_without_lines_and_speech_the_mix_is_the_original(tmp_path: Path) -> None:
    film = Film(tmp_path, music(2.0), music(2.0, seed=9))
    mixed, done = film.mix()
    assert np.array_equal(mixed, film.original)
    assert done.metrics["dub_lufs"] is None
    assert done.metrics["leakage_db"] is None


def test_silence_stays_silence_and_takes_a_dub(tmp_path: Path) -> None:
    nothing = np.zeros((3 * RATE_HZ, 2), np.float32)
    film = Film(tmp_path, nothing, nothing)
    mixed, done = film.mix(((0.5, 1.0),))
    assert not mixed.any()
    assert done.metrics["true_peak_dbtp"] is None
    film.line(0.0, speech(2.0))
    mixed, done = film.mix(((0.5, 1.0),))
    assert done.metrics["dub_lufs"] == pytest.approx(-23.0, abs=0.1)
    assert np.isfinite(mixed).all()


def test_lines_at_both_ends(tmp_path: Path) -> None:
    film = Film(tmp_path, music(3.0, 0.01), music(3.0, 0.01))
    film.line(0.0, np.full(4410, 0.5, np.float32), RATE_HZ)
    film.line(2.5, np.full(RATE_HZ, 0.5, np.float32), RATE_HZ)
    film.line(7.0, speech(1.0))
    mixed, done = film.mix(((0.0, 0.2), (2.5, 3.0)))
    assert len(mixed) == 3 * RATE_HZ
    assert (done.metrics["lines_cut"], done.metrics["lines_outside"]) == (1.0, 1.0)
    assert done.metrics["cut_s"] == pytest.approx(0.5)
    assert abs(mixed[0, 0]) > 0.02
    assert abs(mixed[-1]).max() < 0.05


def test_two_hundred_overlapping_lines(tmp_path: Path) -> None:
    film = Film(tmp_path, music(6.0), music(6.0))
    for index in range(200):
        film.line(0.01 * index, speech(2.0, level=0.5))
    mixed, done = film.mix(((0.0, 4.0),))
    assert done.metrics["lines"] == 200.0
    assert np.isfinite(mixed).all()
    assert true_peak_dbtp(mixed) <= -0.95


def test_values_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    original = music(2.0)
    original[1000] = np.nan
    original[2000] = np.inf
    film = Film(tmp_path, original, music(2.0), "float32")
    mixed, done = film.mix()
    assert np.isfinite(mixed).all()
    assert all(value is None or math.isfinite(value) for value in done.metrics.values())
    assert np.array_equal(mixed[:900], np.rint(original[:900] * 32768) / 32768)


def test_stems_of_another_length_are_refused(tmp_path: Path) -> None:
    film = Film(tmp_path, music(1.0), music(0.9))
    with pytest.raises(ValueError, match="background"):
        film.mix()


def test_it_reports_and_stops_when_told(tmp_path: Path) -> None:
    film, span = dialogue(tmp_path)
    seen: list[tuple[float, float | None]] = []

    def report(done: float, total: float | None = None, note: str = "") -> None:
        seen.append((done, total))
        if done > 8.0:
            raise Cancelled

    with pytest.raises(Cancelled):
        mix(film.ask((span,)), report)
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert all(total == 12.0 for _, total in seen)
