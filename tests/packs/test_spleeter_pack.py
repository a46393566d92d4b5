"""Spleeter's packs as people get them: in the plan, installed, behind the wall, damaged, taken elsewhere."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from dubwright.engines.unet.convert import source_sha256
from dubwright.engines.unet.net import StemNet
from dubwright.home import Home
from dubwright.media.wav import WavReader, WavWriter
from dubwright.packs.catalog import Packs
from dubwright.packs.installing.options import InstallOptions
from dubwright.packs.manifest import Manifest, load_manifests
from dubwright.packs.record import read_record
from dubwright.packs.wall.call import CallResult
from dubwright_kit import Cancelled, Problem
from dubwright_kit.contracts import SeparateAsk
from dubwright_kit.report import silent
from dubwright_packs.spleeter.backend import NETWORK
from dubwright_packs.spleeter.network import convert_weights
from tests.engines.clips import ONE_BLOCK, music
from tests.packs import spleeter_weights
from tests.packs.misbehaving import Misbehaving
from tests.packs.test_models import packed

F32 = npt.NDArray[np.float32]
GOLDEN = Path(__file__).resolve().parent.parent / "engines" / "golden"
SHIPPED = load_manifests()
STEMS = {
    "spleeter": ("vocals", "background"),
    "spleeter-4stems": ("vocals", "drums", "bass", "other"),
    "spleeter-5stems": ("vocals", "piano", "drums", "bass", "other"),
}
RATE = 44_100


def golden(stems: int) -> dict[str, bytes]:
    """A small network as the publisher packs one."""
    files = {"checkpoint": b'model_checkpoint_path: "model"\n', "model.meta": b"a graph"}
    for name in ("model.index", "model.data-00000-of-00001"):
        files[name] = (GOLDEN / f"{stems}stems" / name).read_bytes()
    return files


# --- in the plan ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STEMS)
def test_what_the_manifest_says(name: str) -> None:
    manifest, stems = SHIPPED[name], STEMS[name]
    (entry,) = manifest.weights
    assert (manifest.kind, manifest.stage, manifest.env) == ("backend", "separate", "host")
    assert manifest.prepare
    assert manifest.capabilities["stems"] == list(stems)
    assert manifest.canary["ask"]["stems"] == list(stems)
    assert (entry.name, entry.into) == (f"{len(stems)}stems.tar.gz", f"{len(stems)}stems")
    assert len(entry.sha256) == 64
    assert set(entry.members) == set(golden(2))
    assert all(len(one) == 64 for one in entry.members.values())
    assert f"dubwright packs install {name} --from FOLDER" in manifest.manual
    assert f"{entry.size_bytes:,} bytes" in manifest.manual
    assert entry.sha256 in manifest.manual


def test_the_official_package_has_the_same_weights_and_none_are_shared_else() -> None:
    assert SHIPPED["spleeter-tensorflow"].weights == SHIPPED["spleeter"].weights
    assert len({SHIPPED[name].weights[0].sha256 for name in STEMS}) == 3


def test_a_network_takes_as_much_as_the_published_weights() -> None:
    """All of a checkpoint's data are weights, eight bytes aside: the number of the last step."""
    made = spleeter_weights.variables(1, spleeter_weights.OFFICIAL)
    one_bytes = sum(one.nbytes for one in made.values()) - 8
    for name, stems in STEMS.items():
        data_bytes = len(stems) * one_bytes + 8
        assert SHIPPED[name].needs.disk_bytes == data_bytes
        assert data_bytes < SHIPPED[name].weights[0].unpacked_bytes < 1.02 * data_bytes


def test_one_is_ticked_and_the_larger_ones_come_after_it() -> None:
    names = [*STEMS, "spleeter-tensorflow"]
    assert [SHIPPED[name].ticked for name in names] == [True, False, False, False]
    orders = [SHIPPED[name].order for name in names]
    assert orders == sorted(set(orders))


@pytest.mark.parametrize(
    ("name", "download_bytes"),
    [
        ("spleeter", 73_109_797),
        ("spleeter-4stems", 146_308_147),
        ("spleeter-5stems", 182_803_368),
    ],
)
def test_the_bill(tmp_path: Path, name: str, download_bytes: int) -> None:
    packs = Packs(Home.find(tmp_path))
    status = packs.status(name)
    assert status.state == "available"
    assert name in {one.name for one in packs.for_stage("separate")}
    (bill,) = packs.plan([name])
    assert bill.download_bytes == download_bytes
    assert bill.unpacked_bytes == SHIPPED[name].weights[0].unpacked_bytes
    assert bill.disk_bytes == bill.unpacked_bytes + SHIPPED[name].needs.disk_bytes
    assert bill.interpreter is None
    assert any("MIT" in one for one in bill.licences)
    assert [step.split(",")[0] for step in bill.steps] == [
        "download 1 file", "convert the weights", "check that it works",
    ]  # fmt: skip
    with pytest.raises(Problem, match=f"{download_bytes / 1e6:.1f} MB"):
        packs.require(name)


# --- installed -----------------------------------------------------------------------------------


def served_by(server: Misbehaving, name: str) -> Manifest:
    """The shipped manifest, but with a small network that ``server`` has."""
    shipped = SHIPPED[name]
    files = golden(len(STEMS[name]))
    data = packed(files)
    entry = replace(
        shipped.weights[0],
        url=server.file_url(shipped.weights[0].name),
        sha256=server.add(shipped.weights[0].name, data),
        size_bytes=len(data),
        unpacked_bytes=sum(map(len, files.values())),
        members={key: hashlib.sha256(one).hexdigest() for key, one in files.items()},
    )
    return replace(shipped, weights=(entry,))


@dataclass
class Installed:
    home: Home
    packs: Packs
    manifests: Mapping[str, Manifest]

    @property
    def models(self) -> Path:
        return self.home.pack("spleeter") / "models"

    def without_canary(self, home: Path) -> Packs:
        """Another home with the same manifests, but installing takes a third of the time."""
        made = Packs(Home.find(home).prepare())
        quick = replace(self.manifests["spleeter"], canary={})
        vars(made)["manifests"] = {**self.manifests, "spleeter": quick}
        return made


@pytest.fixture(scope="module")
def server() -> Iterator[Misbehaving]:
    with Misbehaving() as served:
        yield served


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, server: Misbehaving) -> Installed:
    """The pack of two stems, from a server on this machine."""
    home = Home.find(tmp_path_factory.mktemp("spleeter") / "home").prepare()
    manifests = {**SHIPPED, **{name: served_by(server, name) for name in STEMS}}
    packs = Packs(home)
    vars(packs)["manifests"] = manifests
    packs.install(["spleeter"])
    return Installed(home, packs, manifests)


def sound_of(path: str | Path) -> F32:
    with WavReader(path) as reader:
        return reader.read(0, reader.frames)


def separate(
    packs: Packs, folder: Path, sound: F32, rate_hz: int = RATE, **options: Any
) -> tuple[CallResult, dict[str, F32]]:
    film = folder / "film.wav"
    with WavWriter(film, rate_hz, sound.shape[1], "float32") as writer:
        writer.write(sound)
    with packs.wall() as wall:
        result = wall.call(
            "spleeter", SeparateAsk(str(film), str(folder), "", STEMS["spleeter"], options)
        )
    assert not result.blocked
    return result, {stem: sound_of(path) for stem, path in result.done.stems.items()}


def test_an_install_converts_and_checks(installed: Installed, server: Misbehaving) -> None:
    assert server.sent["2stems.tar.gz"] == len(server.files["2stems.tar.gz"])
    status = installed.packs.status("spleeter")
    assert (status.state, status.why) == ("installed", "")
    record = status.record
    assert record is not None
    assert set(record.models) == {"2stems.onnx", *(f"2stems/{name}" for name in golden(2))}
    assert record.unlisted == ()
    assert record.canary is not None
    assert record.canary.clip_s == 23.5
    models = installed.models
    assert {path.name for path in models.iterdir()} == {"2stems", "2stems.onnx"}
    net = StemNet.load(models / "2stems.onnx", threads=1)
    assert net.stems == STEMS["spleeter"]
    assert net.source_sha256 == source_sha256(models / "2stems" / "model")
    log = installed.packs.log("spleeter")
    assert "converting the weights" in log


def test_it_separates_behind_the_wall(installed: Installed, tmp_path: Path) -> None:
    sound = music(ONE_BLOCK + 1_000, 3)
    result, stems = separate(installed.packs, tmp_path, sound)
    assert result.done.frames == len(sound)
    assert np.abs(stems["vocals"] + stems["background"] - sound).max() <= 1 / 65536 + 1e-6
    assert np.abs(stems["vocals"] - sound).max() > 0.01
    assert result.peak_rss_bytes < 400e6


@pytest.mark.parametrize(
    ("frames", "channels", "rate_hz"), [(0, 2, RATE), (1, 1, RATE), (9_999, 6, 48_000)]
)
def test_odd_files(
    installed: Installed, tmp_path: Path, frames: int, channels: int, rate_hz: int
) -> None:
    sound = np.resize(music(10_000, 4), (frames, channels)).astype(np.float32)
    _, stems = separate(installed.packs, tmp_path, sound, rate_hz)
    assert {one.shape for one in stems.values()} == {sound.shape}


@pytest.mark.slow
@pytest.mark.parametrize("rate_hz", [RATE, 48_000])
def test_a_long_file_takes_no_more_memory(
    installed: Installed, tmp_path: Path, rate_hz: int
) -> None:
    """And is not cut at ten minutes, as the official package would."""
    unit = music(30 * RATE, 7)
    took = []
    for units in (4, 24):  # what is kept for the next block is there after two minutes
        film = tmp_path / "film.wav"
        with WavWriter(film, rate_hz, 2, "float32") as writer:
            for _ in range(units):
                writer.write(unit)
        with installed.packs.wall() as wall:
            ask = SeparateAsk(str(film), str(tmp_path), "", STEMS["spleeter"])
            result = wall.call("spleeter", ask)
        assert result.done.frames == units * len(unit)
        took.append(result.peak_rss_bytes)
    assert took[1] < 1.1 * took[0]
    readers = [WavReader(path) for path in result.done.stems.values()]
    for start in range(0, 24 * len(unit), len(unit)):
        parts = [reader.read(start, len(unit)) for reader in readers]
        assert np.abs(np.sum(parts, axis=0) - unit).max() <= 1 / 65536 + 1e-6
        assert min(np.abs(part).max() for part in parts) > 0.01
    for reader in readers:
        assert reader.frames == 24 * len(unit)
        reader.close()


def test_a_second_ask_is_answered_by_the_same_guest(installed: Installed, tmp_path: Path) -> None:
    log = tmp_path / "job.log"
    film = tmp_path / "film.wav"
    with WavWriter(film, RATE, 2) as writer:
        writer.write(music(20_000, 5))
    ask = SeparateAsk(str(film), str(tmp_path), "", STEMS["spleeter"])
    with installed.packs.wall() as wall:
        for _ in range(2):
            wall.call("spleeter", ask, log_path=log)
    lines = [line for line in log.read_text("utf-8").splitlines() if line.startswith("[spleeter")]
    assert len(lines) == 2
    assert len(set(lines)) == 1


def test_it_stops_when_it_is_told_to(installed: Installed, tmp_path: Path) -> None:
    film = tmp_path / "film.wav"
    with WavWriter(film, RATE, 2) as writer:
        piece = music(ONE_BLOCK // 4, 6)
        for _ in range(30):
            writer.write(piece)
    ask = SeparateAsk(str(film), str(tmp_path), "", STEMS["spleeter"])
    seen: list[float] = []

    def report(done: float, total: float | None = None, note: str = "") -> None:
        seen.append(done)
        if done:
            raise Cancelled

    with installed.packs.wall() as wall, pytest.raises(Cancelled):
        wall.call("spleeter", ask, report)
    assert seen[-1] < 60


# --- damaged -------------------------------------------------------------------------------------


def refused(packs: Packs, folder: Path) -> Problem:
    with pytest.raises(Problem) as caught:
        separate(packs, folder, music(1_000, 1))
    assert caught.value.next_action is not None
    assert caught.value.next_action.verb == "packs install"
    assert caught.value.next_action.args == {"_": ["spleeter"]}
    return caught.value


def test_damage_is_noticed_and_mended(
    installed: Installed, tmp_path: Path, server: Misbehaving
) -> None:
    shutil.copytree(installed.home.packs, tmp_path / "home" / "packs")
    packs = installed.without_canary(tmp_path / "home")
    model = tmp_path / "home" / "packs" / "spleeter" / "models" / "2stems.onnx"
    whole = model.read_bytes()

    model.write_bytes(whole[:-100])
    assert packs.status("spleeter").state == "broken"
    assert refused(packs, tmp_path).code == "pack-broken"

    swapped = bytearray(whole)
    swapped[len(whole) // 2] ^= 1
    model.write_bytes(swapped)
    problem = refused(packs, tmp_path)
    assert problem.code == "weights-wrong"
    assert "not what was installed" in problem.message

    model.unlink()
    assert refused(packs, tmp_path).code == "pack-broken"
    shutil.copytree(installed.home.downloads, Home.find(tmp_path / "home").downloads)
    server.heal()
    (status,) = packs.install(["spleeter"])
    assert status.state == "installed"
    assert server.asked == []  # the download is still there
    assert model.read_bytes() == whole  # the same weights always become the same network
    separate(packs, tmp_path, music(1_000, 1))

    assert packs.remove("spleeter") > 0
    assert not model.parent.exists()
    assert packs.status("spleeter").state == "available"


def test_a_model_that_goes_between_looking_and_loading(
    installed: Installed, tmp_path: Path
) -> None:
    spec = replace(installed.packs.resolve("spleeter"), models=tmp_path / "nothing")
    film = tmp_path / "film.wav"
    with WavWriter(film, RATE, 2) as writer:
        writer.write(music(1_000, 1))
    ask = SeparateAsk(str(film), str(tmp_path), "", STEMS["spleeter"])
    with installed.packs.wall() as wall, pytest.raises(Problem) as caught:
        wall.call(spec, ask)
    assert caught.value.code == "weights-missing"
    assert caught.value.next_action is not None
    assert caught.value.next_action.args == {"_": ["spleeter"]}


# --- weights of one's own ------------------------------------------------------------------------


def bring(home: Path, name: str, supply: Path, *, canary: bool = False) -> Packs:
    """Install from ``supply``; without the canary it takes a third of the time."""
    packs = Packs(Home.find(home).prepare())
    if not canary:
        vars(packs)["manifests"] = {**SHIPPED, name: replace(SHIPPED[name], canary={})}
    packs.install([name], options=InstallOptions(supply=supply, own_weights=True))
    return packs


def test_own_weights_with_more_filters_and_another_name(tmp_path: Path) -> None:
    """In two parts, as a training run left them. They can be taken to another machine."""
    stick = tmp_path / "stick" / "run 7"
    made = spleeter_weights.variables(2, (4, 3, 5, 6, 8, 7), seed=2)
    spleeter_weights.write(stick / "model.ckpt-900", made, shards=2)
    packs = bring(tmp_path / "home", "spleeter", tmp_path / "stick")
    status = packs.status("spleeter")
    assert status.record is not None
    assert status.record.unlisted == (
        "2stems/model.data-00000-of-00002", "2stems/model.data-00001-of-00002",
        "2stems/model.index",
    )  # fmt: skip
    _, stems = separate(packs, tmp_path, music(20_000, 2))
    assert min(np.abs(one).max() for one in stems.values()) > 0.001

    from dubwright.packs.care.export import export
    from dubwright.packs.fetch.store import Store

    home = Home.find(tmp_path / "home")
    zipped = tmp_path / "spleeter.zip"
    export(home, packs.manifests, "spleeter", zipped, Store(home.downloads))
    there = bring(tmp_path / "elsewhere", "spleeter", zipped)
    assert there.status("spleeter").version == status.version


def test_the_listed_weights_go_to_another_machine(installed: Installed, tmp_path: Path) -> None:
    from dubwright.packs.care.export import export
    from dubwright.packs.fetch.store import Store

    zipped = tmp_path / "spleeter.zip"
    store = Store(installed.home.downloads)
    export(installed.home, installed.manifests, "spleeter", zipped, store)
    packs = installed.without_canary(tmp_path / "home")
    (status,) = packs.install(["spleeter"], options=InstallOptions(supply=zipped))
    assert status.version == installed.packs.status("spleeter").version
    assert status.record is not None
    assert status.record.unlisted == ()


def small(change: str) -> dict[str, npt.NDArray[Any]]:
    made = spleeter_weights.variables(4 if change == "of four stems" else 2)
    if change == "a layer less":
        del made["conv2d_6/kernel"], made["conv2d_6/bias"]
    elif change == "a variable less":
        del made["batch_normalization_3/moving_mean"]
    elif change == "another shape":
        made["conv2d_2/kernel"] = made["conv2d_2/kernel"][:3]
    elif change == "no number":
        made["conv2d_4/bias"][1] = np.nan
    elif change == "something else":
        made = {"dense/kernel": np.ones((3, 3), np.float32)}
    return made


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("a layer less", "conv2d"),
        ("a variable less", "batch_normalization_3/moving_mean"),
        ("another shape", "conv2d_2"),
        ("no number", "conv2d_4/bias"),
        ("of four stems", "4 stems (vocals, drums, bass, other); spleeter takes those for 2"),
        ("something else", "0 layers conv2d"),
        ("damaged", "model.data-00000-of-00001"),
    ],
)
def test_a_checkpoint_of_something_else_is_refused(tmp_path: Path, change: str, words: str) -> None:
    prefix = spleeter_weights.write(tmp_path / "2stems" / "model", small(change))
    if change == "damaged":
        data = prefix.with_name("model.data-00000-of-00001")
        data.write_bytes(data.read_bytes()[:-500] + bytes(500))
    with pytest.raises(Problem) as caught:
        convert_weights(tmp_path, NETWORK, silent)
    problem = caught.value
    assert problem.code == "weights-wrong"
    assert words in problem.message + problem.detail
    assert problem.next_action is not None
    pack = "spleeter-4stems" if change == "of four stems" else "spleeter"
    assert problem.next_action.args["_"] == [pack]
    assert [path.name for path in tmp_path.iterdir()] == ["2stems"]


def test_a_network_that_computes_no_masks_is_refused(tmp_path: Path) -> None:
    made = small("")
    for name in ("conv2d/kernel", "conv2d_1/kernel"):
        made[name] *= np.float32(1e30)  # finite, but not what comes out
    spleeter_weights.write(tmp_path / "2stems" / "model", made)
    with pytest.raises(Problem, match="does not compute masks") as caught:
        convert_weights(tmp_path, NETWORK, silent)
    assert caught.value.code == "weights-wrong"
    assert [path.name for path in tmp_path.iterdir()] == ["2stems"]


def test_an_install_of_something_else_says_so_and_leaves_nothing(tmp_path: Path) -> None:
    spleeter_weights.write(tmp_path / "stick" / "mine", small("a variable less"))
    with pytest.raises(Problem, match="batch_normalization_3/moving_mean") as caught:
        bring(tmp_path / "home", "spleeter", tmp_path / "stick")
    assert caught.value.code == "weights-wrong"
    home = Home.find(tmp_path / "home")
    assert read_record(home.pack("spleeter")) is None
    assert not [path for path in home.packs.iterdir() if path.name.startswith(".new")]


def more_stems(folder: Path, name: str, canary: bool) -> None:
    """Their code is that of the pack spleeter, which need not be installed."""
    stick = folder / "stick"
    stick.mkdir()
    count = len(STEMS[name])
    (stick / f"{count}stems.tar.gz").write_bytes(packed(golden(count)))
    packs = bring(folder / "home", name, stick, canary=canary)
    status = packs.status(name)
    assert status.state == "installed"
    assert status.record is not None
    assert (status.record.canary is not None) == canary
    film = folder / "film.wav"
    sound = music(30_000, 9)
    with WavWriter(film, RATE, 2, "float32") as writer:
        writer.write(sound)
    with packs.wall() as wall:
        done = wall.call(name, SeparateAsk(str(film), str(folder), "", STEMS[name])).done
    stems = {stem: sound_of(path) for stem, path in done.stems.items()}
    assert tuple(stems) == STEMS[name]
    assert np.abs(np.sum(list(stems.values()), axis=0) - sound).max() <= 1 / 65536 + 1e-6
    assert len({one.tobytes() for one in stems.values()}) == count


def test_four_stems(tmp_path: Path) -> None:
    more_stems(tmp_path, "spleeter-4stems", canary=False)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spleeter-4stems", "spleeter-5stems"])
def test_more_stems_with_their_canary(tmp_path: Path, name: str) -> None:
    more_stems(tmp_path, name, canary=True)
