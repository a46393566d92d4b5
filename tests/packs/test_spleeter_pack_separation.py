"""Files through the engine of Spleeter's packs: any rate, any channels, any length, both kinds of output."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.engines.unet.convert import convert
from dubwright.engines.unet.net import StemNet
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Cancelled, Problem
from dubwright_kit.contracts import SeparateAsk, SeparateDone
from dubwright_kit.report import Report, silent
from dubwright_packs.spleeter.separation import separate
from tests.engines.clips import ONE_BLOCK, clip, cut, music, speech

F32 = npt.NDArray[np.float32]
GOLDEN = Path(__file__).resolve().parent.parent / "engines" / "golden"
RATE = 44_100
STEP = 1 / 32768


@pytest.fixture(scope="module")
def nets(tmp_path_factory: pytest.TempPathFactory) -> dict[int, StemNet]:
    folder = tmp_path_factory.mktemp("nets")
    found = {}
    for stems in (2, 4, 5):
        path = folder / f"{stems}.onnx"
        convert(GOLDEN / f"{stems}stems" / "model", path)
        found[stems] = StemNet.load(path, threads=2)
    return found


def write(path: Path, sound: F32, rate_hz: int = RATE) -> Path:
    with WavWriter(path, rate_hz, sound.shape[1], "float32") as writer:
        writer.write(sound)
    return path


def run(
    net: StemNet,
    folder: Path,
    sound: F32,
    rate_hz: int = RATE,
    report: Report = silent,
    **options: Any,
) -> tuple[SeparateDone, dict[str, F32]]:
    path = write(folder / "film.wav", sound, rate_hz)
    done = separate(SeparateAsk(str(path), str(folder), "", net.stems, options), net, report)
    assert tuple(done.stems) == net.stems
    assert done.frames == len(sound)
    found = {}
    for stem, name in done.stems.items():
        with WavReader(name) as reader:
            assert (reader.rate_hz, reader.channels) == (rate_hz, sound.shape[1])
            assert reader.subtype == options.get("wav", "int16")
            assert reader.frames == len(sound)
            found[stem] = reader.read(0, reader.frames)
    return done, found


def total(stems: dict[str, F32]) -> F32:
    added: F32 = np.sum([one.astype(np.float64) for one in stems.values()], axis=0)
    return added


@pytest.mark.parametrize("stems", [2, 4, 5])
def test_it_is_what_the_official_package_computes(
    nets: dict[int, StemNet], tmp_path: Path, stems: int
) -> None:
    with np.load(GOLDEN / f"{stems}stems" / "official.npz") as official:
        _, made = run(nets[stems], tmp_path, clip("music"), extension="zeros", wav="float32")
        for stem, sound in made.items():
            expected = official["music/" + stem.replace("background", "accompaniment")]
            assert np.abs(cut(sound) - expected).max() < 1e-4


@pytest.mark.parametrize(
    ("stems", "wav"), [(2, "int16"), (2, "float32"), (4, "float32"), (5, "int16")]
)
def test_stems_add_up_to_the_sound(
    nets: dict[int, StemNet], tmp_path: Path, stems: int, wav: str
) -> None:
    sound = music(50_000, 5)
    done, made = run(nets[stems], tmp_path, sound, wav=wav)
    assert np.abs(total(made) - sound).max() <= (0.51 * STEP if wav == "int16" else 1e-6)
    shares = [done.metrics[f"{stem}_energy_share"] or 0 for stem in made]
    assert sum(shares) == pytest.approx(1)
    assert min(shares) > 0
    assert (done.metrics["wall_s"] or 0) > 0
    assert all(np.abs(one - sound).max() > 0.01 for one in made.values())


def test_zeros_are_silent_above_what_the_network_knows(
    nets: dict[int, StemNet], tmp_path: Path
) -> None:
    t = np.arange(60_000) / RATE
    high = np.repeat(0.4 * np.sin(2 * np.pi * 15_000 * t)[:, None], 2, axis=1).astype(np.float32)
    _, made = run(nets[2], tmp_path, high, extension="zeros")
    inside = slice(5_000, -5_000)
    assert all(np.abs(one[inside]).max() < 0.01 for one in made.values())
    _, made = run(nets[2], tmp_path, high, extension="average")
    assert np.abs(total(made) - high).max() < STEP


def test_loud_stems_give_way(nets: dict[int, StemNet], tmp_path: Path) -> None:
    sound = clip("clipped")
    _, made = run(nets[2], tmp_path, sound)
    assert np.abs(total(made) - sound).max() <= 0.51 * STEP


@pytest.mark.parametrize("frames", [0, 1, 2, 777, 4097, ONE_BLOCK, ONE_BLOCK + 1])
def test_any_length(nets: dict[int, StemNet], tmp_path: Path, frames: int) -> None:
    sound = music(max(frames, 1), 6)[:frames]
    done, made = run(nets[2], tmp_path, sound)
    assert np.abs(total(made) - sound).max(initial=0) <= 0.51 * STEP
    if not frames:
        assert done.metrics["vocals_energy_share"] is None


@pytest.mark.parametrize(
    ("rate_hz", "extension"),
    [
        (8_000, "average"),
        (22_050, "zeros"),
        (48_000, "average"),
        (48_000, "zeros"),
        (96_000, "average"),
    ],
)
def test_any_rate(nets: dict[int, StemNet], tmp_path: Path, rate_hz: int, extension: str) -> None:
    sound = music(30_011, 7)
    _, made = run(nets[2], tmp_path, sound, rate_hz, extension=extension)
    if extension == "average":
        assert np.abs(total(made) - sound).max() <= 0.51 * STEP
    assert all(np.abs(one).max() > 0.01 for one in made.values())


def test_another_rate_is_the_same_separation(nets: dict[int, StemNet], tmp_path: Path) -> None:
    """The stems of a sound at 48 kHz are those of the same sound at 44.1 kHz, converted."""
    import soxr

    sound = speech(60_000, 8)
    sound = np.concatenate([sound, 0.5 * sound], axis=1)
    low = soxr.resample(sound, RATE, 22_050, quality="HQ").astype(np.float32)
    sound = soxr.resample(low, 22_050, RATE, quality="HQ").astype(np.float32)[:60_000]
    _, plain = run(nets[2], tmp_path, sound, wav="float32")
    other = soxr.resample(sound, RATE, 48_000, quality="HQ").astype(np.float32)
    _, made = run(nets[2], tmp_path, other, 48_000, wav="float32")
    back = soxr.resample(made["vocals"], 48_000, RATE, quality="HQ")
    n = min(len(back), len(sound)) - 2_000
    assert np.abs(back[2_000:n] - plain["vocals"][2_000:n]).max() < 2e-3


def test_mono_is_the_mean_of_both_answers(nets: dict[int, StemNet], tmp_path: Path) -> None:
    mono = speech(60_000, 9)
    _, doubled = run(nets[2], tmp_path, np.repeat(mono, 2, axis=1), wav="float32")
    _, made = run(nets[2], tmp_path, mono, wav="float32")
    for stem in made:
        expected = doubled[stem].mean(axis=1, keepdims=True)
        np.testing.assert_allclose(made[stem], expected, atol=1e-6)
    _, rounded = run(nets[2], tmp_path, mono)
    assert np.abs(total(rounded) - mono).max() <= 0.51 * STEP


@pytest.mark.parametrize(
    ("stems", "extension", "rate_hz"),
    [(2, "average", RATE), (2, "zeros", 48_000), (4, "zeros", RATE), (4, "average", 48_000)],
)
def test_further_channels_go_to_the_last_stem(
    nets: dict[int, StemNet], tmp_path: Path, stems: int, extension: str, rate_hz: int
) -> None:
    front, rest = music(30_000, 10), np.tile(speech(30_000, 10), 4)
    rest *= np.linspace(0.5, 1, 4, dtype=np.float32)
    _, alone = run(nets[stems], tmp_path, front, rate_hz, extension=extension)
    _, made = run(
        nets[stems], tmp_path, np.concatenate([front, rest], axis=1), rate_hz, extension=extension
    )
    last = nets[stems].stems[-1]
    for stem, sound in made.items():
        np.testing.assert_array_equal(sound[:, :2], alone[stem])
        if stem != last:
            assert not sound[:, 2:].any()
    assert np.abs(made[last][:, 2:] - rest).max() <= 0.51 * STEP


@pytest.mark.parametrize("rate_hz", [RATE, 16_000])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_silence_gives_exact_silence(
    nets: dict[int, StemNet], tmp_path: Path, rate_hz: int, channels: int
) -> None:
    for wav in ("int16", "float32"):
        done, made = run(
            nets[5], tmp_path, np.zeros((50_000, channels), np.float32), rate_hz, wav=wav
        )
        assert not any(one.any() for one in made.values())
        assert done.metrics["vocals_energy_share"] is None


def test_what_is_no_number_is_heard_as_something(nets: dict[int, StemNet], tmp_path: Path) -> None:
    sound = music(50_000, 11)
    sound[1_000:1_010] = np.nan
    sound[2_000, 0] = np.inf
    _, made = run(nets[2], tmp_path, sound, wav="float32")
    assert all(np.isfinite(one).all() for one in made.values())
    assert np.abs(total(made)[1_000:1_010]).max() < 1e-6
    assert total(made)[2_000, 0] == pytest.approx(1, abs=1e-6)


def test_16_bits_in(nets: dict[int, StemNet], tmp_path: Path) -> None:
    path = tmp_path / "film.wav"
    with WavWriter(path, RATE, 2) as writer:
        writer.write(music(40_000, 12))
    ask = SeparateAsk(str(path), str(tmp_path), "", nets[2].stems)
    done = separate(ask, nets[2], silent)
    with WavReader(path) as reader:
        sound = reader.read(0, reader.frames)
    stems = {}
    for stem, name in done.stems.items():
        with WavReader(name) as reader:
            stems[stem] = reader.read(0, reader.frames)
    np.testing.assert_array_equal(total(stems), sound)  # both are whole steps


def test_progress_in_seconds_of_the_film(nets: dict[int, StemNet], tmp_path: Path) -> None:
    seen: list[tuple[float, float | None]] = []

    def report(done: float, total: float | None = None, note: str = "") -> None:
        seen.append((done, total))

    run(nets[2], tmp_path, music(2 * ONE_BLOCK, 13), report=report)
    assert seen == sorted(seen)
    assert {total for _, total in seen} == {2 * ONE_BLOCK / RATE}
    assert seen[-1][0] == pytest.approx(2 * ONE_BLOCK / RATE)
    assert len(seen) >= 2


def test_cancelled_between_blocks(nets: dict[int, StemNet], tmp_path: Path) -> None:
    def report(done: float, total: float | None = None, note: str = "") -> None:
        raise Cancelled

    before = threading.active_count()
    with pytest.raises(Cancelled):
        run(nets[2], tmp_path, music(3 * ONE_BLOCK, 14), report=report)
    with WavReader(tmp_path / "vocals.wav") as reader:
        assert reader.frames == 0  # never taken for a whole one
    assert threading.active_count() <= before


@pytest.mark.parametrize(
    ("options", "stems", "words"),
    [
        ({"extension": "wide"}, None, "zeros or average"),
        ({"wav": "mp3"}, None, "int16 or float32"),
        ({"extension": ["zeros"]}, None, "zeros or average"),
        ({}, ("vocals",), "vocals, background"),
        ({}, ("vocals", "drums", "bass", "other"), "vocals, background"),
    ],
)
def test_asks_that_cannot_be_met(
    nets: dict[int, StemNet],
    tmp_path: Path,
    options: dict[str, Any],
    stems: tuple[str, ...] | None,
    words: str,
) -> None:
    path = write(tmp_path / "film.wav", music(100, 1))
    ask = SeparateAsk(str(path), str(tmp_path), "", stems or nets[2].stems, options)
    with pytest.raises(Problem, match=words) as caught:
        separate(ask, nets[2], silent)
    assert caught.value.code == "option-invalid"
    assert caught.value.next_action is not None


def test_no_sound_file(nets: dict[int, StemNet], tmp_path: Path) -> None:
    path = tmp_path / "film.wav"
    path.write_bytes(b"RIFF, but no more")
    with pytest.raises(Problem) as caught:
        separate(SeparateAsk(str(path), str(tmp_path), "", nets[2].stems), nets[2], silent)
    assert caught.value.code == "not-wav"
