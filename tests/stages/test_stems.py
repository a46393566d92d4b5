"""The separation as a job, with two and with more stems, by packs made for tests."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from dubwright import Studio
from dubwright.home import Home
from dubwright.library.model import Item
from dubwright.media.wav import WavReader, WavWriter
from dubwright_kit import Problem
from tests.media import clips
from tests.studio.stem_packs import STEMS, asks, write_pack


@dataclass(frozen=True)
class Shop:
    studio: Studio
    item: Item
    packs: Path

    def separate(self, separator: str, **options: str) -> list[str]:
        """Run the job; return its artifacts relative to the item's folder."""
        handle = self.studio.run(f"separate_audio_{separator}", self.item.id, options)
        result = handle.wait().result or {}
        root = self.studio.home.item(self.item.id)
        return sorted(str(Path(path).relative_to(root)) for path in result["artifacts"])


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Studio]:
    """One worker for all tests of this file."""
    packs = tmp_path_factory.mktemp("packs")
    folders = (
        write_pack(packs, "spleeter"),
        write_pack(packs, "spleeter-4stems", 4),
        write_pack(packs, "spleeter-5stems", 5),
        write_pack(packs, "spleeter-tensorflow", extensions=()),
    )
    with Studio(Home(tmp_path_factory.mktemp("home"), pack_folders=folders)) as made:
        yield made


@pytest.fixture
def shop(studio: Studio, tmp_path: Path) -> Shop:
    """A sound of its own for each test: one studio for all would know it by its content."""
    sound = np.random.default_rng(zlib.crc32(str(tmp_path).encode())).uniform(-1, 1, 2 * 88200)
    with WavWriter(tmp_path / "song.wav", 44100, 2) as writer:
        writer.write(0.5 * sound.reshape(-1, 2).astype(np.float32))
    packs = studio.home.pack_folders[0].parent
    (packs / "asks.jsonl").unlink(missing_ok=True)
    return Shop(studio, studio.add(tmp_path / "song.wav"), packs)


def folder(stems: int) -> list[str]:
    return sorted(f"separation/spleeter_{stems}stems/{name}.wav" for name in STEMS[stems])


def test_every_number_of_stems_has_its_folder(shop: Shop) -> None:
    for count in STEMS:
        made = shop.separate("spleeter", **({"stems": str(count)} if count > 2 else {}))
        assert made == folder(count)
        for path in made:
            with WavReader(shop.studio.home.item(shop.item.id) / path) as wav:
                assert (wav.frames, wav.rate_hz) == (88200, 44100)
    told = [(tuple(ask["stems"]), ask["options"]) for ask in asks(shop.packs)]
    assert told == [(stems, {"extension": "average"}) for stems in STEMS.values()]
    assert len(shop.studio.item(shop.item.id).artifacts) == 4, "all are kept beside each other"


def test_what_was_made_is_not_made_again(shop: Shop) -> None:
    for _ in range(2):
        shop.separate("spleeter", stems="4")
        shop.separate("spleeter", extension="average")
    assert len(asks(shop.packs)) == 2
    shop.separate("spleeter", extension="zeros")
    assert asks(shop.packs)[-1]["options"] == {"extension": "zeros"}
    shop.separate("spleeter", stems="4", extension="zeros")
    assert len(asks(shop.packs)) == 4


def test_more_stems_are_never_taken_for_a_background(shop: Shop) -> None:
    shop.separate("spleeter", stems="4")
    with pytest.raises(Problem) as caught:
        shop.studio.run("mix_dub_preview_v1", shop.item.id).wait()
    assert caught.value.code == "no-separation"
    shop.separate("builtin")
    shop.separate("spleeter", stems="5")
    newest = shop.studio.library.newest_artifact(shop.item.id, "separate")
    assert newest is not None
    assert newest.backend == "builtin"


def test_a_pack_is_sent_only_what_it_knows(shop: Shop) -> None:
    shop.separate("spleeter-tensorflow")
    assert asks(shop.packs) == [{**asks(shop.packs)[0], "options": {}, "stems": list(STEMS[2])}]
    with pytest.raises(Problem, match="makes 2 stems, not 4"):
        shop.separate("spleeter-tensorflow", stems="4")


def test_options_are_checked_before_anything_runs(shop: Shop) -> None:
    for options in ({"stems": "3"}, {"extension": "zero"}, {"quality": "best"}):
        with pytest.raises(Problem) as caught:
            shop.separate("spleeter", **options)
        assert caught.value.code == "option-invalid"
        assert caught.value.next_action is not None
        assert caught.value.next_action.verb == "run"
    assert not [job for job in shop.studio.jobs() if job.item_id == shop.item.id]


def test_a_pack_that_is_not_there_is_told_before_the_sound_is_read(tmp_path: Path) -> None:
    film = clips.write_film(tmp_path / "film.mp4", clips.Film(seconds=2.0))
    with Studio(tmp_path / "home") as studio:
        item = studio.add(film)
        with pytest.raises(Problem) as caught:
            studio.run("separate_audio_spleeter", item.id, {"stems": "4"})
        assert caught.value.code == "pack-not-installed"
        assert caught.value.next_action is not None
        assert caught.value.next_action.args == {"_": ["spleeter-4stems"]}
        assert studio.jobs() == []


def test_the_forecast_knows_how_many_stems(shop: Shop) -> None:
    from dubwright.studio.forecast import foresee

    def disk(options: dict[str, str]) -> int:
        seen = foresee(shop.studio, "separate_audio_spleeter", shop.item, options)
        assert seen is not None
        return seen.temporary_disk_bytes

    two, four = disk({}), disk({"stems": "4"})
    assert four - two == pytest.approx(2 * 2.0 * 44100 * 4, rel=0.01)
    shop.separate("spleeter", stems="4")
    assert disk({"stems": "4"}) == 0
    assert disk({}) > 0
