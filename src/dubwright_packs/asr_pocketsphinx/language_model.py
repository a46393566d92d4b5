"""A trigram model of one text, so that a recogniser expects just these words (ARPA format)."""

from __future__ import annotations

import math
from collections import Counter
from typing import IO, List, Sequence, Tuple

_BACK_OFF = 0.3
"""Probability kept for what the text does not say next: fixed, because the text is nearly right."""


def write_arpa(words: Sequence[str], out: IO[str]) -> None:
    """Write the trigram model of ``words`` in order. A chunk of speech may begin anywhere: every
    word follows the start symbol as often as it occurs."""
    one = Counter(words)
    two: Counter[Tuple[str, ...]] = Counter(zip(words[:-1], words[1:]))
    three: Counter[Tuple[str, ...]] = Counter(zip(words[:-2], words[1:-1], words[2:]))
    for word, count in one.items():
        two["<s>", word] = count
        two[word, "</s>"] = 1
    before_two: Counter[str] = Counter()
    for (first, _), count in two.items():
        before_two[first] += count
    before_three: Counter[Tuple[str, ...]] = Counter()
    for (first, second, _), count in three.items():
        before_three[first, second] += count
    total = sum(one.values()) + 1
    back = f"{math.log10(_BACK_OFF):.4f}"
    lines: List[str] = ["\\data\\", f"ngram 1={len(one) + 2}", f"ngram 2={len(two)}"]
    lines += [f"ngram 3={len(three)}", "", "\\1-grams:", f"-99 <s> {back}"]
    lines.append(f"{math.log10(1 / total):.4f} </s>")
    lines += [f"{math.log10(count / total):.4f} {word} {back}" for word, count in one.items()]
    lines += ["", "\\2-grams:"]
    for (first, second), count in two.items():
        share = (1 - _BACK_OFF) * count / before_two[first]
        lines.append(f"{math.log10(share):.4f} {first} {second} {back}")
    lines += ["", "\\3-grams:"]
    for (first, second, third), count in three.items():
        share = (1 - _BACK_OFF) * count / before_three[first, second]
        lines.append(f"{math.log10(share):.4f} {first} {second} {third}")
    lines += ["", "\\end\\", ""]
    out.write("\n".join(lines))
