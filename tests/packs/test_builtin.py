"""The built-in separation on files: exact length, stems that add up, whatever the input."""

import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Problem
from dubwright_kit.contracts import SeparateAsk, SeparateDone
from dubwright_kit.report import Cancelled, silent
from dubwright_packs.builtin.backend import run, split
from tests.engines.synthetic import music, vowels

Array = npt.NDArray[np.float32]
RATE = 44_100


def write(path: Path, sound: Array) -> Path:
    with WavWriter(path, RATE, sound.shape[1], "float32") as writer:
        writer.write(sound)
    return path


def read(path: str | Path) -> Array:
    with WavReader(path) as reader:
        assert reader.subtype in ("int16", "float32")
        return reader.read(0, reader.frames)


def separate(
    folder: Path, sound: Array, spans: list[list[float]] | None
) -> tuple[SeparateDone, Array, Array]:
    wav = write(folder / "film.wav", sound)
    vad = ""
    if spans is not None:
        vad = str(folder / "vad.json")
        Path(vad).write_text(json.dumps({"frame_s": 0.032, "p": [], "spans": spans}))
    done = run(SeparateAsk(str(wav), str(folder), vad), silent)
    return done, read(done.stems["vocals"]), read(done.stems["background"])


def mixture(seconds: float, gain: float = 1.0) -> Array:
    sound = music(seconds, RATE, seed=1)
    sound += vowels(seconds, 130, RATE, seed=2)[:, None]
    return (gain * sound).astype(np.float32)


@pytest.mark.parametrize("frames", [0, 1, 1023, 44_100 * 2 + 7])
@pytest.mark.parametrize("channels", [1, 2])
def test_stems_add_up_at_any_length(tmp_path: Path, frames: int, channels: int) -> None:
    sound = mixture(3.0, 0.8)[:frames, :channels]
    done, vocals, background = separate(tmp_path, sound, [[0.0, 99.0]])
    assert done.frames == frames
    assert vocals.shape == background.shape == sound.shape
    np.testing.assert_allclose(vocals + background, sound, atol=1e-4)


def test_loud_sound_clips_neither_stem(tmp_path: Path) -> None:
    sound = mixture(2.0, 1.6)
    assert np.abs(sound).max() > 1.05
    done, vocals, background = separate(tmp_path, sound, [[0.0, 2.0]])
    assert np.abs(vocals).max() > 0.1
    np.testing.assert_allclose(vocals + background, sound, atol=1e-4)
    assert sum(done.metrics[f"{s}_energy_share"] or 0 for s in done.stems) == pytest.approx(1)


@given(
    arrays(np.float32, (20, 2), elements=st.floats(-1.9375, 1.9375, width=32)), st.integers(0, 9)
)
@settings(deadline=None)
def test_the_split_is_exact_and_within_16_bits(original: Array, seed: int) -> None:
    vocals = np.random.default_rng(seed).uniform(-3, 3, original.shape).astype(np.float32)
    v, b = split(original, vocals)
    steps = v * 32768
    np.testing.assert_array_equal(steps, np.rint(steps))
    for stem in (v, b):
        assert stem.min() >= -1 - 2e-5
        assert stem.max() <= 1 + 2e-5
    np.testing.assert_allclose(v + b, original, atol=1e-6)


def test_not_a_number_is_silence(tmp_path: Path) -> None:
    sound = mixture(1.0)
    sound[100] = np.nan
    sound[200] = np.inf
    _, vocals, background = separate(tmp_path, sound, [[0.5, 0.9]])
    assert np.isfinite(vocals).all()
    assert np.isfinite(background).all()


def test_silence_stays_silence(tmp_path: Path) -> None:
    done, vocals, background = separate(tmp_path, np.zeros((RATE, 2), np.float32), [[0.0, 1.0]])
    assert not vocals.any()
    assert not background.any()
    assert done.metrics["vocals_energy_share"] is None


def test_speech_is_found_where_ingest_left_no_list(tmp_path: Path) -> None:
    quiet = np.zeros((2 * RATE, 2), np.float32)
    sound = np.concatenate([quiet, np.repeat(vowels(3.0, 130, RATE, seed=1)[:, None], 2, 1)])
    _, vocals, _ = separate(tmp_path, sound, None)
    assert not vocals[:RATE].any()
    assert vocals[3 * RATE :].any()


def test_block_borders_do_not_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same voice everywhere: long blocks and short ones take the same out of it."""
    import dubwright_packs.builtin.backend as backend

    sound = np.repeat(vowels(12.0, 130, RATE, seed=3)[:, None], 2, axis=1)
    _, whole, _ = separate(tmp_path, sound, [[0.0, 12.0]])
    monkeypatch.setattr(backend, "BLOCK_S", 3.0)
    _, pieces, _ = separate(tmp_path, sound, [[0.0, 12.0]])
    difference = np.abs(whole - pieces)
    assert difference.max() < 1e-3


def test_it_can_be_stopped(tmp_path: Path) -> None:
    wav = write(tmp_path / "film.wav", mixture(1.0))

    def stop(done: float, total: float | None = None, note: str = "") -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        run(SeparateAsk(str(wav), str(tmp_path)), stop)


def test_a_damaged_file_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "film.wav"
    path.write_bytes(b"RIFF....")
    with pytest.raises(Problem) as caught:
        run(SeparateAsk(str(path), str(tmp_path)), silent)
    assert caught.value.code == "not-wav"
