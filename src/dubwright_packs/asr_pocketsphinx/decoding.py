"""pocketsphinx behind three questions: what is said, what of this text is said, when is this said.

pocketsphinx (BSD-2-Clause) and its en-us model and CMU dictionary are in one wheel.
"""

from __future__ import annotations

import os
import tempfile
from array import array
from dataclasses import dataclass
from typing import Any, Dict, Iterator, List, Optional, Sequence, Set, Tuple

from .grammar import Grammar
from .language_model import write_arpa
from .sounds import pronounce

_FRAME_S = 0.01
_SHORTEST_BYTES = 3200
"""0.1 s: less holds no word, and pocketsphinx fails on less than a frame."""
_FEWEST_FRAMES = 3
"""A phone's three states take at least a frame each."""
_SILENT_PEAK = 30
_RARE_SILENCE, _USUAL_SILENCE = 1e-5, 0.05


@dataclass(frozen=True)
class Heard:
    """A recognised word; times from the chunk's start."""

    word: str
    start_s: float
    end_s: float
    p: float


class Recogniser:
    """Recognition with the general English model: a draft."""

    def __init__(self) -> None:
        from pocketsphinx import Config, Decoder

        self._decoder = Decoder(Config(loglevel="FATAL"))

    def hear(self, pcm: bytes) -> List[Heard]:
        """The words of a chunk (16 kHz mono int16)."""
        return list(_decode(self._decoder, pcm))


class Lexicon:
    """Pronunciations: the CMU dictionary of the wheel, else made from the spelling."""

    def __init__(self) -> None:
        from pocketsphinx import get_model_path

        self._known: Dict[str, Tuple[str, ...]] = {}
        path = get_model_path("en-us/cmudict-en-us.dict")
        with open(path, encoding="utf-8") as lines:  # noqa: PTH123  # a path string it is
            for line in lines:
                name, _, phones = line.strip().partition(" ")
                word = name.partition("(")[0]
                self._known[word] = (*self._known.get(word, ()), phones)

    def sounds(self, word: str) -> Tuple[str, ...]:
        """Every pronunciation of ``word``; never empty."""
        if word not in self._known:
            self._known[word] = (pronounce(word, self._first),)
        return self._known[word]

    def entries(self, name: str, word: str) -> Iterator[Tuple[str, str]]:
        """(dictionary name, phones) that make ``name`` sound like ``word``."""
        for number, phones in enumerate(self.sounds(word)):
            yield (name if number == 0 else f"{name}({number + 1})"), phones

    def _first(self, word: str) -> Optional[str]:
        known = self._known.get(word)
        return known[0] if known else None


class Aligner:
    """Recognition and alignment of a known text.

    The decoders get dictionaries of just the words needed: with the whole one, pocketsphinx takes
    seconds to take in a small language model.
    """

    def __init__(self) -> None:
        self._lexicon = Lexicon()
        # Between anchors little is said, so nothing has to be pruned; a whole text needs beams. And
        # where words can be left out, silence must be dear: it fits unclear speech well enough.
        self._decoder = _known_text_decoder(["uh AH"], 1e-200, 1e-180, _USUAL_SILENCE)
        self._listener: Any = None
        self._aliases: Set[str] = set()

    def expect(self, words: Sequence[str]) -> None:
        """From now on :meth:`hear` expects these words, in about this order."""
        entries = [
            f"{name} {phones}"
            for word in sorted(set(words))
            for name, phones in self._lexicon.entries(word, word)
        ]
        self._listener = _known_text_decoder(entries, 1e-60, 1e-40, _RARE_SILENCE)
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "text.arpa")  # noqa: PTH118  # pocketsphinx takes strings
            with open(path, "w", encoding="utf-8") as out:  # noqa: PTH123
                write_arpa(words, out)
            self._listener.add_lm_file("text", path)
        self._listener.activate_search("text")

    def hear(self, pcm: bytes) -> List[Heard]:
        """The words of a chunk, given the expected text."""
        return list(_decode(self._listener, pcm))

    def align(
        self,
        pcm: bytes,
        readings: Sequence[Sequence[Sequence[str]]],
        optional: Sequence[Tuple[int, int]] = (),
    ) -> Optional[List[Optional[Heard]]]:
        """Times of every token (given by its readings) when exactly these are said, in order.

        None when the decoder finds no way through, or only by squeezing a word into the least time
        that its phones can take; an element is None for a token without sound. The ``optional`` ranges
        of tokens may be left out, whole; their elements are then None.
        """
        grammar = Grammar(readings, optional)
        if not grammar.owner:
            return [None] * len(readings)
        for alias, word in grammar.words.items():
            self._add(alias, word)
        fsg = self._decoder.create_fsg("line", 0, grammar.final, grammar.transitions)
        self._decoder.add_fsg("line", fsg)
        self._decoder.activate_search("line")
        found: List[Optional[Heard]] = [None] * len(readings)
        for heard in _decode(self._decoder, pcm):
            token = grammar.owner.get(heard.word)
            if token is None:
                continue
            if self._squeezed(heard, grammar.words[heard.word]):
                return None
            first = found[token] or heard
            found[token] = Heard(heard.word, first.start_s, heard.end_s, min(first.p, heard.p))
        said = {token for token, one in enumerate(found) if one is not None}
        for start, end in optional:
            if said.isdisjoint(range(start, end)):
                said.update(range(start, end))
        return found if said.issuperset(grammar.owner.values()) else None

    def _squeezed(self, heard: Heard, word: str) -> bool:
        phones = min(len(sounds.split()) for sounds in self._lexicon.sounds(word))
        frames = (heard.end_s - heard.start_s) / _FRAME_S
        return phones >= 4 and frames < (_FEWEST_FRAMES + 0.4) * phones

    def _add(self, alias: str, word: str) -> None:
        if alias not in self._aliases:
            self._aliases.add(alias)
            for name, phones in self._lexicon.entries(alias, word):
                self._decoder.add_word(name, phones, False)


def _known_text_decoder(
    entries: Sequence[str], beam: float, word_beam: float, silence: float
) -> Any:
    """A decoder with this dictionary and no language model yet."""
    from pocketsphinx import Config, Decoder

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "text.dict")  # noqa: PTH118  # pocketsphinx takes strings
        with open(path, "w", encoding="utf-8") as out:  # noqa: PTH123
            out.write("\n".join(entries) + "\n")
        # No second look at the word lattice: with a grammar it may stop before the text's end.
        return Decoder(
            Config(
                dict=path,
                lm=None,
                loglevel="FATAL",
                silprob=silence,
                fillprob=1e-20,
                bestpath=False,
                beam=beam,
                pbeam=beam,
                wbeam=word_beam,
            )
        )


def _sounds(pcm: bytes) -> bool:
    """False for digital silence, in which the general model hears short words."""
    samples = array("h")
    samples.frombytes(pcm)
    return max(samples) > _SILENT_PEAK or -min(samples) > _SILENT_PEAK


def _decode(decoder: Any, pcm: bytes) -> Iterator[Heard]:
    if len(pcm) < _SHORTEST_BYTES or not _sounds(pcm):
        return
    decoder.start_utt()
    try:
        decoder.process_raw(pcm, full_utt=True)
    finally:
        decoder.end_utt()
    for segment in decoder.seg() or ():
        word = segment.word.split("(")[0]
        if word[:1] in ("<", "[", "+"):
            continue
        start = segment.start_frame * _FRAME_S
        end = (segment.end_frame + 1) * _FRAME_S
        yield Heard(word, start, end, min(1.0, max(0.01, float(segment.prob))))
