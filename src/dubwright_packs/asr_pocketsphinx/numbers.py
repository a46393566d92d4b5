"""English numbers as people read them aloud. Plain Python."""

from __future__ import annotations

from typing import List

Words = List[str]

_ONES = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]
_TENS = [
    "zero",
    "ten",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
]
_SCALES = ((10**12, "trillion"), (10**9, "billion"), (10**6, "million"), (1000, "thousand"))
_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
_LONGEST = 15
"""Longer digit strings are read digit by digit."""


def cardinal(number: int, joined_by_and: bool = False) -> Words:
    """``205`` -> two hundred five (``joined_by_and``: two hundred and five). Not negative."""
    if number < 20:
        return [_ONES[number]]
    if number < 100:
        rest = number % 10
        return [_TENS[number // 10]] + ([_ONES[rest]] if rest else [])
    if number < 1000:
        rest = number % 100
        words = [_ONES[number // 100], "hundred"]
        if rest:
            words += (["and"] if joined_by_and else []) + cardinal(rest)
        return words
    for scale, name in _SCALES:
        if number >= scale:
            rest = number % scale
            words = [*cardinal(number // scale, joined_by_and), name]
            if rest:
                words += ["and"] if joined_by_and and rest < 100 else []
                words += cardinal(rest, joined_by_and)
            return words
    raise ValueError(number)


def ordinal(number: int) -> Words:
    """``22`` -> twenty second."""
    *front, last = cardinal(number)
    if last in _ORDINALS:
        return [*front, _ORDINALS[last]]
    return [*front, last[:-1] + "ieth" if last.endswith("y") else last + "th"]


def year(number: int) -> Words:
    """``1961`` -> nineteen sixty one, ``1905`` -> nineteen oh five, ``2005`` -> two thousand five."""
    century, rest = divmod(number, 100)
    if number % 1000 < 10:
        return cardinal(number)
    if rest == 0:
        return [*cardinal(century), "hundred"]
    return [*cardinal(century), *(["oh", _ONES[rest]] if rest < 10 else cardinal(rest))]


def digits(text: str) -> Words:
    """``007`` -> zero zero seven."""
    return [_ONES[int(char)] for char in text if char.isdigit()]


def plural(words: Words) -> Words:
    """``["sixty"]`` -> sixties, ``["nineteen", "hundred"]`` -> nineteen hundreds."""
    last = words[-1]
    return [*words[:-1], last[:-1] + "ies" if last.endswith("y") else last + "s"]


def whole(text: str) -> List[Words]:
    """Every usual reading of a string of digits, the likeliest first."""
    if len(text) > _LONGEST or (len(text) > 1 and text[0] == "0"):
        return [digits(text)]
    number = int(text)
    readings: List[Words] = []
    if len(text) == 4 and 1100 <= number <= 2099:
        readings.append(year(number))
    readings += [cardinal(number), cardinal(number, True)]
    if len(text) >= 3:
        readings.append(digits(text))
    if len(text) == 3 and number % 100 >= 10:
        readings.append([_ONES[number // 100], *cardinal(number % 100)])  # "room four twelve"
    return unique(readings)


def unique(readings: List[Words]) -> List[Words]:
    """``readings`` without repetitions, in order."""
    found: List[Words] = []
    for reading in readings:
        if reading not in found:
            found.append(reading)
    return found
