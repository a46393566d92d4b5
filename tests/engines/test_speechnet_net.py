"""The file of the network: what it must be, and what it computes."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from dubwright.engines.speechnet.chunks import BINS
from dubwright.engines.speechnet.net import EXPECTED, SpeechNet
from dubwright_kit import Problem
from tests.engines.standin import share, write_network


@pytest.mark.parametrize("frames", [8, 72, 512])
def test_it_runs_chunks_of_any_length(tmp_path: Path, frames: int) -> None:
    net = SpeechNet.load(write_network(tmp_path / "net.onnx"), threads=2)
    assert net.name == "a stand-in"
    power = np.random.default_rng(1).gamma(0.5, 1.0, (2, 512, BINS)).astype(np.float32)
    part = power[:, :frames]  # not in one piece in memory
    np.testing.assert_allclose(net.mask(part), share(part), atol=1e-6)


def test_its_threads_do_not_spin(tmp_path: Path) -> None:
    before = threading.active_count()
    net = SpeechNet.load(write_network(tmp_path / "net.onnx"), threads=2)
    config = net._session.get_session_options()
    assert config.get_session_config_entry("session.intra_op.allow_spinning") == "0"
    assert threading.active_count() == before


def problem_of(path: Path) -> Problem:
    with pytest.raises(Problem) as caught:
        SpeechNet.load(path, threads=1)
    return caught.value


def test_one_that_is_not_there(tmp_path: Path) -> None:
    assert problem_of(tmp_path / "net.onnx").code == "weights-missing"


@pytest.mark.parametrize("keep", [0, 10, 200])
def test_a_damaged_one(tmp_path: Path, keep: int) -> None:
    path = write_network(tmp_path / "net.onnx")
    path.write_bytes(path.read_bytes()[:keep])
    problem = problem_of(path)
    assert problem.code == "weights-wrong"
    assert str(path) in problem.message


@pytest.mark.parametrize("key", sorted(EXPECTED))
def test_one_of_another_format(tmp_path: Path, key: str) -> None:
    path = write_network(tmp_path / "net.onnx", {**EXPECTED, key: "7"})
    assert problem_of(path).code == "weights-wrong"
    without = {name: value for name, value in EXPECTED.items() if name != key}
    assert problem_of(write_network(path, without)).code == "weights-wrong"


def test_one_with_other_ends(tmp_path: Path) -> None:
    path = write_network(tmp_path / "net.onnx", output="speech")
    problem = problem_of(path)
    assert problem.code == "weights-wrong"
    assert "speech" in problem.detail
