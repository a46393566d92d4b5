"""The official Spleeter's slices, whole backend and canary, with a network of our own in its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Problem
from dubwright_kit.contracts import SeparateAsk, SeparateDone
from dubwright_kit.report import Cancelled, silent
from dubwright_packs.spleeter_tensorflow import backend, canary
from dubwright_packs.spleeter_tensorflow.slices import (
    BLOCK,
    FRAME,
    Stems,
    count_blocks,
    separate_in_slices,
)
from tests.packs.spleeter_fake import (
    RATE,
    Array,
    mixture,
    network,
    official,
    read,
    reader_of,
    write,
)

# --- slices -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("frames", "blocks"),
    [(1, 1), (1023, 2), (BLOCK - FRAME, 1), (2 * BLOCK - 5, 2)],
)
def test_slices_give_what_one_long_run_gives(frames: int, blocks: int) -> None:
    sound = mixture(frames)
    expected = official(sound)
    at = 0
    for start, made in separate_in_slices(reader_of(sound), frames, network, blocks):
        assert start == at
        assert len(made[0]) == len(made[1]) > 0
        at += len(made[0])
        for stem, long_run in zip(made, expected, strict=True):
            np.testing.assert_allclose(stem, long_run[start:at], atol=1e-6)
    assert at == frames


def test_nothing_is_made_of_nothing() -> None:
    def never(sound: Array) -> Stems:
        raise AssertionError

    assert list(separate_in_slices(reader_of(mixture(0)), 0, never, 2)) == []
    assert [count_blocks(n) for n in (0, 1, BLOCK - FRAME, BLOCK - FRAME + 1)] == [0, 1, 1, 2]


# --- the whole backend ----------------------------------------------------------------------------


def separate(folder: Path, sound: Array) -> tuple[SeparateDone, Array, Array]:
    ask = SeparateAsk(str(write(folder / "film.wav", sound)), str(folder))
    done = backend.separate(ask, silent, network, 0.0)
    return done, read(done.stems["vocals"]), read(done.stems["background"])


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("frames", [0, 1, 5000, 2 * BLOCK + 7])
def test_stems_are_exactly_as_long(tmp_path: Path, frames: int, channels: int) -> None:
    sound = mixture(frames, 0.8)[:, :channels]
    done, vocals, background = separate(tmp_path, sound)
    assert done.frames == frames
    assert vocals.shape == background.shape == sound.shape
    if frames > BLOCK:
        expected = official(np.repeat(sound, 2, axis=1)[:, :2] if channels == 1 else sound)
        for stem, one in zip((vocals, background), expected, strict=True):
            np.testing.assert_allclose(stem, one[:, :channels], atol=1e-4)
        shares = [done.metrics[f"{name}_energy_share"] or 0 for name in done.stems]
        assert sum(shares) == pytest.approx(1)
        assert min(shares) > 0.01


def test_silence_and_what_is_no_number(tmp_path: Path) -> None:
    done, vocals, background = separate(tmp_path, np.zeros((30_000, 2), np.float32))
    assert not vocals.any()
    assert not background.any()
    assert done.metrics["vocals_energy_share"] is None
    sound = mixture(30_000)
    sound[100], sound[20_000], sound[20_001] = np.nan, np.inf, -np.inf
    _, vocals, background = separate(tmp_path, sound)
    assert vocals.any()
    assert background.any()


def test_another_rate_is_a_problem(tmp_path: Path) -> None:
    path = tmp_path / "film.wav"
    with WavWriter(path, 48_000, 2, "float32") as writer:
        writer.write(mixture(100))
    with pytest.raises(Problem, match="48000 Hz instead of 44100"):
        backend.separate(SeparateAsk(str(path), str(tmp_path)), silent, network, 0.0)


def test_it_can_be_stopped(tmp_path: Path) -> None:
    seen: list[tuple[float, float | None]] = []

    def stop(done: float, total: float | None = None, note: str = "") -> None:
        seen.append((done, total))
        if len(seen) == 2:
            raise Cancelled

    sound = mixture(3 * BLOCK)
    ask = SeparateAsk(str(write(tmp_path / "film.wav", sound)), str(tmp_path))
    with pytest.raises(Cancelled):
        backend.separate(ask, stop, network, 0.0)
    assert seen[0][0] == pytest.approx((2 * BLOCK - FRAME) / RATE)
    assert seen[0][1] == pytest.approx(len(sound) / RATE)
    assert len(read(tmp_path / "vocals.wav")) == 0


# --- canary ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def separated(tmp_path_factory: pytest.TempPathFactory) -> tuple[SeparateAsk, SeparateDone]:
    """Of the clip's first seconds: the rest is the same again."""
    folder = tmp_path_factory.mktemp("canary")
    ask = SeparateAsk(str(write(folder / "mixture.wav", canary.clip()[: 3 * RATE])), str(folder))
    return ask, backend.separate(ask, silent, network, 0.0)


def test_the_clip_is_as_much_as_is_worked_on_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "mixture.wav"
    canary.compose(SeparateAsk(str(path), str(tmp_path)))
    clip = read(path)
    assert count_blocks(len(clip)) == backend.BLOCKS
    assert len(clip) == round(canary.CLIP_S * RATE)
    assert 0.3 < np.abs(clip).max() < 1
    np.testing.assert_allclose(clip, canary.clip(), atol=2e-5)


def test_a_separation_passes(separated: tuple[SeparateAsk, SeparateDone]) -> None:
    canary.check(*separated)


@pytest.mark.parametrize(
    ("vocals", "background", "complaint"),
    [
        ("0 * mix", "mix", "the speech is silent"),
        ("vocals", "0 * mix", "the background is silent"),
        ("mix", "vocals", "the speech is the whole sound"),
        ("vocals", "mix", "the background is the whole sound"),
        ("vocals", "0.8 * background", "do not add up"),
        ("vocals", "np.roll(background, 3, axis=0)", "do not add up"),
        ("vocals[:-1]", "background", "samples instead of"),
        ("vocals", "np.concatenate([background, background[:1]])", "samples instead of"),
    ],
)
def test_what_is_no_separation_does_not_pass(
    separated: tuple[SeparateAsk, SeparateDone],
    tmp_path: Path,
    vocals: str,
    background: str,
    complaint: str,
) -> None:
    ask, done = separated
    with WavReader(ask.wav) as reader:
        mix = reader.read(0, reader.frames)
    names = {"np": np, "mix": mix, **{k: read(path) for k, path in done.stems.items()}}
    stems = {}
    for name, wanted in (("vocals", vocals), ("background", background)):
        stems[name] = str(tmp_path / f"{name}.wav")
        write(Path(stems[name]), eval(wanted, dict(names)).astype(np.float32), subtype="int16")
    with pytest.raises(ValueError, match=complaint):
        canary.check(ask, SeparateDone(stems, done.frames))
