"""Written tokens as the words that are spoken: case, punctuation, numbers, signs, abbreviations."""

from __future__ import annotations

import re
import unicodedata
from typing import List

from .numbers import Words, cardinal, digits, ordinal, plural, unique, whole, year

_ABBREVIATIONS = {
    "mr.": [["mister"]],
    "mr": [["mister"]],
    "mrs.": [["missus"]],
    "mrs": [["missus"]],
    "ms.": [["miz"], ["miss"]],
    "dr.": [["doctor"], ["drive"]],
    "dr": [["doctor"]],
    "st.": [["saint"], ["street"]],
    "prof.": [["professor"]],
    "jr.": [["junior"]],
    "sr.": [["senior"]],
    "vs.": [["versus"]],
    "vs": [["versus"]],
    "etc.": [["et", "cetera"]],
    "e.g.": [["for", "example"], ["e", "g"]],
    "i.e.": [["that", "is"], ["i", "e"]],
    "no.": [["no"], ["number"]],
    "gen.": [["general"]],
    "col.": [["colonel"]],
    "sgt.": [["sergeant"]],
    "lt.": [["lieutenant"]],
    "capt.": [["captain"]],
    "approx.": [["approximately"]],
}
_SIGNS = {
    "&": "and",
    "%": "percent",
    "+": "plus",
    "=": "equals",
    "@": "at",
    "#": "number",
    "°": "degrees",
}
_MONEY = {
    "$": ("dollar", "dollars"),
    "£": ("pound", "pounds"),
    "€": ("euro", "euros"),
    "¥": ("yen", "yen"),
}
_MOST_READINGS = 6

_PIECE = re.compile(
    r"(?P<money>[$£€¥])?(?P<number>\d+(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?P<suffix>st|nd|rd|th|'?s)?(?![a-z0-9])"
    r"|(?P<clock>\d{1,2}):(?P<minutes>\d\d)"
    r"|(?P<digits>\d+)"
    r"|(?P<initials>(?:[a-z]\.){2,}[a-z]?)"
    r"|(?P<word>'?[a-z]+(?:'[a-z]+)*'?)"
    r"|(?P<sign>[&%+=@#°])"
)


def readings(token: str) -> List[Words]:
    """Return the ways to say one whitespace-separated token, likeliest first; words in lower case.

    ``[[]]`` when there is nothing to say (a dash, a music note). At most six readings.
    """
    text = _plain(token)
    bare = text.strip('"()[]{}«»,;:!?…-')
    if bare in _ABBREVIATIONS:
        return [list(words) for words in _ABBREVIATIONS[bare]]
    result: List[Words] = [[]]
    clock = re.fullmatch(r"(\d{1,2}):(\d\d)", bare.rstrip("."))
    if clock:
        return _clock(int(clock[1]), clock[2])
    previous_end = 0
    previous_number = False
    for match in _PIECE.finditer(text):
        between = text[previous_end : match.start()]
        options = _piece(match)
        if previous_number and match["number"] and between in ("-", "–"):
            options = [*([["to", *words] for words in options]), *options]  # 10-20: ten to twenty
        result = [[*front, *back] for front in result for back in options][: _MOST_READINGS * 2]
        previous_end, previous_number = match.end(), bool(match["number"])
    return unique(result)[:_MOST_READINGS]


def is_aside(token: str) -> bool:
    """True for ``[applause]``, ``(music)`` or a note sign: written, but maybe not said."""
    text = token.strip(".,:;")
    return text[:1] in "[(♪" or text[-1:] in "])♪" if text else True


def ends_sentence(token: str) -> bool:
    """True when the speaker may pause long after the token."""
    return token.rstrip("\"')]}»”’")[-1:] in (".", "!", "?", "…", ";", ":")


def _plain(token: str) -> str:
    text = token.replace("’", "'").replace("‘", "'").replace("ʼ", "'").replace("´", "'")
    folded = unicodedata.normalize("NFKD", text.lower().replace("ß", "ss").replace("ø", "o"))
    return "".join(char for char in folded if not unicodedata.combining(char))


def _piece(match: re.Match[str]) -> List[Words]:
    if match["number"]:
        return _number(match["number"].replace(",", ""), match["suffix"] or "", match["money"])
    if match["digits"]:
        return whole(match["digits"])
    if match["initials"]:
        return [[char for char in match["initials"] if char.isalpha()]]
    if match["sign"]:
        return [[_SIGNS[match["sign"]]]]
    if match["word"]:
        return [[match["word"]]]
    return [[]]


def _number(text: str, suffix: str, money: str | None) -> List[Words]:
    front, _, fraction = text.partition(".")
    if money:
        one, many = _MONEY[money]
        unit = one if text == "1" else many
        if len(fraction) == 2:
            cents = [*cardinal(int(fraction)), "cents"] if int(fraction) else []
            return [
                [*whole(front)[0], unit, *cents],
                [*whole(front)[0], unit, "and", *cents],
                [*whole(front)[0], *cardinal(int(fraction))],
            ]
        return [[*words, unit] for words in _decimal(front, fraction)] + _decimal(front, fraction)
    if fraction:
        return _decimal(front, fraction)
    if suffix in ("st", "nd", "rd", "th"):
        return [ordinal(int(front))] if len(front) < 16 else [digits(front)]
    if suffix in ("s", "'s"):
        number = int(front)
        base = year(number) if 1100 <= number <= 2099 else cardinal(number % 10**15)
        return [plural(base)]
    return whole(front)


def _decimal(front: str, fraction: str) -> List[Words]:
    if not fraction:
        return whole(front)
    return unique(
        [
            [*words, "point", *tail]
            for words in whole(front)
            for tail in unique([digits(fraction), whole(fraction)[0]])
        ]
    )


def _clock(hour: int, minutes: str) -> List[Words]:
    if minutes == "00":
        return [[*cardinal(hour), "o'clock"], cardinal(hour), [*cardinal(hour), "hundred"]]
    minute = int(minutes)
    return [[*cardinal(hour), *(["oh"] if minute < 10 else []), *cardinal(minute)]]
