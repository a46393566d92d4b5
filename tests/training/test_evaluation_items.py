"""Items of the evaluation: made the same each time, from no more than they may."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.training.test_evaluation_measures import noise, voice
from training.evaluation.heldout import LENGTH_S, MIXES, OTHERS, held_out_items
from training.evaluation.item import RATE_HZ, Item, energy
from training.evaluation.quick import quick
from training.evaluation.scenes import crowd, game, singing, street
from training.evaluation.shared import SHARED_DATA, main_items, shared_items
from training.evaluation.voices import band, in_room, shouted, telephone, whispered
from training.store import Kind, SourceWriter, Split

KINDS = {
    *("mono", "panned", "reverberant", "music", "crowd", "street", "game", "singing"),
    *("two speakers", "whisper", "shouting", "phone"),
    *("silence", "speech only", "music only", "effects only"),
}


def store(data: Path, kind: Kind, name: str, channels: int, split: Split) -> None:
    with SourceWriter(data, kind, name, channels, split) as writer:
        for index in range(3):
            sound = voice(2 + index, index) if kind == "speech" else noise(4 + 3 * index, index)
            writer.add(sound[:, :channels], f"{index}.wav", "CC0-1.0", speaker=str(index % 2))


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = tmp_path_factory.mktemp("store")
    for name, split in (("kept", "held-out"), ("trained", "train")):
        store(folder, "speech", name, 1, split)  # type: ignore[arg-type]
        store(folder, "music", name, 2, split)  # type: ignore[arg-type]
    store(folder, "effects", "kept", 1, "held-out")
    return folder


def test_held_out_items_are_made_of_held_out_sources_only(data: Path) -> None:
    before = [item.digest() for item in _some(data)]
    (data / "speech" / "trained.i16").unlink()  # nobody looks at it
    (data / "music" / "trained.i16").unlink()
    assert [item.digest() for item in _some(data)] == before


def test_held_out_mixes_come_in_stereo_and_mono_at_two_ratios(data: Path) -> None:
    found: dict[str, list[Item]] = {}
    for item in held_out_items(data):
        found.setdefault(item.kind, []).append(item)
        assert len(item.speech) == round(LENGTH_S * RATE_HZ)
        assert np.abs(item.mix).max() <= 0.91
    assert len(found["held-out stereo"]) == len(found["held-out mono"]) == MIXES
    assert len(found["held-out effects"]) == OTHERS
    assert "held-out singing" not in found
    ratios = [
        10 * np.log10(energy(one.speech) / energy(one.background))
        for one in found["held-out stereo"]
    ]
    assert sorted({round(ratio) for ratio in ratios}) == [0, 5]
    one = found["held-out mono"][0]
    assert np.array_equal(one.background[:, 0], one.background[:, 1])


def test_without_a_store_nothing_is_held_out(tmp_path: Path) -> None:
    assert not list(held_out_items(tmp_path))


def _some(data: Path) -> list[Item]:
    return [item for item, _ in zip(held_out_items(data), range(5), strict=False)]


def test_scenes_are_the_same_each_time_and_fill_their_length() -> None:
    length = 3 * RATE_HZ
    people = [voice(2, 1)[:, 0], voice(2, 2)[:, 0]]
    for make in (street, game, singing):
        once = make(length, 3)
        assert once.shape == (length, 2)
        assert np.array_equal(once, make(length, 3))
        assert not np.array_equal(once, make(length, 4))
        assert 0.1 < np.abs(once).max() <= 0.5001
    hall = crowd(people, length, 3, count=4)
    assert np.array_equal(hall, crowd(people, length, 3, count=4))


def test_voices_are_changed_as_they_say() -> None:
    said = voice(2, 1)[:, 0]
    narrow = np.abs(np.fft.rfft(telephone(said))) ** 2
    hz = np.fft.rfftfreq(len(said), 1 / RATE_HZ)
    inside = (hz > 250) & (hz < 4500)
    assert narrow[~inside].sum() < 0.05 * narrow.sum()
    assert energy(band(said, 5000, 8000)) < 0.1 * energy(said)
    breath = whispered(said, 1)
    assert _tonal(breath) < 0.1 * _tonal(said)
    assert len(shouted(said)) == pytest.approx(len(said) / 2**0.2, abs=2)
    wide = in_room(said, 0.6, 1)
    assert wide.shape == (len(said), 2) and np.std(wide[:, 0] - wide[:, 1]) > 0.001


def _tonal(sound: np.ndarray) -> float:
    """How much a sound resembles itself a pitch period later (140 Hz)."""
    lag = round(RATE_HZ / 140)
    best = max(float(sound[k:] @ sound[:-k]) for k in range(round(0.85 * lag), round(1.2 * lag), 3))
    return max(best, 0) / float(sound @ sound)


def test_the_shared_layer_has_every_kind() -> None:
    if not SHARED_DATA.is_dir():
        pytest.skip("shared/data not beside the checkout")
    items = list(shared_items())
    kinds = {item.kind for item in items}
    assert kinds == KINDS | {"mixes", "mixes mono", "mixes panned"}
    assert len({item.digest() for item in items}) == len(items)
    for item in items:
        assert np.isfinite(item.mix).all()
        if item.kind != "silence":
            assert 0.1 < np.abs(item.mix).max() <= 0.91
        if "mono" in item.kind:
            assert np.array_equal(item.mix[:, 0], item.mix[:, 1])


def test_missing_shared_clips_are_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="shared clips"):
        next(main_items(tmp_path))


def test_quick_takes_any_mask() -> None:
    if not SHARED_DATA.is_dir():
        pytest.skip("shared/data not beside the checkout")
    found = quick(lambda power: np.full_like(power, 0.1))
    assert found["mixes_gain_db"] == pytest.approx(0, abs=0.01)
    assert found["music_only_vocals_db"] == pytest.approx(-20, abs=0.01)
    assert found["speech_only_bed_db"] == pytest.approx(20 * np.log10(0.9), abs=0.01)
