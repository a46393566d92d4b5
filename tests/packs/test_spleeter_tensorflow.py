"""The official Spleeter as people get it: installed, behind the wall; its weights are random ones,
which a server on this machine has in the place of the real ones."""

from __future__ import annotations

import functools
import hashlib
import http.server
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from dubwright.home import Home
from dubwright.media.wav import WavWriter
from dubwright.packs.catalog import Packs
from dubwright.packs.manifest import Manifest, load_manifests
from dubwright.packs.record import env_python
from dubwright.packs.wall.call import CallResult, Wall
from dubwright_kit import Problem
from dubwright_kit.contracts import SeparateAsk
from tests.packs.spleeter_environment import OFFICIAL
from tests.packs.spleeter_fake import RATE, Array, mixture, read, write
from tests.packs.test_wall_pythons import interpreter

pytestmark = pytest.mark.slow

NAME = "spleeter-tensorflow"
HALF_STEP = 1 / 65536


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  # the base's name
        """Nothing."""


@pytest.fixture(scope="module")
def weights(official_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive like the official one."""
    folder = tmp_path_factory.mktemp("weights")
    stems = folder / "2stems"
    stems.mkdir()
    subprocess.run([official_python, OFFICIAL, "write", "2stems", stems], check=True)
    archive = folder / "2stems.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        for path in sorted(stems.iterdir()):
            tar.add(path, path.name)
    return archive


@pytest.fixture(scope="module")
def manifests(weights: Path) -> Iterator[dict[str, Manifest]]:
    """The shipped ones, except for where Spleeter's weights come from and what they are."""
    handler = functools.partial(Quiet, directory=str(weights.parent))
    members = {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (weights.parent / "2stems").iterdir()
    }
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        found = load_manifests()
        mine = found[NAME]
        ours = replace(
            mine.weights[0],
            url=f"http://127.0.0.1:{server.server_address[1]}/{weights.name}",
            sha256=hashlib.sha256(weights.read_bytes()).hexdigest(),
            size_bytes=weights.stat().st_size,
            unpacked_bytes=sum(one.stat().st_size for one in (weights.parent / "2stems").iterdir()),
            members=members,
        )
        yield {**found, NAME: replace(mine, weights=(ours,))}
        server.shutdown()


@dataclass
class Installed:
    packs: Packs
    home: Home
    wall: Wall


@pytest.fixture(scope="module", params=["3.11", "3.10"])
def installed(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    manifests: dict[str, Manifest],
) -> Iterator[Installed]:
    version = str(request.param)
    interpreter(version)
    mine = manifests[NAME]
    locks = tuple(replace(one, python=(version,)) for one in mine.locks if version in one.python)
    home = Home.find(tmp_path_factory.mktemp("spleeter") / "home").prepare()
    packs = Packs(home)
    vars(packs)["manifests"] = {**manifests, NAME: replace(mine, locks=locks)}
    packs.install([NAME])
    with packs.wall() as wall:
        yield Installed(packs, home, wall)


def separate(installed: Installed, folder: Path, sound: Array) -> tuple[CallResult, Array, Array]:
    ask = SeparateAsk(str(write(folder / "film.wav", sound)), str(folder))
    result = installed.wall.call(NAME, ask)
    assert not result.blocked
    assert result.done.frames == len(sound)
    return result, read(result.done.stems["vocals"]), read(result.done.stems["background"])


def below(sound: Array, hz: float) -> Array:
    spectrum = np.fft.rfft(sound, axis=0)
    spectrum[np.fft.rfftfreq(len(sound), 1 / RATE) > hz] = 0
    low: Array = np.fft.irfft(spectrum, len(sound), axis=0).astype(np.float32)
    return low


def test_it_is_ready_and_its_canary_ran(installed: Installed) -> None:
    status = installed.packs.status(NAME)
    assert status.state == "installed"
    assert status.record is not None
    assert status.record.canary is not None
    assert status.record.canary.clip_s == 23.5
    assert status.record.distributions["spleeter"] == "2.4.2"


@pytest.mark.parametrize("frames", [0, 1, 4097, 3 * RATE + 11])
def test_any_length_is_kept(installed: Installed, tmp_path: Path, frames: int) -> None:
    sound = mixture(frames, 0.8)
    _, vocals, background = separate(installed, tmp_path, sound)
    assert vocals.shape == background.shape == sound.shape


def test_it_is_what_the_official_separator_computes(installed: Installed, tmp_path: Path) -> None:
    """That one gets the sound whole; here it comes in three slices."""
    sound = mixture(60 * RATE, 0.8)
    _, vocals, background = separate(installed, tmp_path, sound)
    np.savez(tmp_path / "sounds.npz", film=sound)
    folder = installed.home.pack(NAME)
    python, models = env_python(folder), folder / "models"
    words = [python, OFFICIAL, "stems", "2stems", models, "sounds.npz", "stems.npz"]
    subprocess.run([str(word) for word in words], check=True, cwd=tmp_path)
    official = np.load(tmp_path / "stems.npz")
    assert np.abs(vocals - official["film/vocals"]).max() < HALF_STEP + 1e-5
    assert np.abs(background - official["film/accompaniment"]).max() < 2 * HALF_STEP + 1e-5
    half = 0.5 * below(sound, 11_025)
    assert np.abs(vocals - half).std() > 0.05 * half.std()  # random, but a separation

    rest = below(vocals + background - sound, 10_900)[RATE // 4 : -RATE // 4]
    assert np.abs(rest).max() < 1e-4  # the filter of the test itself rings at both ends


def test_a_long_film_is_not_cut_and_takes_no_more_memory(
    installed: Installed, tmp_path: Path
) -> None:
    unit = mixture(70 * RATE, 0.8)
    short, *_ = separate(installed, tmp_path, unit)
    film = tmp_path / "long.wav"
    with WavWriter(film, RATE, 2, "float32") as writer:
        for _ in range(10):
            writer.write(unit)
    seen: list[float] = []
    result = installed.wall.call(
        NAME,
        SeparateAsk(str(film), str(tmp_path)),
        lambda done, total=None, note="": seen.append(done),
    )
    assert result.done.frames == 700 * RATE
    for path in result.done.stems.values():
        stem = read(path)
        assert len(stem) == 700 * RATE
        loudness = np.sqrt(np.mean(np.square(stem.reshape(70, -1)), axis=1))
        assert loudness.min() > 0.5 * loudness.max()  # no second is missing, the last ones neither
    assert seen == sorted(seen)
    assert len(seen) > 20
    assert result.peak_rss_bytes < 1.25 * short.peak_rss_bytes < 2.5e9


def test_damaged_weights_are_noticed(installed: Installed, tmp_path: Path) -> None:
    path = installed.home.pack(NAME) / "models" / "2stems" / "model.data-00000-of-00001"
    whole = path.read_bytes()
    damaged = bytearray(whole)
    damaged[len(damaged) // 2] ^= 0x10
    ask = SeparateAsk(str(write(tmp_path / "film.wav", mixture(RATE))), str(tmp_path))
    try:
        path.write_bytes(damaged)
        with installed.packs.wall() as wall, pytest.raises(Problem) as caught:
            wall.call(NAME, ask)
    finally:
        path.write_bytes(whole)
    assert caught.value.code == "weights-wrong"
    assert caught.value.next_action is not None
    assert caught.value.next_action.args == {"_": [NAME]}
