"""What the aligner does with text: readings, sounds, grammars, anchors, places for lost words."""

from __future__ import annotations

import io
import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dubwright_packs.asr_pocketsphinx.anchors import agree
from dubwright_packs.asr_pocketsphinx.grammar import Grammar
from dubwright_packs.asr_pocketsphinx.language_model import write_arpa
from dubwright_packs.asr_pocketsphinx.numbers import cardinal, ordinal, year
from dubwright_packs.asr_pocketsphinx.sounds import pronounce, spell_out
from dubwright_packs.asr_pocketsphinx.spreading import fill, spread
from dubwright_packs.asr_pocketsphinx.timeline import Chunk, chunks, padded
from dubwright_packs.asr_pocketsphinx.tokens import ends_sentence, readings

SPEECH = "ask not what your country can do for you ask what you can do"
WRITTEN = "we will go to the sea and we will go to the hill because the sea is far away"
HEARD = "we will go to the sea um we will go to a hill because the sea is far away"


@pytest.mark.parametrize(
    ("token", "spoken"),
    [
        ("1961", "nineteen sixty one"),
        ("1905", "nineteen oh five"),
        ("2005", "two thousand five"),
        ("20%", "twenty percent"),
        ("$5.50", "five dollars fifty cents"),
        ("$3", "three dollars"),
        ("1,234,567", "one million two hundred thirty four thousand five hundred sixty seven"),
        ("3.14", "three point one four"),
        ("22nd", "twenty second"),
        ("1960s", "nineteen sixties"),
        ("10:30", "ten thirty"),
        ("10-20", "ten to twenty"),
        ("007", "zero zero seven"),
        ('"Americans,', "americans"),
        ("well-known", "well known"),
        ("It’s", "it's"),
        ("Café", "cafe"),
        ("Mr.", "mister"),
        ("U.S.A.", "u s a"),
        ("R&D", "r and d"),
        ("and/or", "and or"),
        ("—", ""),
        ("♪", ""),
        ("你好", ""),
    ],
)
def test_tokens_are_read_as_people_say_them(token: str, spoken: str) -> None:
    assert " ".join(readings(token)[0]) == spoken


def test_a_number_has_its_other_readings_too() -> None:
    ways = [" ".join(words) for words in readings("1961")]
    assert "one thousand nine hundred and sixty one" in ways
    assert "one nine six one" in ways


@given(st.text(max_size=30))
def test_any_token_has_readings_of_dictionary_letters(token: str) -> None:
    ways = readings(token)
    assert 1 <= len(ways) <= 6
    assert all(re.fullmatch(r"[a-z']+", word) for words in ways for word in words)


@given(st.integers(0, 10**15 - 1))
def test_cardinals_are_words(number: int) -> None:
    assert all(word.isalpha() for word in cardinal(number))
    assert ordinal(number)[:-1] == cardinal(number)[:-1]


def test_years_and_sentence_ends() -> None:
    assert year(1900) == ["nineteen", "hundred"]
    assert ends_sentence('done."')
    assert not ends_sentence("done,")


def test_unknown_words_are_built_from_known_ones_else_spelled() -> None:
    known = {"river": "R IH V ER", "bank": "B AE NG K", "walk": "W AO K"}
    assert pronounce("riverbank", known.get) == "R IH V ER B AE NG K"
    assert pronounce("walked", known.get) == "W AO K D"
    assert pronounce("river's", known.get) == "R IH V ER Z"
    assert pronounce("zork", known.get) == "Z AO R K"


@given(st.text("abcdefghijklmnopqrstuvwxyz'", min_size=1, max_size=25))
def test_any_word_has_a_pronunciation(word: str) -> None:
    phones = pronounce(word, lambda _: None).split()
    assert phones
    assert all(re.fullmatch(r"[A-Z]{1,2}", phone) for phone in phones)
    assert spell_out("a") == "AH"


def test_a_grammar_tells_repeated_words_apart_and_offers_every_reading() -> None:
    grammar = Grammar([[["the"]], [["a"], ["b", "c"]], [[]], [["the"]]])
    assert grammar.owner["the~0"] == 0
    assert grammar.owner["the~1"] == 3
    assert {grammar.owner[name] for name in ("a~0", "b~0", "c~0")} == {1}
    reached = {0}
    for transition in sorted(grammar.transitions, key=lambda one: one[0]):
        if transition[0] in reached:
            reached.add(transition[1])
    assert grammar.final in reached


def test_the_language_model_is_well_formed() -> None:
    out = io.StringIO()
    write_arpa(SPEECH.split(), out)
    text = out.getvalue()
    for order in (1, 2, 3):
        declared = int(re.search(rf"ngram {order}=(\d+)", text)[1])  # type: ignore[index]  # there
        section = text.split(f"\\{order}-grams:\n")[1].split("\n\n")[0].splitlines()
        assert len(section) == declared
        assert all(float(line.split()[0]) <= 0 for line in section)


def test_anchors_survive_errors_repetitions_and_missing_passages() -> None:
    text, heard = WRITTEN.split(), HEARD.split()
    pairs = agree(heard, text)
    assert all(heard[i] == text[j] for i, j in pairs)
    assert (7, 7) in pairs
    assert len(pairs) >= 14
    assert agree(SPEECH.split(), text) == []


words = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=40)


@given(words, words)
def test_anchors_always_go_forward_and_agree(heard: list[str], text: list[str]) -> None:
    pairs = agree(heard, text)
    assert all(heard[i] == text[j] for i, j in pairs)
    assert all(a[0] < b[0] and a[1] < b[1] for a, b in pairwise(pairs))


def test_lost_words_go_between_their_neighbours_in_the_speech() -> None:
    times = [(0.0, 1.0), None, None, (9.0, 10.0)]
    filled = fill(times, [1, 1, 1, 1], [(0.0, 1.0), (4.0, 6.0), (9.0, 10.0)], 10.0)
    assert filled[1] == (4.0, 5.0)
    assert filled[2] == (5.0, 6.0)


spans = st.lists(st.tuples(st.floats(0, 5), st.floats(0.01, 5)), max_size=6)


@given(spans, st.lists(st.floats(0, 10), max_size=12))
def test_spread_items_are_in_order(steps: list[tuple[float, float]], weights: list[float]) -> None:
    at = 0.0
    speech = []
    for gap, length in steps:
        speech.append((at + gap, at + gap + length))
        at += gap + length
    laid = spread(weights, speech)
    assert len(laid) == len(weights)
    assert all(start <= end for start, end in laid)
    assert all(a[1] <= b[0] + 1e-6 for a, b in pairwise(laid))


def test_chunks_break_at_pauses_and_times_come_back() -> None:
    speech = padded([(1.0, 3.0), (3.2, 4.0), (9.0, 10.0), (20.0, 65.0)], 70.0, 0.25)
    made = chunks(speech, 20.0)
    assert all(chunk.length_s <= 20.0 + 1e-9 for chunk in made)
    assert sum(chunk.length_s for chunk in made) == pytest.approx(sum(b - a for a, b in speech))
    chunk = Chunk(((1.0, 3.0), (9.0, 10.0)))
    assert chunk.span(0.5, 1.0) == (1.5, 2.0)
    assert chunk.span(2.5, 2.75) == (9.5, 9.75)
    assert chunk.span(1.9, 2.6) == (9.0, 9.6), "a word lies wholly on the side of its middle"
    assert padded([], 5.0) == [(0.0, 5.0)]
