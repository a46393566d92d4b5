"""Measures of the evaluation against what they must be by construction."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from training.evaluation.item import RATE_HZ, Item, at_ratio, energy, folded, panned
from training.evaluation.measures import (
    LIMIT_DB,
    measured,
    silent_frames,
    speech_left_db,
    untouched,
)

F32 = npt.NDArray[np.float32]


def voice(seconds: float, seed: int) -> F32:
    """Syllables of a gliding tone in the middle, with pauses, [n, 2]."""
    random = np.random.RandomState(seed)
    t = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    tone = sum(np.sin(2 * np.pi * k * (140 * t + 8 * np.sin(2 * t))) / k for k in range(1, 20))
    said = np.asarray(tone) * (np.sin(2 * np.pi * 1.1 * t + random.uniform(0, 6)) > -0.3)
    return np.repeat((0.1 * said).astype(np.float32)[:, None], 2, axis=1)


def noise(seconds: float, seed: int) -> F32:
    random = np.random.RandomState(seed)
    return (0.05 * random.standard_normal((round(seconds * RATE_HZ), 2))).astype(np.float32)


@pytest.fixture(scope="module")
def item() -> Item:
    return Item("one", "kind", "shared", *at_ratio(voice(3, 1), noise(3, 2), 5.0))


def test_true_stems_leave_nothing_of_each_other(item: Item) -> None:
    found = measured(item, item.speech)
    assert found.speech_db == LIMIT_DB
    assert found.background_db is not None and found.background_db > 90
    for left in (found.background_left_db, found.speech_left_db, found.speech_left_worst_db):
        assert left is not None and left < -80


@pytest.mark.parametrize("share", [0.5, 0.1])
def test_a_share_of_the_speech_in_the_bed_is_found_whatever_else_is_in_it(
    item: Item, share: float
) -> None:
    other = 0.3 * noise(3, 9)
    left, worst = speech_left_db(item, share * item.speech + item.background + other)
    expected = 20 * np.log10(share)
    assert left == pytest.approx(expected, abs=0.7)
    assert worst == pytest.approx(expected, abs=1.5)


def test_speech_that_moved_to_one_side_is_found(item: Item) -> None:
    one_side = item.speech * np.array([[1, 0]], np.float32)
    left, _ = speech_left_db(item, one_side + item.background)
    assert left == pytest.approx(-6.02, abs=0.2)  # half of its middle; its side is no speech


def test_background_in_pauses_is_counted_and_the_noise_of_a_recording_is_not(item: Item) -> None:
    hiss = 1e-3 * noise(3, 4)
    recorded = Item("one", "kind", "shared", item.speech + hiss, item.background)
    vocals = recorded.speech + 0.1 * recorded.background
    assert measured(recorded, vocals).background_left_db == pytest.approx(-20, abs=0.1)
    assert 0.05 < silent_frames(recorded.speech).mean() < 0.6


def test_doing_nothing_is_the_ratio_of_the_mix(item: Item) -> None:
    found = untouched(item)
    assert found.speech_db == pytest.approx(5.0, abs=0.2)
    assert found.background_db == pytest.approx(-5.0, abs=0.2)
    assert found.speech_left_db is None


def test_one_stem_alone_has_levels() -> None:
    speech, silence = voice(2, 3), np.zeros((2 * RATE_HZ, 2), np.float32)
    alone = measured(Item("v", "kind", "shared", speech, silence), 0.99 * speech)
    assert alone.speech_db == LIMIT_DB
    assert alone.bed_level_db == pytest.approx(-40, abs=0.1)
    assert alone.background_db is None and alone.background_left_db is None
    music = measured(Item("b", "kind", "shared", silence, speech), 0.01 * speech)
    assert music.vocals_level_db == pytest.approx(-40, abs=0.1)
    assert music.speech_db is None


def test_silence_stays_silent_or_is_told() -> None:
    silence = np.zeros((RATE_HZ, 2), np.float32)
    nothing = Item("s", "kind", "shared", silence, silence)
    assert measured(nothing, silence).vocals_level_db == -LIMIT_DB
    assert measured(nothing, silence + np.float32(1e-4)).vocals_level_db == LIMIT_DB


def test_vocals_that_are_no_numbers_are_refused(item: Item) -> None:
    broken = item.speech.copy()
    broken[7] = np.nan
    with pytest.raises(ValueError, match="not-a-number"):
        measured(item, broken)
    with pytest.raises(ValueError, match="vocals"):
        measured(item, item.speech[1:])


def test_folded_and_panned_sounds_are_as_loud() -> None:
    sound = voice(1, 5)
    left = panned(sound, -1.0)
    assert not left[:, 1].any() or np.abs(left[:, 1]).max() < 1e-6
    for place in (-1.0, -0.3, 0.0, 0.8):
        assert energy(panned(sound, place)) == pytest.approx(energy(sound), rel=1e-4)
    both = folded(left)
    assert np.array_equal(both[:, 0], both[:, 1])


def test_a_ratio_needs_two_sounds() -> None:
    with pytest.raises(ValueError, match="two sounds"):
        at_ratio(voice(1, 1), np.zeros((RATE_HZ, 2), np.float32), 0.0)
    with pytest.raises(ValueError, match="stems"):
        Item("x", "kind", "shared", voice(1, 1), noise(2, 1))
