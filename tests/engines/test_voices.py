"""Names of voices, their languages, and who gets which."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubwright.engines.voices import (
    VARIANTS_F0_HZ,
    Voice,
    assign_voices,
    choose_voice,
    in_language,
    parse_voice,
    voice_language,
)
from dubwright_kit import Problem

AVAILABLE = ("es", "es-419", "en", "en-us", "pt", "pt-br", "cmn", "nb", "fr", "chr-us")


@pytest.mark.parametrize(
    "name", ["espeak:es+f1@180", "espeak:+m3", "espeak:pt-br", "espeak:es+Annie", "espeak:@99.5"]
)
def test_a_voice_reads_back_as_written(name: str) -> None:
    assert str(parse_voice(name)) == name


@pytest.mark.parametrize(
    "name", ["", "es+f1", "espeak:es+nobody", "espeak:es@9", "espeak:es@9000", "piper:es", "S1"]
)
def test_an_unknown_voice_is_a_problem_that_lists_some(name: str) -> None:
    with pytest.raises(Problem) as caught:
        parse_voice(name)
    assert caught.value.code == "voice-unknown"
    assert "+m3" in caught.value.message


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("es", "es"),
        ("es-AR", "es"),
        ("es-MX", "es-419"),
        ("en-GB", "en"),
        ("en_US", "en-us"),
        ("zh-Hans-CN", "cmn"),
        ("no", "nb"),
        ("PT-BR", "pt-br"),
        ("chr", "chr-us"),
    ],
)
def test_languages_find_their_voice(asked: str, found: str) -> None:
    assert voice_language(asked, AVAILABLE) == found


@pytest.mark.parametrize("asked", ["xx", "", "tlh", "e"])
def test_a_language_without_a_voice_is_a_problem_that_names_what_exists(asked: str) -> None:
    with pytest.raises(Problem) as caught:
        voice_language(asked, AVAILABLE)
    assert caught.value.code == "no-voice"
    assert "pt-br" in caught.value.message


def test_low_and_high_speakers_get_low_and_high_timbres_at_their_pitch() -> None:
    low = choose_voice("es", 104.0, [])
    high = choose_voice("es", 220.0, [low])
    assert VARIANTS_F0_HZ[low.variant] < 130 < VARIANTS_F0_HZ[high.variant]
    assert low.pitch_hz == 104.0
    assert high.pitch_hz == 220.0


def test_unknown_pitch_alternates_timbres() -> None:
    first = choose_voice("es", None, [])
    second = choose_voice("es", None, [first])
    assert VARIANTS_F0_HZ[first.variant] < 150 < VARIANTS_F0_HZ[second.variant]


@given(st.lists(st.one_of(st.none(), st.floats(40, 600)), min_size=1, max_size=30))
def test_every_speaker_has_a_distinct_stable_voice(f0s: list[float | None]) -> None:
    speakers = [f"S{number}" for number in range(1, len(f0s) + 1)]
    known = {name: f0 for name, f0 in zip(speakers, f0s, strict=True) if f0 is not None}
    voices = assign_voices("es", speakers, known, {})
    assert list(voices) == speakers
    assert len(set(voices.values())) == len(speakers)
    assert assign_voices("es", speakers, known, {}) == voices
    assert all(parse_voice(str(voice)) == voice for voice in voices.values())
    if len(speakers) <= len(VARIANTS_F0_HZ):
        assert len({voice.variant for voice in voices.values()}) == len(speakers)


def test_a_chosen_voice_wins_and_keeps_others_away_from_its_timbre() -> None:
    chosen = {"S2": parse_voice("espeak:es+m3@100")}
    voices = assign_voices("es", ["S1", "S2"], {"S1": 104.0, "S2": 300.0}, chosen)
    assert voices["S2"] == Voice("es", "m3", 100.0)
    assert voices["S1"].variant != "m3"


def test_a_chosen_voice_moves_to_the_lines_language() -> None:
    assert str(in_language(parse_voice("espeak:es+f1@180"), "de")) == "espeak:de+f1@180"
    assert str(in_language(parse_voice("espeak:es-419+f1"), "es")) == "espeak:es-419+f1"
    assert str(in_language(parse_voice("espeak:+f1"), "fr")) == "espeak:fr+f1"
