"""The official Spleeter's backend on disk: WAVE files, levels, weights, a TensorFlow that does not load."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from dubwright_kit import Problem
from dubwright_kit.contracts import SeparateAsk
from dubwright_kit.report import silent
from dubwright_packs.spleeter_tensorflow import backend
from dubwright_packs.spleeter_tensorflow.levels import hold
from dubwright_packs.spleeter_tensorflow.network import SpleeterNetwork, has_avx
from dubwright_packs.spleeter_tensorflow.wavefile import StemWriter, StereoReader
from dubwright_packs.spleeter_tensorflow.weights import FILES, FOLDER, checkpoint
from tests.packs.spleeter_fake import RATE, Array, mixture, read, write
from tests.packs.test_wall_pythons import interpreter

PACK = Path(backend.__file__).parent

# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [0, 1 << 32])
@pytest.mark.parametrize("subtype", ["float32", "int16"])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_the_host_writes_is_read(
    tmp_path: Path, channels: int, subtype: str, limit: int
) -> None:
    sound = mixture(3001)[:, :channels]
    path = write(tmp_path / "film.wav", sound, subtype=subtype, riff_limit_bytes=limit)
    with StereoReader(path) as reader:
        assert (reader.frames, reader.rate_hz, reader.channels) == (3001, RATE, channels)
        found = reader.read(-10, 3020)
        assert reader.read(4000, 3).tolist() == [[0, 0]] * 3
    assert not found[:10].any()
    assert not found[3011:].any()
    stereo = np.repeat(sound, 2, axis=1)[:, :2] if channels == 1 else sound
    tolerance = 1e-7 if subtype == "float32" else 2e-5
    np.testing.assert_allclose(found[10:3011], stereo, atol=tolerance)


@pytest.mark.parametrize("limit", [0, 1 << 32])
@pytest.mark.parametrize("channels", [1, 2])
def test_the_host_reads_the_stems(tmp_path: Path, channels: int, limit: int) -> None:
    sound = mixture(5003, 0.9)
    path = tmp_path / "vocals.wav"
    with StemWriter(path, RATE, channels, limit) as writer:
        writer.write(sound[:100])
        writer.write(sound[100:])
    assert path.read_bytes()[:4] == (b"RIFF" if limit else b"RF64")
    np.testing.assert_allclose(read(path), sound[:, :channels], atol=2e-5)


def test_a_stem_that_was_not_finished_is_empty(tmp_path: Path) -> None:
    path = tmp_path / "vocals.wav"
    with pytest.raises(RuntimeError), StemWriter(path, RATE, 2) as writer:
        writer.write(mixture(1000))
        raise RuntimeError
    assert len(read(path)) == 0


def test_other_files_are_a_problem(tmp_path: Path) -> None:
    path = write(tmp_path / "film.wav", mixture(100))
    whole = path.read_bytes()
    three = write(tmp_path / "three.wav", np.zeros((9, 3), np.float32)).read_bytes()
    without_format = whole.replace(b"fmt ", b"fmx ")
    for data in (b"", b"RIFF....", whole[:40], b"OggS" + whole[4:], three, without_format):
        path.write_bytes(data)
        with pytest.raises(Problem) as caught:
            StereoReader(path)
        assert caught.value.code == "not-wav"
    path.write_bytes(whole[:-83])
    with StereoReader(path) as reader:
        assert reader.frames == 89


# --- levels -------------------------------------------------------------------------------------


@given(
    arrays(np.float32, (2, 20, 2), elements=st.floats(-0.96875, 0.96875, width=32)),
    st.integers(0, 9),
)
@settings(deadline=None)
def test_stems_within_16_bits_add_up(stems: Array, seed: int) -> None:
    moved = np.random.default_rng(seed).uniform(-2, 2, stems[0].shape).astype(np.float32)
    both = stems[0] + stems[1]
    vocals, background = hold(stems[0] + moved, stems[1] - moved)
    steps = vocals * 32768
    np.testing.assert_array_equal(steps, np.rint(steps))
    for stem in (vocals, background):
        assert stem.min() >= -1 - 2e-5
        assert stem.max() <= 1 + 2e-5
    np.testing.assert_allclose(vocals + background, both, atol=1e-5)


# --- weights and TensorFlow -----------------------------------------------------------------------


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "spleeter-tensorflow" / "models"
    (folder / FOLDER).mkdir(parents=True)
    for name in FILES:
        (folder / FOLDER / name).write_bytes(name.encode())
    return folder


def record(models: Path) -> None:
    entries = {
        f"{FOLDER}/{name}": {
            "size_bytes": len(name),
            "sha256": hashlib.sha256(name.encode()).hexdigest(),
        }
        for name in FILES
    }
    (models.parent / "record.json").write_text(json.dumps({"models": entries}))


def test_weights_that_are_what_was_installed(models: Path) -> None:
    assert checkpoint(models) == models / FOLDER / "model"  # while an install runs
    record(models)
    assert checkpoint(models) == models / FOLDER / "model"


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["gone", "empty", "other", "shorter"])
def test_incomplete_weights_are_a_problem(models: Path, name: str, damage: str) -> None:
    record(models)
    path = models / FOLDER / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes({"empty": b"", "other": name[::-1].encode(), "shorter": b"m"}[damage])
    with pytest.raises(Problem) as caught:
        checkpoint(models)
    assert caught.value.code == (
        "weights-missing" if damage in ("gone", "empty") else "weights-wrong"
    )
    assert str(path) in caught.value.message
    assert caught.value.next_action is not None
    assert caught.value.next_action.args == {"_": ["spleeter-tensorflow"]}


def test_without_weights_tensorflow_is_not_even_loaded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(backend.MODELS_VARIABLE, str(tmp_path))
    with pytest.raises(Problem) as caught:
        backend.run(SeparateAsk(str(tmp_path / "film.wav"), str(tmp_path)), silent)
    assert caught.value.code == "weights-missing"


def test_a_tensorflow_that_does_not_load_is_a_problem(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    for name in ("TF_CPP_MIN_LOG_LEVEL", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")  # so that what is set in the test is undone
    with pytest.raises(Problem) as caught:
        SpleeterNetwork(checkpoint(models))
    assert caught.value.code == "pack-broken"
    assert "tensorflow" in caught.value.message
    assert caught.value.next_action is not None


def test_processors_without_avx_are_known(tmp_path: Path) -> None:
    path = tmp_path / "cpuinfo"
    assert has_avx(path)  # no such list: not Linux
    path.write_text("processor\t: 0\nflags\t\t: fpu sse4_2 avx f16c\n")
    assert has_avx(path)
    path.write_text("processor\t: 0\nFeatures\t: fp asimd\n")
    assert has_avx(path)
    path.write_text("processor\t: 0\nflags\t\t: fpu sse4_2\n")
    assert not has_avx(path)


@pytest.mark.parametrize("version", ["3.8", "3.9", "3.10"])
def test_every_file_is_python_of_its_oldest_environment(version: str) -> None:
    code = "import ast, sys\nfor path in sys.argv[1:]: ast.parse(open(path, 'rb').read(), path)"
    files = sorted(str(path) for path in PACK.glob("*.py"))
    assert len(files) >= 7
    result = subprocess.run(
        [interpreter(version), "-c", code, *files], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
