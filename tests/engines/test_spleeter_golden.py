"""The engine against the official Spleeter's own output for the same weights (golden/README.md)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dubwright.engines.unet.convert import convert
from dubwright.engines.unet.net import StemNet
from dubwright.engines.unet.streaming import separate_stream
from tests.engines import clips
from tests.engines.clips import Array

GOLDEN = Path(__file__).parent / "golden"
CONFIGS = ("2stems", "4stems", "5stems")
OFFICIAL_NAMES = {"background": "accompaniment"}
LIMIT = 1e-4
FLOAT32 = 3e-6
"""What the order of additions costs at full scale. A wrong epsilon costs 2e-4 and more."""


@pytest.fixture(scope="module", params=CONFIGS)
def config(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def net(config: str, tmp_path_factory: pytest.TempPathFactory) -> StemNet:
    path = tmp_path_factory.mktemp(config) / "net.onnx"
    convert(GOLDEN / config / "model", path)
    return StemNet.load(path, threads=1)


@pytest.fixture(scope="module")
def official(config: str) -> dict[str, Any]:
    with np.load(GOLDEN / config / "official.npz") as found:
        return dict(found)


def separate(net: StemNet, sound: Array) -> dict[str, Array]:
    """Whole stems [n, 2]. Like the official package, a sound of one channel is heard as two."""
    stereo = np.repeat(sound, 2, axis=1) if sound.shape[1] == 1 else sound
    pieces = list(separate_stream(net, lambda at, n: stereo[at : at + n], len(stereo), "zeros"))
    return {stem: np.concatenate([piece[stem] for _, piece in pieces]) for stem in net.stems}


def test_stems_are_the_official_ones(net: StemNet, official: dict[str, Any]) -> None:
    kept = {name.split("/")[1] for name in official}
    assert {OFFICIAL_NAMES.get(stem, stem) for stem in net.stems} == kept


@pytest.mark.parametrize("name", clips.NAMES)
def test_it_is_what_the_official_package_computes(
    net: StemNet,
    official: dict[str, Any],
    name: str,
    config: str,
    record_property: Callable[[str, object], None],
) -> None:
    sound = clips.clip(name)
    peak = float(np.abs(sound).max())
    worst = 0.0
    for stem, made in separate(net, sound).items():
        assert made.shape == (len(sound), 2)
        key = f"{name}/{OFFICIAL_NAMES.get(stem, stem)}"
        worst = max(worst, float(np.abs(clips.cut(made) - official[key]).max()))
        # Between the windows: an energy that is right to 1e-5 leaves no room for an audible error.
        found, wanted = clips.sums(made), official[f"{key}/sums"]
        assert np.allclose(found[:, 1], wanted[:, 1], rtol=1e-5, atol=1e-30)
        assert np.abs(found[:, 0] - wanted[:, 0]).max() <= 1e-2 * peak
    record_property("max_abs_difference", worst)
    print(f"{config}, {name}: {worst:.1e} at a peak of {peak:.1e}")
    assert worst <= LIMIT
    assert worst <= FLOAT32 * peak  # "faint" would be right with any mask otherwise
