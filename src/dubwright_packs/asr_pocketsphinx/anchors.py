"""Where a rough recognition and the true text surely agree."""

from __future__ import annotations

import bisect
from collections import defaultdict
from typing import Dict, List, Sequence, Tuple

ORDER = 3
_MOST_PLACES = 60
"""An n-gram that is in the text more often says little about where we are."""

Pair = Tuple[int, int]


def agree(heard: Sequence[str], text: Sequence[str], order: int = ORDER) -> List[Pair]:
    """Return pairs (index in ``heard``, index in ``text``) of words that are surely the same ones.

    Every run of ``order`` words that occurs in both gives candidate pairs; the longest chain of
    them that goes forward in both sequences is kept. Pairs ascend strictly in both.
    """
    places: Dict[Tuple[str, ...], List[int]] = defaultdict(list)
    for j in range(len(text) - order + 1):
        places[tuple(text[j : j + order])].append(j)
    starts: List[Pair] = []
    for i in range(len(heard) - order + 1):
        found = places.get(tuple(heard[i : i + order]), [])
        if len(found) <= _MOST_PLACES:
            starts += [(i, j) for j in reversed(found)]
    pairs: Dict[int, int] = {}
    taken = -1
    for i, j in _longest_chain(starts):
        for step in range(order):
            # Neighbouring runs overlap; where they disagree the earlier one stands.
            if i + step not in pairs and j + step > taken:
                pairs[i + step] = taken = j + step
    return sorted(pairs.items())


def _longest_chain(pairs: Sequence[Pair]) -> List[Pair]:
    """Longest subsequence strictly ascending in both numbers, of pairs sorted by the first
    ascending and the second descending (patience sorting; Fredman 1975)."""
    tails: List[int] = []
    tops: List[int] = []
    back: List[int] = []
    for index, (_, j) in enumerate(pairs):
        pile = bisect.bisect_left(tails, j)
        back.append(tops[pile - 1] if pile else -1)
        if pile == len(tails):
            tails.append(j)
            tops.append(index)
        else:
            tails[pile] = j
            tops[pile] = index
    chain: List[Pair] = []
    index = tops[-1] if tops else -1
    while index >= 0:
        chain.append(pairs[index])
        index = back[index]
    return chain[::-1]
