"""The list of recordings holds together."""

from __future__ import annotations

from training.licences import cleared
from training.sources import SOURCES


def test_every_source_has_a_place_of_its_own() -> None:
    places = [(one.kind, one.name) for one in SOURCES]
    assert len(set(places)) == len(places)


def test_who_is_held_out_is_not_trained_on() -> None:
    names = {
        split: {one.speaker for one in SOURCES if one.split == split and "(" not in one.speaker}
        for split in ("train", "held-out")
    }
    assert names["train"] & names["held-out"] <= {""}


def test_a_package_of_which_speech_or_music_is_held_out_is_not_trained_on() -> None:
    held_out = {
        one.package
        for one in SOURCES
        if one.split == "held-out" and one.kind in {"speech", "music"}
    }
    assert not held_out & {one.package for one in SOURCES if one.split == "train"}


def test_each_kind_has_something_held_out() -> None:
    for kind in ("speech", "music", "ambience", "effects"):
        assert {one.split for one in SOURCES if one.kind == kind} == {"train", "held-out"}


def test_what_a_person_read_is_a_licence_that_is_let_in() -> None:
    for one in SOURCES:
        assert not one.stated or (cleared(one.stated) and one.holders), one.name
