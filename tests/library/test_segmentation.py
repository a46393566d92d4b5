"""Lines keep every word, fit two rows, and end where a person would end them."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.library.model import Segment
from dubwright.library.segmentation import (
    HARD_PAUSE_S,
    LONGEST_S,
    segment_words,
    snap_cues,
    split_at_turns,
    spread_text,
    words_of,
)
from dubwright.library.wrapping import ROW_COLUMNS, breakable, columns, one_line, wrap
from dubwright_kit.contracts import TextSpan, Turn, Word


def said(text: str, start_s: float = 0.0, comma_s: float = 0.3, stop_s: float = 0.6) -> list[Word]:
    """Words at a natural pace, with pauses at the marks."""
    words = []
    at = start_s
    for token in text.split():
        end_s = at + 0.08 + 0.06 * len(token)
        words.append(Word(token, round(at, 3), round(end_s, 3)))
        at = end_s + (stop_s if token[-1] in ".?!" else comma_s if token[-1] == "," else 0.02)
    return words


def texts(segments: tuple[Segment, ...]) -> list[str]:
    return [segment.text for segment in segments]


_WORD = st.tuples(
    st.text(st.characters(codec="ascii", categories=("Lu", "Ll")), min_size=1, max_size=18),
    st.sampled_from(["", "", "", ",", ".", "?", '."']),
    st.floats(0.05, 1.2),
    st.sampled_from([0.0, 0.01, 0.3, 0.6, 2.0]),
)


@settings(max_examples=60)
@given(st.lists(_WORD, min_size=1, max_size=60), st.sampled_from([True, False, None]))
def test_nothing_is_lost_and_all_fits(
    spoken: list[tuple[str, str, float, float]], punctuated: bool | None
) -> None:
    words = []
    at = 0.0
    for token, mark, length_s, pause_s in spoken:
        words.append(Word(token + mark, at, at + length_s))
        at += length_s + pause_s
    lines = segment_words(words, punctuated)
    assert [word for line in lines for word in line.words] == words
    assert [line.index for line in lines] == list(range(len(lines)))
    for line in lines:
        assert line.text == " ".join(word.text for word in line.words)
        assert line.end_s >= line.words[-1].end_s
        if len(line.words) > 1:
            assert line.words[-1].end_s - line.start_s <= LONGEST_S
            rows = wrap(line.text)
            assert len(rows) <= 2
            assert all(columns(row) <= ROW_COLUMNS for row in rows)
        for before, after in zip(line.words, line.words[1:], strict=False):
            assert after.start_s - before.end_s < HARD_PAUSE_S
    for one, following in itertools.pairwise(lines):
        assert one.end_s <= following.start_s


def test_sentences_are_lines() -> None:
    text = "Good morning, everybody, and welcome. Mr. Smith, are you ready? I am. Yes."
    assert texts(segment_words(said(text))) == [
        "Good morning, everybody, and welcome.",
        "Mr. Smith, are you ready?",
        "I am.",
        "Yes.",
    ]


def test_a_long_sentence_breaks_at_its_comma() -> None:
    text = (
        "Today we will talk about the long history of the little village of Saint Mary, "
        "which lies in the mountains not far from the border."
    )
    first, second = texts(segment_words(said(text)))
    assert first.endswith("Saint Mary,")
    assert second.startswith("which lies")


def test_a_draft_breaks_at_pauses() -> None:
    words = said("we came here early", 0.0) + said("nobody else was there yet", 2.4)
    assert texts(segment_words(words)) == ["we came here early", "nobody else was there yet"]


def test_no_orphan_after_a_pause() -> None:
    """A pause before the last word of a phrase is no reason to leave it alone."""
    words = said("we saw the big brown", 0.0)
    words.append(Word("dog", words[-1].end_s + 0.6, words[-1].end_s + 1.0))
    assert texts(segment_words(words)) == ["we saw the big brown dog"]


def test_a_short_line_lasts_into_the_silence() -> None:
    lines = segment_words([Word("Yes.", 1.0, 1.1), Word("No.", 1.7, 1.8), Word("Why?", 9.0, 9.1)])
    assert [(line.start_s, line.end_s) for line in lines] == [(1.0, 1.7), (1.7, 2.5), (9.0, 9.8)]


def test_unspaced_scripts() -> None:
    passage = "吾輩は猫である。名前はまだ無い。どこで生れたかとんと見当がつかぬ。" * 3
    lines = segment_words([Word(passage, 10.0, 40.0)])
    assert "".join(texts(lines)) == passage
    assert len(lines) > 3
    assert all(len(wrap(line.text)) <= 2 for line in lines)
    assert all(line.text[-1] == "。" for line in lines)
    assert lines[0].start_s == 10.0
    assert lines[-1].end_s == pytest.approx(40.0)


def test_no_words_no_lines() -> None:
    assert segment_words([]) == ()
    assert segment_words([Word("  ", 0, 1)]) == ()


@settings(max_examples=60)
@given(st.text(st.sampled_from("ab cdefg,. 猫である。「」ー世")))
def test_rows_join_to_what_was_wrapped(text: str) -> None:
    line = one_line(text)
    assert one_line("\n".join(wrap(line))) == line
    assert "".join(breakable(line)) == line


def test_rows_are_even() -> None:
    rows = wrap("These are the words of a subtitle that needs two rows")
    assert len(rows) == 2
    assert abs(len(rows[0]) - len(rows[1])) <= 8


def test_spreading_follows_the_speech() -> None:
    text = [TextSpan("One two three four."), TextSpan("Five six seven."), TextSpan("Eight nine.")]
    lines = spread_text(text, [(20.0, 22.0), (1.0, 3.0), (40.0, 41.0)])
    assert texts(lines) == [span.text for span in text]
    assert lines[0].start_s == 1.0
    assert 20.0 <= lines[1].words[-1].start_s < lines[2].start_s
    assert lines[2].words[-1].end_s == pytest.approx(41.0)
    for line in lines:
        for word in line.words:
            assert any(
                start_s - 1e-6 <= word.start_s <= word.end_s <= end_s + 1e-6
                for start_s, end_s in ((1, 3), (20, 22), (40, 41))
            )


def test_spreading_needs_speech() -> None:
    with pytest.raises(ValueError, match="no speech"):
        spread_text([TextSpan("Hello.")], [])
    assert spread_text([TextSpan("  ")], [(0.0, 1.0)]) == ()


def test_cues_snap_to_speech() -> None:
    cues = [Segment(0, 1.2, 2.9, "a"), Segment(1, 3.1, 5.0, "b"), Segment(2, 8.0, 9.0, "c")]
    snapped = snap_cues(cues, [(1.0, 3.2), (3.3, 4.8), (8.6, 9.6)])
    assert [(cue.start_s, cue.end_s) for cue in snapped] == [(1.0, 3.1), (3.3, 4.8), (8.0, 9.0)]


_CUE = st.tuples(st.floats(0, 2), st.floats(0.05, 3))


@settings(max_examples=100)
@given(st.lists(_CUE, max_size=12), st.lists(_CUE, max_size=12))
def test_snapping_never_makes_overlaps(
    gaps: list[tuple[float, float]], speech: list[tuple[float, float]]
) -> None:
    def spans(rows: list[tuple[float, float]]) -> list[tuple[float, float]]:
        at = 0.0
        found = []
        for gap_s, length_s in rows:
            found.append((at + gap_s, at + gap_s + length_s))
            at = found[-1][1]
        return found

    cues = [Segment(i, start, end, "x") for i, (start, end) in enumerate(spans(gaps))]
    snapped = snap_cues(cues, spans(speech))
    for cue, moved in zip(cues, snapped, strict=True):
        assert abs(moved.start_s - cue.start_s) <= 0.4 + 1e-9
        assert abs(moved.end_s - cue.end_s) <= 0.4 + 1e-9
        assert moved.start_s <= moved.end_s
    for one, following in itertools.pairwise(snapped):
        assert one.end_s <= following.start_s


TURNS = (Turn(0.0, 2.0, "S1"), Turn(2.1, 4.0, "S2"), Turn(6.0, 8.0, "S1"))


def test_a_segment_is_split_at_a_word_end() -> None:
    words = tuple(
        Word(text, start, start + 0.45)
        for text, start in (("a", 1.0), ("b", 1.5), ("c", 2.05), ("d", 2.6), ("e", 3.2))
    )
    pieces = split_at_turns(
        [Segment(0, 0.9, 3.7, "a b c d e", None, words), Segment(1, 6.5, 7.0, "f")], TURNS
    )
    assert [(p.text, p.speaker) for p in pieces] == [("a b", "S1"), ("c d e", "S2"), ("f", "S1")]
    assert (pieces[0].start_s, pieces[0].end_s) == (0.9, 1.95)
    assert (pieces[1].start_s, pieces[1].end_s) == (2.05, 3.7)
    assert [p.index for p in pieces] == [0, 1, 2]
    assert pieces[1].words == words[2:]


def test_slivers_are_absorbed() -> None:
    words = tuple(Word(t, s, s + 0.3) for t, s in (("a", 1.0), ("b", 1.4), ("c", 1.8), ("d", 2.2)))
    turns = (Turn(0.0, 2.15, "S1"), Turn(2.15, 2.6, "S2"), Turn(2.6, 5.0, "S1"))
    pieces = split_at_turns([Segment(0, 1.0, 2.5, "a b c d", None, words)], turns)
    assert [(p.text, p.speaker) for p in pieces] == [("a b c d", "S1")]


def test_splitting_without_word_times() -> None:
    pieces = split_at_turns([Segment(0, 0.0, 4.0, "one two three four")], TURNS[:2])
    assert [(p.text, p.speaker) for p in pieces] == [("one two", "S1"), ("three four", "S2")]
    assert pieces[0].words == ()


def test_a_line_outside_every_turn_gets_the_nearest() -> None:
    pieces = split_at_turns([Segment(0, 4.2, 4.6, "a"), Segment(1, 100.0, 101.0, "b")], TURNS)
    assert [piece.speaker for piece in pieces] == ["S2", "S1"]
    lines = (Segment(0, 1.0, 2.0, "a"),)
    assert split_at_turns(lines, ()) == lines


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.floats(0.1, 3), st.sampled_from("AB")), min_size=1, max_size=10),
    st.integers(1, 40),
)
def test_splitting_keeps_every_word(runs: list[tuple[float, str]], count: int) -> None:
    turns = []
    at = 0.0
    for length_s, speaker in runs:
        turns.append(Turn(at, at + length_s, speaker))
        at += length_s
    text = " ".join(f"w{number}" for number in range(count))
    pieces = split_at_turns([Segment(0, 0.0, at, text)], turns)
    assert " ".join(piece.text for piece in pieces) == text
    assert pieces[0].start_s == 0.0
    assert pieces[-1].end_s == at
    for one, following in itertools.pairwise(pieces):
        assert one.end_s <= following.start_s + 1e-9
        assert one.speaker != following.speaker


def test_words_are_spread_by_length() -> None:
    words = words_of(Segment(0, 1.0, 3.0, "aaa a"))
    assert [(w.text, round(w.start_s, 2), round(w.end_s, 2)) for w in words] == [
        ("aaa", 1.0, 2.33),
        ("a", 2.33, 3.0),
    ]
