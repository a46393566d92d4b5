"""Networks of the official size, official package against our engine: the same weights and sounds.

The weights are random ones that the official graph has written; small ones and more kinds of sound are
in tests/engines/test_spleeter_golden.py.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from dubwright.engines.unet.convert import convert
from dubwright.engines.unet.net import StemNet
from dubwright.engines.unet.streaming import separate_stream
from tests.engines import clips
from tests.engines.clips import Array
from tests.packs.spleeter_environment import OFFICIAL

pytestmark = pytest.mark.slow

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "mixes"
REAL = {"music": ("d1.background", 8), "speech": ("d2.vocals", 13)}
"""Files in ``DATA`` and how many seconds of them; 13 s are two blocks of the network."""
MADE = {"short": "777 samples", "one channel of speech": "mono", "clipping": "clipped"}
LIMIT = 1e-4
OFFICIAL_NAMES = {"background": "accompaniment"}


@pytest.fixture(scope="module")
def sounds() -> dict[str, Array]:
    """The shortest first: the official package separates the first one twice."""
    found = {name: clips.clip(clip) for name, clip in MADE.items()}
    if DATA.is_dir():
        found |= {name: decode(DATA / f"{file}.flac", s) for name, (file, s) in REAL.items()}
    return found


def decode(path: Path, seconds: int) -> Array:
    """The first seconds as float32 [n, 2]."""
    resampler = av.AudioResampler(format="flt", layout="stereo", rate=clips.RATE_HZ)
    with av.open(str(path)) as container:
        blocks = [
            block.to_ndarray().reshape(-1, 2)
            for frame in container.decode(audio=0)
            for block in resampler.resample(frame)
        ]
    return np.concatenate(blocks).astype(np.float32)[: seconds * clips.RATE_HZ]


@dataclass(frozen=True)
class Both:
    name: str
    net: StemNet
    official: dict[str, Any]


@pytest.fixture(scope="module", params=["2stems", "4stems", "5stems"])
def both(
    request: pytest.FixtureRequest,
    official_python: Path,
    sounds: dict[str, Array],
    tmp_path_factory: pytest.TempPathFactory,
) -> Both:
    config, folder = str(request.param), tmp_path_factory.mktemp("full size")
    (folder / config).mkdir()
    given: dict[str, Any] = {**sounds}
    np.savez(folder / "sounds.npz", **given)
    commands: list[list[str | Path]] = [
        ["write", config, folder / config],
        ["stems", config, folder, folder / "sounds.npz", folder / "stems.npz"],
    ]
    for words in commands:
        subprocess.run([official_python, OFFICIAL, *words], check=True, cwd=folder)
    convert(folder / config / "model", folder / "net.onnx")
    with np.load(folder / "stems.npz") as found:
        return Both(config, StemNet.load(folder / "net.onnx", threads=0), dict(found))


@pytest.mark.parametrize("name", [*MADE, *REAL])
def test_stems_are_those_of_the_official_package(
    both: Both,
    sounds: dict[str, Array],
    name: str,
    record_property: Callable[[str, object], None],
) -> None:
    if name not in sounds:
        pytest.skip(f"{DATA} is not here")
    sound = sounds[name]
    stereo = np.repeat(sound, 2, axis=1) if sound.shape[1] == 1 else sound  # as the official does
    pieces = list(separate_stream(both.net, lambda at, n: stereo[at : at + n], len(stereo)))
    worst = 0.0
    for stem in both.net.stems:
        made = np.concatenate([piece[stem] for _, piece in pieces])
        wanted = both.official[f"{name}/{OFFICIAL_NAMES.get(stem, stem)}"]
        assert made.shape == wanted.shape == stereo.shape
        assert wanted.std() > 0.01 * stereo.std()  # random, but a separation
        worst = max(worst, float(np.abs(made - wanted).max()))
    record_property("max_abs_difference", worst)
    print(f"{both.name}, {name}: {worst:.1e} at a peak of {np.abs(sound).max():.2f}")
    assert worst <= LIMIT
