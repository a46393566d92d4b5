"""From a checkpoint's variables to a network in one file: what is refused, and what the file is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.engines.onnxfile import Node, Port, encode_model
from dubwright.engines.tensorbundle.bundle import Checkpoint
from dubwright.engines.unet.branch import STEMS, Branch, Convolution, Norm, read_branches
from dubwright.engines.unet.convert import FORMAT, convert, source_sha256
from dubwright.engines.unet.graph import OPSET, build_graph
from dubwright.engines.unet.net import StemNet
from dubwright_kit import Problem

GOLDEN = Path(__file__).parent / "golden"
Tensor = npt.NDArray[Any]


class Variables:
    """A checkpoint that is a dictionary."""

    def __init__(self, tensors: Mapping[str, Tensor]) -> None:
        self.entries = dict(tensors)

    def tensor(self, name: str) -> Tensor:
        return self.entries[name]


@pytest.fixture
def variables() -> Variables:
    with Checkpoint.open(GOLDEN / "2stems" / "model") as checkpoint:
        return Variables({name: checkpoint.tensor(name) for name in checkpoint.entries})


def refused(variables: Variables) -> str:
    with pytest.raises(Problem) as caught:
        read_branches(variables)
    assert caught.value.code == "weights-wrong"
    return caught.value.message


def same(one: Branch, other: Branch) -> bool:
    return all(
        np.array_equal(a.kernel, b.kernel) for a, b in zip(one.down, other.down, strict=True)
    ) and np.array_equal(one.last.kernel, other.last.kernel)


def test_an_optimizers_slots_are_no_layers(variables: Variables) -> None:
    plain = read_branches(variables)
    kernel = variables.entries["conv2d_1/kernel"]
    variables.entries |= {
        "conv2d_1/kernel/Adam": kernel,
        "conv2d_1/kernel/Adam_1": kernel,
        "beta1_power": np.array(0.9, np.float32),
    }
    assert all(map(same, plain, read_branches(variables)))


def test_layers_may_be_numbered_from_anywhere(variables: Variables) -> None:
    """Keras goes on counting when a process builds a second network."""
    plain = read_branches(variables)
    moved = {}
    for name, tensor in variables.entries.items():
        layer, slash, part = name.partition("/")
        kind, _, number = layer.rpartition("_")
        if not number.isdigit():
            kind, number = layer, "0"
        moved[f"{kind}_{int(number) + 95}{slash}{part}"] = tensor
    assert all(map(same, plain, read_branches(Variables(moved))))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("conv2d_3/bias", "conv2d_3/bias is missing"),
        ("batch_normalization_7/gamma", "batch_normalization_7/gamma is missing"),
    ],
)
def test_a_variable_is_missing(variables: Variables, name: str, said: str) -> None:
    del variables.entries[name]
    assert said in refused(variables)


@pytest.mark.parametrize(
    "name", ["conv2d_13/kernel", "conv2d_transpose_4/kernel", "conv2d/kernel", "conv2d_6/bias"]
)
def test_a_variable_has_another_shape(variables: Variables, name: str) -> None:
    tensor = variables.entries[name]
    variables.entries[name] = np.concatenate([tensor, tensor])
    assert name.partition("/")[0] in refused(variables)


def test_a_variable_has_other_numbers(variables: Variables) -> None:
    kernel = variables.entries["conv2d_2/kernel"].copy()
    kernel[0, 0, 0, 0] = np.nan
    variables.entries["conv2d_2/kernel"] = kernel
    assert "not finite" in refused(variables)
    variables.entries["conv2d_2/kernel"] = np.zeros(kernel.shape, np.float64)
    assert "float64" in refused(variables)


def test_a_variance_below_zero(variables: Variables) -> None:
    name = "batch_normalization_3/moving_variance"
    variables.entries[name] = variables.entries[name] - 5
    assert "variance" in refused(variables)


def test_another_network(variables: Variables) -> None:
    assert "0 layers conv2d" in refused(Variables({"dense/kernel": np.zeros((3, 3), np.float32)}))
    for name in [name for name in variables.entries if name.startswith("conv2d_13/")]:
        del variables.entries[name]
    assert "13 layers conv2d," in refused(variables)


@pytest.mark.parametrize("stems", [2, 4, 5])
def test_the_file_says_what_it_is(tmp_path: Path, stems: int) -> None:
    prefix, out = GOLDEN / f"{stems}stems" / "model", tmp_path / "net.onnx"
    assert convert(prefix, out) == STEMS[stems]
    net = StemNet.load(out, threads=1)
    assert net.stems == STEMS[stems]
    assert net.source_sha256 == source_sha256(prefix)
    assert [path.name for path in tmp_path.iterdir()] == ["net.onnx"]
    found = net.masks(np.abs(noise((2, 512, 1024))))
    assert found.bins.shape == (stems, 2, 512, 1024)
    assert np.abs(found.bins.sum(axis=0) - 1).max() < 1e-5
    assert np.abs(found.means - found.bins.mean(axis=3)).max() < 1e-5


def noise(shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
    return np.random.default_rng(4).standard_normal(shape).astype(np.float32)


def branch(filters: tuple[int, ...], random: np.random.Generator) -> Branch:
    """Random weights of the size that keeps numbers where they are from layer to layer."""

    def layer(out: int, into: int, side: int) -> Convolution:
        kernel = random.standard_normal((out, into, side, side)) / (side * into**0.5)
        return Convolution(kernel.astype(np.float32), np.zeros(out, np.float32))

    def norms(sizes: tuple[int, ...]) -> tuple[Norm, ...]:
        return tuple(Norm(np.ones(n, np.float32), np.zeros(n, np.float32)) for n in sizes)

    up = (*filters[-2::-1], 1)
    into = (filters[-1], *(2 * n for n in up[:-1]))
    return Branch(
        tuple(layer(*sizes, 5) for sizes in zip(filters, (2, *filters), strict=False)),
        norms(filters[:-1]),
        tuple(layer(*sizes, 5) for sizes in zip(up, into, strict=True)),
        norms(up),
        layer(2, 1, 4),
    )


def test_half_the_file_is_nearly_the_same(tmp_path: Path) -> None:
    random = np.random.default_rng(5)
    branches = [branch((8, 16, 24, 32, 40, 48), random) for _ in range(2)]
    metadata = {"format": FORMAT, "stems": "vocals,background", "source_sha256": ""}
    sizes, masks = [], []
    for half in (False, True):
        made, path = build_graph(branches, half=half), tmp_path / f"{half}.onnx"
        parts = made.nodes, made.constants, made.inputs, made.outputs, OPSET, metadata
        path.write_bytes(b"".join(encode_model("net", *parts)))
        sizes.append(path.stat().st_size)
        masks.append(StemNet.load(path, threads=1).masks(np.abs(noise((2, 512, 1024)))).bins)
    assert sizes[1] < 0.6 * sizes[0]
    assert 0 < np.abs(masks[0] - masks[1]).max() < 0.02


def test_a_model_that_is_not_there_or_not_whole(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    with pytest.raises(Problem) as caught:
        StemNet.load(path, threads=1)
    assert caught.value.code == "weights-missing"
    convert(GOLDEN / "2stems" / "model", path)
    data = path.read_bytes()
    for broken in (b"", data[: len(data) // 2], b"not a model" * 100):
        path.write_bytes(broken)
        with pytest.raises(Problem) as caught:
            StemNet.load(path, threads=1)
        assert caught.value.code == "weights-wrong"


def test_a_network_leaves_the_processor_as_it_was(tmp_path: Path) -> None:
    """Its switch that takes the smallest numbers for zero would be on for the whole program."""
    convert(GOLDEN / "2stems" / "model", tmp_path / "net.onnx")
    StemNet.load(tmp_path / "net.onnx", threads=1).masks(np.abs(noise((2, 512, 1024))))
    smallest = np.float32(1e-45)
    assert smallest * np.float32(1) > 0


@pytest.mark.skipif(sys.platform != "linux", reason="the limit is Linux'")
def test_no_memory_is_not_damage(tmp_path: Path) -> None:
    """In a process of its own, as the limit stays."""
    code = """
import resource, sys
from pathlib import Path
import numpy, onnxruntime
from dubwright.engines.unet.net import StemNet
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 40_000_000,) * 2)
try:
    net = StemNet.load(Path(sys.argv[1]), threads=1)
    net.masks(numpy.ones((2, 512, 1024), numpy.float32))
except MemoryError:
    sys.exit(7)
"""
    convert(GOLDEN / "5stems" / "model", tmp_path / "net.onnx")
    words = [sys.executable, "-c", code, str(tmp_path / "net.onnx")]
    ended = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ended.returncode == 7, ended.stderr


def test_another_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    node = Node("LeakyRelu", ("x",), ("y",), {"alpha": 0.5})
    ports = Port("x", ("n",)), Port("y", ("n",))
    path.write_bytes(b"".join(encode_model("other", [node], {}, ports[:1], ports[1:], 17)))
    with pytest.raises(Problem) as caught:
        StemNet.load(path, threads=1)
    assert caught.value.code == "weights-wrong"
    assert "not converted by this version" in caught.value.message


def test_a_checkpoint_that_is_no_network_leaves_no_file(tmp_path: Path) -> None:
    for name in ("model.index", "model.data-00000-of-00001"):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(Problem):
        convert(tmp_path / "model", tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()
