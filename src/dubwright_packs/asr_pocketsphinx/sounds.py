"""Pronunciations for words that the dictionary lacks: two known halves, else rules of spelling.

An aligner needs roughly the right number of roughly the right sounds, not a pronunciation to speak
from: a wrong vowel costs little, a missing syllable much.
"""

from __future__ import annotations

from typing import Callable, List, Optional

# Longest spelling first at each position; "" is silent. CMU phones as in pocketsphinx's dictionary.
_RULES = {
    "tch": "CH",
    "sch": "SH",
    "igh": "AY",
    "eigh": "EY",
    "ough": "AO",
    "augh": "AO",
    "tion": "SH AH N",
    "sion": "ZH AH N",
    "cian": "SH AH N",
    "ture": "CH ER",
    "dge": "JH",
    "que": "K",
    "ch": "CH",
    "ck": "K",
    "sh": "SH",
    "ph": "F",
    "th": "TH",
    "wh": "W",
    "wr": "R",
    "kn": "N",
    "gn": "N",
    "gh": "G",
    "ng": "NG",
    "qu": "K W",
    "sc": "S K",
    "zh": "ZH",
    "ee": "IY",
    "ea": "IY",
    "ie": "IY",
    "ei": "AY",
    "ey": "IY",
    "ai": "EY",
    "ay": "EY",
    "oa": "OW",
    "oo": "UW",
    "ou": "AW",
    "ow": "OW",
    "oi": "OY",
    "oy": "OY",
    "au": "AO",
    "aw": "AO",
    "ew": "Y UW",
    "eu": "Y UW",
    "ue": "UW",
    "ar": "AA R",
    "er": "ER",
    "ir": "ER",
    "ur": "ER",
    "or": "AO R",
    "a": "AE",
    "b": "B",
    "c": "K",
    "d": "D",
    "e": "EH",
    "f": "F",
    "g": "G",
    "h": "HH",
    "i": "IH",
    "j": "JH",
    "k": "K",
    "l": "L",
    "m": "M",
    "n": "N",
    "o": "AA",
    "p": "P",
    "q": "K",
    "r": "R",
    "s": "S",
    "t": "T",
    "u": "AH",
    "v": "V",
    "w": "W",
    "x": "K S",
    "y": "IY",
    "z": "Z",
}
_LONG = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW", "y": "AY"}
_VOWELS = "aeiouy"
_SHORTEST_HALF = 3


def pronounce(word: str, lookup: Callable[[str], Optional[str]]) -> str:
    """Return phones for ``word`` (lower case letters and apostrophes).

    ``lookup`` gives the dictionary's phones of a word or None. An ending (``'s``, ``s``, ``ed``,
    ``ing``) is taken off first; then the split into two dictionary words with the longest shorter
    half; then spelling. Never empty for a word with a letter.
    """
    letters = word.replace("'", "")
    for ending, phones in (("'s", "Z"), ("s'", "S"), ("s", "Z"), ("ed", "D"), ("ing", "IH NG")):
        stem = word[: -len(ending)]
        if word.endswith(ending) and len(stem) >= _SHORTEST_HALF:
            known = lookup(stem) or lookup(stem + "e")
            if known:
                return f"{known} {phones}"
    halves = [
        (min(cut, len(letters) - cut), first, second)
        for cut in range(_SHORTEST_HALF, len(letters) - _SHORTEST_HALF + 1)
        for first, second in [(lookup(letters[:cut]), lookup(letters[cut:]))]
        if first and second
    ]
    if halves:
        _, first, second = max(halves)
        return f"{first} {second}"
    return spell_out(letters)


def spell_out(letters: str) -> str:
    """Phones of a word from its spelling alone."""
    phones: List[str] = []
    place = 0
    while place < len(letters):
        for length in (4, 3, 2, 1):
            part = letters[place : place + length]
            if len(part) == length and part in _RULES:
                break
        else:
            place += 1
            continue
        phones += _sound(letters, place, part).split()
        place += len(part)
        if len(part) == 1 and letters[place : place + 1] == part and part not in _VOWELS:
            place += 1  # a doubled consonant is one sound
    return " ".join(phones) or "AH"


def _sound(letters: str, place: int, part: str) -> str:
    after = letters[place + len(part) :]
    if part == "e" and not after and place > 1:
        return "" if any(char in _VOWELS for char in letters[:place]) else "IY"
    if part in ("c", "g") and after[:1] and after[0] in "eiy":
        return "S" if part == "c" else "JH"
    if part == "y" and place == 0 and after:
        return "Y"
    if part in _LONG and (after[1:] == "e" and after[0] not in _VOWELS + "wxr"):
        return _LONG[part]  # the final e makes it long: "Zane", "Clyde"
    if part in ("a", "i", "o", "u") and not after:
        return {"a": "AH", "i": "IY", "o": "OW", "u": "UW"}[part]
    return _RULES[part]
