"""Times for the words of a long text, after Moreno, Joerg, Van Thong and Glickman, "A recursive
algorithm for the forced alignment of very long audio segments" (ICSLP 1998).

The speech is recognised with a model of the text itself; where recognition and text surely agree
are anchors, which are exact and cannot drift. Between anchors the text is known, so it is aligned
there; what does not fit is spread over the speech between and marked p = 0.
"""

from __future__ import annotations

import bisect
import itertools
from dataclasses import dataclass
from typing import Dict, List, Optional, Sequence, Tuple

from dubwright_kit import Report
from dubwright_kit.contracts import TextSpan, Word

from .anchors import agree
from .decoding import Aligner, Heard
from .spreading import Span, clip, fill, spread
from .timeline import Chunk, Recording, chunks, padded
from .tokens import ends_sentence, readings

CHUNK_S = 20.0
_PAGE_WORDS = 4000
"""One language model covers this many words; more would be slower and less certain."""
_OVERLAP_WORDS = 150
_LOOK_EVERY = 8
"""Chunks between two looks at where in the page we are."""
_LONGEST_GAP_S = 40.0
_WHOLE_GAP_S = 10.0
"""Up to this the pauses in a gap are listened to as well: speech may have been missed in them."""
_MOST_OPTIONAL_TOKENS = 200
_STRANDED_LETTERS, _CLOSE_S, _PAUSE_S = 4, 0.15, 0.35
_WIDER = (0, 2, 6)
_SECONDS_A_LETTER = (0.018, 0.35)
"""Speech between anchors outside this range is not the text between them."""
_SHORTEST_LETTER_S = 0.022
_LONGEST_WORD_S, _LONGEST_LETTER_S = 0.9, 0.15


@dataclass(frozen=True)
class _Token:
    text: str
    ways: List[List[str]]
    cue: Optional[Span]

    @property
    def letters(self) -> int:
        return sum(len(word) for word in self.ways[0])


def align(
    recording: Recording, text: Sequence[TextSpan], speech: Sequence[Span], report: Report
) -> Tuple[Word, ...]:
    """One Word per whitespace token of ``text``; p = 0 where the time is interpolated.

    Progress in seconds of speech; may raise ``Cancelled`` between chunks.
    """
    tokens = [
        _Token(token, readings(token), _cue(span)) for span in text for token in span.text.split()
    ]
    spans = padded(speech, recording.length_s)
    aligner = Aligner()
    found = _anchors(aligner, recording, tokens, chunks(spans, CHUNK_S), report)
    _align_between(aligner, recording, tokens, found, spans, report)
    return _words(tokens, found, speech or spans, recording.length_s)


def _cue(span: TextSpan) -> Optional[Span]:
    return None if span.start_s is None or span.end_s is None else (span.start_s, span.end_s)


def _anchors(
    aligner: Aligner,
    recording: Recording,
    tokens: Sequence[_Token],
    pieces: Sequence[Chunk],
    report: Report,
) -> Dict[int, Heard]:
    """Token index to where it was heard (times of the recording)."""
    total = sum(chunk.length_s for chunk in pieces)
    spoken = [(word, index) for index, token in enumerate(tokens) for word in token.ways[0]]
    found: Dict[int, Heard] = {}
    page: List[Tuple[str, int]] = []
    turn_at = first = 0
    heard: List[Heard] = []
    done = 0.0
    for number, chunk in enumerate(pieces):
        report(done, total, "aligning")
        if not page:
            page = spoken[first : first + _PAGE_WORDS]
            turn_at = len(page) - 2 * _OVERLAP_WORDS
            heard = []
            aligner.expect([word for word, _ in page])
        heard += [_moved(chunk, one) for one in aligner.hear(recording.read(chunk))]
        done += chunk.length_s
        if number % _LOOK_EVERY and number < len(pieces) - 1:
            continue
        pairs = agree([one.word for one in heard], [word for word, _ in page])
        if number == len(pieces) - 1:
            found.update(_timed(pairs, heard, page, tokens))
        elif pairs and pairs[-1][1] >= turn_at and first + len(page) < len(spoken):
            found.update(_timed(pairs, heard, page, tokens))
            first += pairs[-1][1] - _OVERLAP_WORDS
            page = []
    return found


def _moved(chunk: Chunk, heard: Heard) -> Heard:
    """``heard`` in the recording's time, wholly on the side of a pause where most of it lies."""
    start, end = chunk.span(heard.start_s, heard.end_s)
    return Heard(heard.word, start, end, heard.p)


def _timed(
    pairs: Sequence[Tuple[int, int]],
    heard: Sequence[Heard],
    block: Sequence[Tuple[str, int]],
    tokens: Sequence[_Token],
) -> Dict[int, Heard]:
    """The tokens all of whose words are in ``pairs``, without those heard impossibly short."""
    parts: Dict[int, List[Heard]] = {}
    for i, j in pairs:
        parts.setdefault(block[j][1], []).append(heard[i])
    return {
        token: Heard(tokens[token].text, some[0].start_s, some[-1].end_s, min(h.p for h in some))
        for token, some in parts.items()
        if len(some) == len(tokens[token].ways[0])
        and some[-1].end_s - some[0].start_s >= _SHORTEST_LETTER_S * tokens[token].letters
    }


def _align_between(
    aligner: Aligner,
    recording: Recording,
    tokens: Sequence[_Token],
    found: Dict[int, Heard],
    spans: Sequence[Span],
    report: Report,
) -> None:
    """Align each run of tokens without a time, together with its timed neighbours, in place."""
    anchored = sorted(found)
    gaps = _runs([index in found or not token.letters for index, token in enumerate(tokens)])
    for number, (first, _) in enumerate(gaps):
        report(number, len(gaps), "aligning between anchors")
        place = bisect.bisect(anchored, first)
        # An anchor beside a gap may itself be wrong: where nothing fits, look further out.
        for wider in _WIDER:
            left, right = place - 1 - wider, place + wider
            before = anchored[left] if left >= 0 else None
            after = anchored[right] if right < len(anchored) else None
            start = 0 if before is None else before
            stop = len(tokens) if after is None else after + 1
            low = found[before].start_s if before is not None else spans[0][0]
            high = found[after].end_s if after is not None else spans[-1][1]
            heard = _aligned_gap(aligner, recording, tokens[start:stop], clip(spans, low, high))
            inner = range(start + (before is not None), stop - (after is not None))
            timed = {i: one for i in inner if heard and (one := heard[i - start]) is not None}
            if timed:
                for index in inner:
                    found.pop(index, None)
                found.update(timed)
                break


def _runs(have: Sequence[bool]) -> List[Tuple[int, int]]:
    """Half-open ranges of consecutive False."""
    result: List[Tuple[int, int]] = []
    start: Optional[int] = None
    for index, one in enumerate([*have, True]):
        if not one and start is None:
            start = index
        elif one and start is not None:
            result.append((start, index))
            start = None
    return result


def _aligned_gap(
    aligner: Aligner, recording: Recording, tokens: Sequence[_Token], spans: Sequence[Span]
) -> Sequence[Optional[Heard]]:
    """The tokens' times when the speech in ``spans`` can be just these tokens; else nothing."""
    letters = sum(token.letters for token in tokens)
    seconds = sum(b - a for a, b in spans)
    fewest, most = _SECONDS_A_LETTER
    if not spans or not letters or seconds > min(_LONGEST_GAP_S, most * letters + 1.0):
        return []
    whole = (spans[0][0], spans[-1][1])
    chunk = Chunk((whole,) if whole[1] - whole[0] <= _WHOLE_GAP_S else tuple(spans))
    pcm = recording.read(chunk)
    ways = [token.ways for token in tokens]
    heard = aligner.align(pcm, ways) if seconds >= fewest * letters else None
    if heard is None and len(tokens) <= _MOST_OPTIONAL_TOKENS:
        heard = aligner.align(pcm, ways, _sentences(tokens))
    return [None if one is None else _moved(chunk, one) for one in heard or ()]


def _sentences(tokens: Sequence[_Token]) -> List[Tuple[int, int]]:
    """Half-open ranges of the sentences between the first and the last token, which are anchors."""
    last = len(tokens) - 1
    ends = [i + 1 for i in range(1, last) if ends_sentence(tokens[i].text)]
    cuts = [1, *(end for end in ends if 1 < end < last), last]
    return [(a, b) for a, b in zip(cuts[:-1], cuts[1:]) if b > a]


def _words(
    tokens: Sequence[_Token], found: Dict[int, Heard], speech: Sequence[Span], end_s: float
) -> Tuple[Word, ...]:
    times: List[Optional[Span]] = [None] * len(tokens)
    p = [0.0] * len(tokens)
    latest = 0.0
    for index in sorted(found):
        one = found[index]
        longest = _LONGEST_WORD_S + _LONGEST_LETTER_S * tokens[index].letters
        start = max(latest, one.start_s)
        end = max(start, min(one.end_s, start + longest))
        times[index], p[index], latest = (start, end), one.p, end
    _rejoin(tokens, times)
    weights = [token.letters + 1.0 if token.letters else 0.0 for token in tokens]
    _spread_in_cues(tokens, times, weights, speech, end_s)
    filled = fill(times, weights, speech, end_s)
    return tuple(
        Word(token.text, round(start, 3), round(end, 3), round(sure, 3))
        for token, (start, end), sure in zip(tokens, filled, p)
    )


def _rejoin(tokens: Sequence[_Token], times: List[Optional[Span]]) -> None:
    """Move a sentence's short first word from before the pause to the sentence that follows.

    A soft "The" or "At" is as likely in the fading end of the sentence before; the text knows.
    """
    for index in range(1, len(tokens) - 1):
        before, here, after = times[index - 1 : index + 2]
        if before is None or here is None or after is None:
            continue
        if tokens[index].letters > _STRANDED_LETTERS or not ends_sentence(tokens[index - 1].text):
            continue
        if here[0] - before[1] < _CLOSE_S and after[0] - here[1] > _PAUSE_S:
            length = min(here[1] - here[0], _CLOSE_S)
            times[index] = (after[0] - length, after[0])


def _spread_in_cues(
    tokens: Sequence[_Token],
    times: List[Optional[Span]],
    weights: Sequence[float],
    speech: Sequence[Span],
    end_s: float,
) -> None:
    """Words that were not found stay inside their cue's own time, as far as neighbours allow."""
    for first, last in _runs([one is not None for one in times]):
        known_before, known_after = times[first - 1] if first else None, None
        if last < len(times):
            known_after = times[last]
        low = known_before[1] if known_before else 0.0
        high = known_after[0] if known_after else end_s
        for cue, group in itertools.groupby(range(first, last), key=lambda i: tokens[i].cue):
            inside = list(group)
            if cue is None or min(high, cue[1]) - max(low, cue[0]) < 0.04 * len(inside):
                continue
            a, b = max(low, cue[0]), min(high, cue[1])
            spans = clip(speech, a, b)
            if sum(end - start for start, end in spans) < 0.04 * len(inside):
                spans = [(a, b)]
            laid = spread([weights[i] for i in inside], spans)
            for i, one in zip(inside, laid):
                times[i] = one
            low = laid[-1][1]
