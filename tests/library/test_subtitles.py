"""Subtitles survive writing and reading, and what people's files look like is understood."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.library.cues import Transcript
from dubwright.library.model import Segment
from dubwright.library.subtitles import (
    parse_srt,
    parse_transcript_json,
    parse_vtt,
    read_cues,
    read_transcript,
    render,
    transcript_json,
    write_srt,
    write_txt,
    write_vtt,
)
from dubwright.library.wrapping import ROW_COLUMNS, columns, one_line
from dubwright_kit import Problem
from dubwright_kit.contracts import TextSpan, Word

# What a line holds once it is in the library: one row, single spaces. Line separators and
# unassigned code points are not text; "<", "{" would be markup in SubRip, which has no escape.
_LETTERS = st.characters(
    codec="utf-8",
    exclude_categories=("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"),
    exclude_characters="<{→",
)
_TEXT = st.lists(st.text(_LETTERS, min_size=1, max_size=12), min_size=1, max_size=14).map(
    lambda words: one_line(" ".join(words))
)
_MARKUP = st.lists(
    st.text(_LETTERS | st.sampled_from("<>&;{}"), min_size=1, max_size=12), min_size=1, max_size=8
).map(lambda words: one_line(" ".join(words)))


def _lines(text: st.SearchStrategy[str]) -> st.SearchStrategy[list[Segment]]:
    """Lines in milliseconds and in order, some overlapping."""
    one = st.tuples(st.integers(0, 9000), st.integers(1, 9000), text, st.sampled_from(["S1", None]))

    def built(rows: list[tuple[int, int, str, str | None]]) -> list[Segment]:
        at = 0
        found = []
        for position, (gap, length, said, speaker) in enumerate(rows):
            at += gap
            found.append(Segment(position, at / 1000, (at + length) / 1000, said, speaker))
            at += 1
        return found

    return st.lists(one, min_size=1, max_size=8).map(built)


def _plain(lines: list[Segment]) -> list[tuple[float, float, str]]:
    return [(round(line.start_s, 3), round(line.end_s, 3), line.text) for line in lines]


@settings(max_examples=60)
@given(_lines(_TEXT))
def test_srt_round_trip(lines: list[Segment]) -> None:
    said = [line for line in lines if "-->" not in line.text]
    assert _plain(list(parse_srt(write_srt(said)).lines)) == _plain(said)


@settings(max_examples=60)
@given(_lines(_MARKUP))
def test_vtt_round_trip(lines: list[Segment]) -> None:
    back = parse_vtt(write_vtt(lines)).lines
    assert _plain(list(back)) == _plain(lines)
    assert [line.speaker for line in back] == [line.speaker for line in lines]


@settings(max_examples=60)
@given(_lines(_MARKUP), st.floats(0, 1))
def test_json_round_trip(lines: list[Segment], p: float) -> None:
    timed = [
        Segment(
            line.index,
            line.start_s,
            line.end_s,
            line.text,
            line.speaker,
            (Word(line.text, line.start_s, line.end_s, p),),
        )
        for line in lines
    ]
    back = parse_transcript_json(transcript_json("es", timed))
    assert list(back.lines) == timed
    assert back.language == "es"


@settings(max_examples=60)
@given(_lines(_TEXT))
def test_rows_are_short(lines: list[Segment]) -> None:
    for line in write_srt(lines).split("\n"):
        assert columns(line) <= ROW_COLUMNS or " " not in line.strip() or "-->" in line


def _said(transcript: Transcript) -> list[tuple[float, float, str]]:
    return [(line.start_s, line.end_s, line.text) for line in transcript.lines]


SRT = "1\n00:00:01,000 --> 00:00:02,500\nHello there.\n\n2\n00:00:03,000 --> 00:00:04,000\nBye.\n"
EXPECTED = [(1.0, 2.5, "Hello there."), (3.0, 4.0, "Bye.")]

BENT: dict[str, str] = {
    "as it should be": SRT,
    "no blank lines": SRT.replace("\n\n", "\n"),
    "many blank lines": SRT.replace("\n", "\n\n"),
    "wrong numbers": SRT.replace("2\n00", "17\n00").replace("1\n00:00:01", "17\n00:00:01"),
    "no numbers": "\n".join(SRT.split("\n")[1:4] + SRT.split("\n")[5:]),
    "no hours": SRT.replace("00:00:0", "00:0"),
    "points": SRT.replace(",", "."),
    "out of order": "2\n00:00:03,000 --> 00:00:04,000\nBye.\n\n" + SRT.split("\n\n", 1)[0] + "\n",
    "an empty cue": SRT + "\n3\n00:00:05,000 --> 00:00:06,000\n\n",
    "tags": SRT.replace("Bye.", "<i>Bye</i>.").replace("Hello", '<font color="#fff">Hello</font>'),
    "placed": SRT.replace("Bye.", "{\\an8}Bye."),
    "coordinates": SRT.replace("04,000", "04,000 X1:100 X2:200 Y1:1 Y2:2"),
    "two rows": SRT.replace("Hello there.", "Hello\nthere."),
    "short fraction": SRT.replace("02,500", "02,5"),
    "wide arrow": SRT.replace("-->", "->"),
    "trailing spaces": SRT.replace("\n", "  \n"),
    "no last newline": SRT.rstrip(),
}


@pytest.mark.parametrize("name", BENT)
def test_bent_srt(name: str, tmp_path: Path) -> None:
    path = tmp_path / "film.srt"
    path.write_text(BENT[name], "utf-8")
    assert _said(read_transcript(path)) == EXPECTED
    assert read_cues(path) == tuple(TextSpan(text, start, end) for start, end, text in EXPECTED)


ENCODED: dict[str, Callable[[str], bytes]] = {
    "BOM": lambda text: codecs.BOM_UTF8 + text.encode(),
    "CRLF": lambda text: text.replace("\n", "\r\n").encode(),
    "old Mac line ends": lambda text: text.replace("\n", "\r").encode(),
    "UTF-16": lambda text: text.encode("utf-16"),
    "UTF-16 without a mark": lambda text: text.encode("utf-16-le"),
    "UTF-16 big end first": lambda text: text.encode("utf-16-be"),
    "UTF-32": lambda text: text.encode("utf-32"),
    "Windows-1252": lambda text: text.encode("cp1252"),
}


@pytest.mark.parametrize("name", ENCODED)
def test_encodings(name: str, tmp_path: Path) -> None:
    text = SRT.replace("Hello there.", "Crème brûlée – dix €?")
    path = tmp_path / "film.srt"
    path.write_bytes(ENCODED[name](text))
    read = read_transcript(path)
    assert _said(read) == [(1.0, 2.5, "Crème brûlée – dix €?"), EXPECTED[1]]
    assert any("Windows-1252" in note for note in read.notes) == (name == "Windows-1252")


def test_repairs_are_told() -> None:
    read = parse_srt(
        "1\n00:00:09,000 --> 00:00:08,000\nEnds before it starts.\n\n"
        "2\n00:00:01,000 --> 00:00:03,000\nOne.\n\n"
        "3\n00:00:02,000 --> 00:00:04,000\nTwo.\n\n"
        "4\n00:00:05,000 --> 00:00:06,000\n   \n"
    )
    assert [line.text for line in read.lines] == ["One.", "Two.", "Ends before it starts."]
    assert [line.index for line in read.lines] == [0, 1, 2]
    assert read.lines[0].end_s == 3.0  # overlapping speech stays overlapping
    assert read.lines[2].end_s == pytest.approx(9.0 + 22 / 15)
    told = " ".join(read.notes)
    for word in ("without text", "out of order", "ended before", "overlap"):
        assert word in told


def test_a_repaired_end_stays_before_the_next_line() -> None:
    read = parse_srt(
        "1\n00:00:01,000 --> 00:00:01,000\nA long line that needs more than a second.\n\n"
        "2\n00:00:02,000 --> 00:00:03,000\nNext.\n"
    )
    assert read.lines[0].end_s == 2.0


def test_numbers_that_are_said_stay() -> None:
    read = parse_srt("1\n00:00:01,000 --> 00:00:02,000\n42\n\n2\n00:00:03,000 --> 00:00:04,000\n7")
    assert [line.text for line in read.lines] == ["42", "7"]


def test_an_arrow_that_is_said_is_no_timing() -> None:
    read = parse_srt("1\n00:00:01,000 --> 00:00:02,000\nFrom A --> to B\n")
    assert read.lines[0].text == "From A --> to B"
    assert parse_srt(write_srt(read.lines)).lines[0].text == "From A → to B"


VTT = """WEBVTT - made by hand
Kind: captions

NOTE
This is passed over --> really not.

STYLE
::cue { color: red }

REGION
id:fred

intro
00:01.000 --> 00:02.500 line:0 position:20% align:start
<v.loud Esme O&#39;Brien>Hello <c.red>there</c>.</v>

01:00:03.000 --> 01:00:04.000
<v Mary>&lt;Bye&gt; &amp;<00:03.500> good&nbsp;night
in two rows
"""


def test_vtt_with_everything(tmp_path: Path) -> None:
    path = tmp_path / "film.txt"  # the content decides
    path.write_bytes(codecs.BOM_UTF8 + VTT.replace("\n", "\r\n").encode())
    read = read_transcript(path)
    assert _said(read) == [
        (1.0, 2.5, "Hello there."),
        (3603.0, 3604.0, "<Bye> & good night in two rows"),
    ]
    assert [line.speaker for line in read.lines] == ["Esme O'Brien", "Mary"]


def test_vtt_without_header_or_blank_lines(tmp_path: Path) -> None:
    path = tmp_path / "film.vtt"
    path.write_text("00:01.000 --> 00:02.000\nOne.\n00:03.000 --> 00:04.000\nTwo.\n", "utf-8")
    read = read_transcript(path)
    assert _said(read) == [(1.0, 2.0, "One."), (3.0, 4.0, "Two.")]
    assert "header" in read.notes[0]


def test_json_of_other_recognisers() -> None:
    read = parse_transcript_json(
        '{"text": "all", "language": "en", "segments": [{"id": 0, "start": 1, "end": 2.5,'
        ' "text": " Hello.", "words": [{"word": " Hello.", "start": 1, "end": 2,'
        ' "probability": 0.5}]}]}'
    )
    assert read.lines == (Segment(0, 1.0, 2.5, "Hello.", None, (Word("Hello.", 1.0, 2.0, 0.5),)),)
    assert parse_transcript_json('[{"start_s": 0, "end_s": 1, "text": "Yes"}]').lines[0].end_s == 1


GARBAGE: dict[str, tuple[str, bytes, str, str]] = {
    "zero bytes": ("a.srt", b"", "subtitles-empty", "no text"),
    "blank": ("a.srt", b"\n \r\n\t\n", "subtitles-empty", "no text"),
    "only a mark": ("a.srt", codecs.BOM_UTF8, "subtitles-empty", "no text"),
    "picture": ("a.srt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "subtitles-unreadable", "line"),
    "film": ("a.vtt", b"\x00\x00\x00 ftypisom\x00\x00\x02\x00", "subtitles-unreadable", "line 1"),
    "half UTF-16": ("a.srt", codecs.BOM_UTF16_LE + b"1\x00\n", "subtitles-unreadable", "byte"),
    "prose": ("a.srt", b"Once upon a time.\nThe end.", "subtitles-empty", "no cue"),
    "header only": ("a.vtt", b"WEBVTT\n\nNOTE nothing\n", "subtitles-empty", "no cue"),
    "empty cues": ("a.srt", b"1\n00:00:01,000 --> 00:00:02,000\n\n", "subtitles-empty", "no cue"),
    "bad time": (
        "a.srt",
        SRT.replace("00:00:03,000", "00:zero:03").encode(),
        "subtitles-unreadable",
        "line 6",
    ),
    "no end": (
        "a.srt",
        SRT.replace("--> 00:00:04,000", "-->").encode(),
        "subtitles-unreadable",
        "line 6",
    ),
    "words for times": ("a.srt", b"1\nnow --> then\nHi.\n", "subtitles-unreadable", "line 2"),
    "bad vtt time": ("a.vtt", b"WEBVTT\n\n1 --> 2\nHi.\n", "subtitles-unreadable", "line 3"),
    "cut json": ("a.json", b'{"segments": [\n{"text": "a"', "subtitles-unreadable", "line 2"),
    "other json": ("a.json", b'{"a": 1}', "subtitles-unreadable", "segments"),
    "json without times": (
        "a.json",
        b'{"segments": [\n{"start_s": 0, "end_s": 1, "text": "a"},\n{"text": "b"}]}',
        "subtitles-unreadable",
        "line 3",
    ),
    "json with nan": (
        "a.json",
        b'[{"start_s": NaN, "end_s": 1, "text": "a"}]',
        "subtitles-unreadable",
        "start_s",
    ),
    "deep json": ("a.json", b"[" * 100_000, "subtitles-unreadable", "JSON"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_garbage_is_a_problem(name: str, tmp_path: Path) -> None:
    file, data, code, said = GARBAGE[name]
    path = tmp_path / file
    path.write_bytes(data)
    for read in (read_transcript, read_cues):
        with pytest.raises(Problem) as caught:
            read(path)
        assert caught.value.code == code
        assert said in caught.value.message or name == "deep json"
        assert str(path) in caught.value.message
        assert caught.value.next_action is not None


def test_missing_folder_and_too_large(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="does not exist"):
        read_cues(tmp_path / "none.srt")
    with pytest.raises(Problem, match="folder"):
        read_cues(tmp_path)
    huge = tmp_path / "film.srt"
    with huge.open("wb") as file:
        file.truncate(60_000_000)
    with pytest.raises(Problem, match="60,000,000 bytes"):
        read_cues(huge)


def test_plain_text_has_no_times(tmp_path: Path) -> None:
    path = tmp_path / "talk.txt"
    path.write_text("  One line. \n\n\nAnother   line.\n", "utf-8")
    assert read_cues(path) == (TextSpan("One line."), TextSpan("Another line."))
    with pytest.raises(Problem) as caught:
        read_transcript(path)
    assert caught.value.code == "subtitles-untimed"
    path.write_text(SRT, "utf-8")
    assert read_cues(path.rename(tmp_path / "unnamed"))[0].start_s == 1.0


def test_rendering() -> None:
    line = Segment(0, 3599.9996, 3661.5, "Good & <bad>", "S1")
    assert render("srt", "en", [line]) == "1\n01:00:00,000 --> 01:01:01,500\nGood & <bad>\n"
    assert render("vtt", "en", [line]).endswith(
        "01:00:00.000 --> 01:01:01.500\n<v S1>Good &amp; &lt;bad&gt;\n"
    )
    assert render("txt", "en", [line]) == write_txt([line]) == "Good & <bad>\n"
    assert '"speaker": "S1"' in render("json", "en", [line])
