"""Where somebody speaks in a film whose voice has been separated from the rest.

A detector of speech misses words under music; in the separated voice it finds most of them. It
still misses some there (quiet ones, distorted ones), so the bed of a dub needs more than it: what
is loud in the separated voice and is a fair part of the film at that moment is taken as voice too.
Nothing is lost by that where it errs: there the bed is the background stem, as under any line.

Measured on 20 scenes of 40 s with known speech: see docs/separation.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from dubwright.engines.vad import FRAME_S, speech_spans

F32 = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Spans = list[tuple[float, float]]

THRESHOLD = 0.5
"""Probability of speech in the separated voice, from which somebody is taken to speak."""
UNDER_LOUD_DB = 20.0
"""The separated voice counts down to so much under its level while somebody speaks."""
UNDER_FILM_DB = 8.0
"""And only where it is at most so much under the film at that moment."""
SHORTEST_FRAMES = 3
"""About 0.1 s: the shortest words. Less is a click."""
SILENCE_DB = -120.0


@dataclass(frozen=True)
class Listened:
    """What was heard in one sound: probability of speech and level in dB of full scale, each
    [frames] of 32 ms. ``level_db`` is empty where it was not measured."""

    p: F32
    level_db: F32

    @staticmethod
    def of(found: Mapping[str, Any]) -> Listened:
        """From the document that reading a sound leaves (``vad.json``)."""
        p = np.array(found.get("p", ()), np.float32)
        level_db = np.array(found.get("level_db", ()), np.float32)
        return Listened(p, level_db)


def level_db(frames: npt.NDArray[np.floating[Any]]) -> F32:
    """Mean level of each row of ``frames`` [n, samples] in dB of full scale, -120 at least, [n]."""
    power = np.mean(np.square(frames, dtype=np.float64), axis=1)
    found: F32 = (10 * np.log10(np.maximum(power, 10 ** (SILENCE_DB / 10)))).astype(np.float32)
    return found


def speaking(voice: Listened) -> Spans:
    """Where somebody speaks, by the separated voice: (start_s, end_s), sorted and disjoint."""
    return speech_spans(voice.p, FRAME_S, threshold=THRESHOLD)


def voiced(film: Listened, voice: Listened) -> Spans:
    """Where the film may hold a voice: by either detector, or by the level of the separated voice.

    Both must be of the same length; of films that were read before levels were measured, only the
    detectors count.
    """
    heard = speech_spans(film.p, FRAME_S) + speaking(voice)
    count = len(voice.p)
    if not heard or not count or not len(film.level_db) == len(voice.level_db) == count:
        return sorted(heard)
    marked = np.zeros(count, np.bool_)
    for start_s, end_s in heard:
        marked[int(start_s / FRAME_S) : int(np.ceil(end_s / FRAME_S))] = True
    loud_db = 10 * np.log10(np.mean(10 ** (voice.level_db[marked].astype(np.float64) / 10)))
    present = voice.level_db > max(loud_db - UNDER_LOUD_DB, SILENCE_DB + 1)
    present &= voice.level_db > film.level_db - UNDER_FILM_DB
    return sorted(heard + _runs(present))


def _runs(flags: Flags) -> Spans:
    """Runs of at least :data:`SHORTEST_FRAMES` in seconds."""
    around = np.concatenate([[False], flags, [False]])
    edges = np.flatnonzero(around[1:] != around[:-1])
    pairs = zip(edges[0::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(a * FRAME_S, b * FRAME_S) for a, b in pairs if b - a >= SHORTEST_FRAMES]
