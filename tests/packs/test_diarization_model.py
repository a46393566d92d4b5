"""Weights are read without torch and without running anything; the model computes what they say."""

import pickle
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.engines.embedding import SpeakerEncoder
from dubwright_kit import Problem
from dubwright_kit.report import silent
from dubwright_packs.diarization.backend import MODEL, prepare
from dubwright_packs.diarization.ge2e import build_onnx, embed_reference, expected_shapes
from dubwright_packs.diarization.torchfile import read_tensors
from tests.packs.torch_legacy import legacy_file, tensor

F32 = npt.NDArray[np.float32]
SMALL = {
    "a": np.arange(6, dtype=np.float32).reshape(2, 3),
    "b": np.array([1.5], dtype=np.float32),
    "c": np.array(4.0, dtype=np.float32),
}


def random_weights(seed: int = 0) -> dict[str, F32]:
    random = np.random.default_rng(seed)
    return {
        name: random.uniform(-0.15, 0.15, shape).astype(np.float32)
        for name, shape in expected_shapes().items()
    }


def read(path: Path, data: bytes) -> dict[str, F32]:
    path.write_bytes(data)
    return read_tensors(path, "model_state")


def refused(path: Path, data: bytes) -> str:
    with pytest.raises(Problem) as caught:
        read(path, data)
    assert caught.value.code == "weights-unreadable"
    assert caught.value.next_action is not None
    return caught.value.message


def test_tensors_are_read(tmp_path: Path) -> None:
    found = read(tmp_path / "w.pt", legacy_file(SMALL))
    assert found.keys() == SMALL.keys()
    for name, value in SMALL.items():
        assert found[name].shape == value.shape
        np.testing.assert_array_equal(found[name], value)


def test_a_pickle_that_calls_something_is_refused_and_not_run(tmp_path: Path) -> None:
    trace = tmp_path / "it-ran"

    class Evil:
        def __reduce__(self) -> tuple[object, ...]:
            return (Path.touch, (trace,))

    good = legacy_file(SMALL)
    start = good.index(b"\x80\x02}(")
    for protocol in (2, 4):
        evil = pickle.dumps({"model_state": Evil()}, protocol)
        refused(tmp_path / "w.pt", good[:start] + evil + pickle.dumps([], 2))
    calls_a_name = good.replace(b"ctorch._utils\n_rebuild_tensor_v2\n", b"cos\nsystem\n")
    assert "os system" in refused(tmp_path / "w.pt", calls_a_name)
    assert not trace.exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    path, good = tmp_path / "w.pt", legacy_file(SMALL)
    for data in (b"", b"PK\x03\x04" + bytes(100), good[:20], good[: len(good) // 2], good[:-1]):
        refused(path, data)
    refused(path, good.replace(b"model_state", b"model_other"))
    huge = good.replace(struct.pack("<q", 6), struct.pack("<q", 1 << 60))
    assert "longer" in refused(path, huge)
    nan = dict(SMALL, b=np.array([np.nan], dtype=np.float32))
    refused(path, legacy_file(nan))
    with pytest.raises(Problem):
        read_tensors(tmp_path / "absent.pt", "model_state")


@pytest.mark.parametrize("part", [tensor("0", (2, 3), 5), tensor("0", (2, 3), 6, offset=1)])
def test_a_tensor_beyond_its_storage_is_refused(tmp_path: Path, part: bytes) -> None:
    good = legacy_file({"a": SMALL["a"]})
    assert tensor("0", (2, 3), 6) in good
    refused(tmp_path / "w.pt", good.replace(tensor("0", (2, 3), 6), part))


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_bytes_are_a_problem_or_tensors(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    good = bytearray(legacy_file(SMALL))
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(good) - 1))
        good[at] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del good[data.draw(st.integers(0, len(good) - 1)) :]
    path = tmp_path_factory.getbasetemp() / "fuzzed.pt"
    path.write_bytes(bytes(good))
    try:
        found = read_tensors(path, "model_state")
    except Problem as problem:
        assert problem.code == "weights-unreadable"
    else:
        assert all(value.dtype == np.float32 for value in found.values())


def test_the_model_computes_what_its_weights_say(tmp_path: Path) -> None:
    weights = random_weights()
    path = tmp_path / "model.onnx"
    path.write_bytes(build_onnx(weights))
    assert 5_600_000 < path.stat().st_size < 5_800_000
    encoder = SpeakerEncoder(path, threads=1)
    random = np.random.default_rng(2)
    for shape in ((1, 1, 40), (3, 60, 40)):
        mels = random.gamma(0.5, 0.1, shape).astype(np.float32)
        found, expected = encoder(mels), embed_reference(weights, mels)
        np.testing.assert_allclose(found, expected, atol=1e-5)
        np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-5)


def test_windows_are_embedded_as_if_alone(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(build_onnx(random_weights()))
    encoder = SpeakerEncoder(path, threads=1)
    mels = np.random.default_rng(3).gamma(0.5, 0.1, (100, 40)).astype(np.float32)
    windows = [(0, 40), (10, 50), (60, 70), (60, 100), (90, 130), (100, 140)]
    found = encoder.embed(mels, windows, batch=2)
    for vector, (begin, end) in zip(found[:-1], windows[:-1], strict=True):
        np.testing.assert_allclose(vector, encoder(mels[None, begin:end])[0], atol=1e-6)
    assert not found[-1].any()


def test_prepare_builds_the_model_from_the_wheels_file(tmp_path: Path) -> None:
    source = tmp_path / "source" / "resemblyzer"
    source.mkdir(parents=True)
    (source / "pretrained.pt").write_bytes(legacy_file(random_weights(5)))
    prepare(str(tmp_path), silent)
    assert sorted(path.name for path in tmp_path.iterdir()) == [MODEL, "source"]


def test_prepare_without_or_with_other_weights(tmp_path: Path) -> None:
    with pytest.raises(Problem) as caught:
        prepare(str(tmp_path), silent)
    assert caught.value.code == "weights-missing"
    (tmp_path / "pretrained.pt").write_bytes(legacy_file(SMALL))
    with pytest.raises(Problem) as caught:
        prepare(str(tmp_path), silent)
    assert caught.value.code == "weights-unreadable"
    assert not (tmp_path / MODEL).exists()
