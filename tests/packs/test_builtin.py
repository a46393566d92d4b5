"""The network that comes with the program: it is there, fits, and separates a voice from music."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.engines.scoring import si_sdr_db
from dubwright.engines.speechnet.chunks import BINS
from dubwright.engines.speechnet.net import SpeechNet
from dubwright.media.wav import WavReader, WavWriter
from dubwright.packs.manifest import load_manifests
from dubwright_kit import Problem
from dubwright_kit.contracts import SeparateAsk
from dubwright_kit.report import silent
from dubwright_packs.builtin import network
from dubwright_packs.builtin.backend import run
from dubwright_packs.builtin.canary import chord, voice
from tests.patience import ENDS_S

F32 = npt.NDArray[np.float32]
RATE = 44_100
LARGEST_BYTES = 12_000_000


def separate(folder: Path, sound: F32) -> tuple[F32, F32]:
    with WavWriter(folder / "film.wav", RATE, sound.shape[1], "float32") as writer:
        writer.write(sound)
    done = run(SeparateAsk(str(folder / "film.wav"), str(folder)), silent)
    stems = []
    for stem in ("vocals", "background"):
        with WavReader(done.stems[stem]) as reader:
            stems.append(reader.read(0, reader.frames))
    vocals, background = stems
    assert vocals.shape == background.shape == sound.shape
    assert np.abs(vocals + background - sound).max() < 2e-5
    return vocals, background


def test_the_network_lies_in_the_package_and_is_small() -> None:
    assert 1_000_000 < network.PLACE.stat().st_size <= LARGEST_BYTES
    assert network.PLACE.parent == load_manifests()["builtin"].folder


def test_its_masks_are_masks_and_do_not_depend_on_the_level() -> None:
    net = SpeechNet.load(network.PLACE, threads=1)
    assert net.name
    power = np.random.default_rng(1).gamma(0.5, 1.0, (2, 64, BINS)).astype(np.float32)
    mask = net.mask(power)
    assert mask.shape == power.shape
    assert mask.min() >= 0
    assert mask.max() <= 1
    for gain in (1e-6, 1e6):
        np.testing.assert_allclose(net.mask(power * np.float32(gain)), mask, atol=1e-3)
    assert np.isfinite(net.mask(np.zeros((2, 8, BINS), np.float32))).all()


@pytest.mark.parametrize("channels", [1, 2])
def test_a_voice_over_music(tmp_path: Path, channels: int) -> None:
    spoken, played = (np.tile(one[:, :channels], (2, 1)) for one in (voice(), chord()))
    mix = spoken + played
    vocals, background = separate(tmp_path, mix)
    assert si_sdr_db(spoken, vocals) > si_sdr_db(spoken, mix) + 6
    assert si_sdr_db(played, background) > si_sdr_db(played, mix) + 4


ALONE = """
import sys
from dubwright_kit.memory import PeakMemory
memory = PeakMemory()
from dubwright_kit.contracts import SeparateAsk
from dubwright_kit.report import silent
from dubwright_packs.builtin.backend import run
run(SeparateAsk(sys.argv[1], sys.argv[2]), silent)
print(memory.peak_bytes())
"""
"""A process that does nothing else, as a guest does."""


def peak_bytes(folder: Path, seconds: int, channels: int) -> int:
    noise = np.random.default_rng(1).uniform(-0.3, 0.3, (RATE, channels)).astype(np.float32)
    with WavWriter(folder / "film.wav", RATE, channels) as writer:
        for _ in range(seconds):
            writer.write(noise)
    words = [sys.executable, "-c", ALONE, str(folder / "film.wav"), str(folder)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        words, env=env, capture_output=True, text=True, check=True, timeout=ENDS_S
    )
    return int(done.stdout)


@pytest.mark.skipif(sys.platform != "linux", reason="what counts as resident differs elsewhere")
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_it_takes_no_more_memory_than_it_says(tmp_path: Path, channels: int) -> None:
    needs = load_manifests()["builtin"].needs
    assert peak_bytes(tmp_path, 60, channels) <= needs.ram_bytes <= 250_000_000


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="what counts as resident differs elsewhere")
def test_twenty_minutes_take_no_more_than_one(tmp_path: Path) -> None:
    assert peak_bytes(tmp_path, 1200, 2) <= 250_000_000


def test_a_program_that_is_not_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "PLACE", tmp_path / "speech.onnx")
    with pytest.raises(Problem) as missing:
        network.network(silent)
    (tmp_path / "speech.onnx").write_bytes(network.__file__.encode())
    with pytest.raises(Problem) as wrong:
        network.network(silent)
    assert (missing.value.code, wrong.value.code) == ("weights-missing", "weights-wrong")
    for caught in (missing, wrong):
        assert "install dubwright again" in caught.value.message
        assert caught.value.next_action is not None
        assert caught.value.next_action.verb == "packs"
