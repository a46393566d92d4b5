"""A line of text as a word graph with one way in and one way out."""

from __future__ import annotations

from typing import Dict, List, Sequence, Tuple, Union

SKIP = 1e-100
"""Probability of leaving a sentence out that may be left out. Silence fits unclear speech well, so that
only a text that does not fit at all should lose against it (1e-40 loses spoken sentences)."""

Transition = Union[Tuple[int, int, float, str], Tuple[int, int, float]]


class Grammar:
    """States and transitions that say the tokens in order, each in any of its readings.

    Each occurrence of a word has a name of its own (``the~2``), so that the decoder's answer tells
    which token was said. Names are numbered per grammar and therefore shared between grammars.
    ``optional`` are half-open ranges of tokens that may be left out.
    """

    def __init__(
        self,
        readings: Sequence[Sequence[Sequence[str]]],
        optional: Sequence[Tuple[int, int]] = (),
    ) -> None:
        self.transitions: List[Transition] = []
        self.owner: Dict[str, int] = {}
        """Name to index of its token."""
        self.words: Dict[str, str] = {}
        """Name to word."""
        self._states = 1
        self._uses: Dict[str, int] = {}
        state = 0
        states = [0]
        for token, ways in enumerate(readings):
            if any(ways):
                state = self._token(token, [way for way in ways if way], state)
            states.append(state)
        self.final = state
        for first, last in optional:
            if states[first] != states[last]:
                self.transitions.append((states[first], states[last], SKIP))

    def _token(self, token: int, ways: Sequence[Sequence[str]], start: int) -> int:
        end = self._state()
        for way in ways:
            state = start
            for place, word in enumerate(way):
                following = end if place == len(way) - 1 else self._state()
                name = f"{word}~{self._uses.get(word, 0)}"
                self._uses[word] = self._uses.get(word, 0) + 1
                self.owner[name] = token
                self.words[name] = word
                self.transitions.append((state, following, 1.0, name))
                state = following
        return end

    def _state(self) -> int:
        self._states += 1
        return self._states - 1
