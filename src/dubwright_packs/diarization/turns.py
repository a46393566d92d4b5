"""From voiceprints to turns: cut at changes of voice, group the pieces, follow the speakers.

Embeddings of 1.6 s windows are noisy and blur changes, those of turns are not: so pieces of some
seconds are clustered first (agglomerative, as in most systems since Tranter and Reynolds, "An
overview of automatic speaker diarization systems", 2006), and the windows are then assigned to the
speakers found, with a cost for each change (Viterbi resegmentation, ibid.).
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from typing import List, Optional, Sequence, Tuple

import numpy as np
import numpy.typing as npt

from dubwright.engines.clustering import best_path, centroids, cluster, in_order
from dubwright_kit.contracts import Span, Turn, Word
from dubwright_packs.diarization.voiceprint import FRAMES_PER_S, WINDOW_S, Voiceprints

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TurnSettings:
    """Chosen on synthetic dialogues: one to five espeak-ng voices with other vocal tracts, each line
    varied until a voice resembles itself as people's do, clean, noisy and in rooms. ``join_s`` and
    ``breath_s`` are not: they follow how people mark turns, seen on one real dialogue."""

    change: float = 0.20
    """Cosine distance of the voice before and after a point that makes it a change."""
    same_voice: float = 0.90
    """Mean corrected cosine from which two clusters are one speaker."""
    noise_s: float = 0.6
    """Two pieces of a speaker, d seconds long, have a cosine of about d / (d + this)."""
    long_piece_s: float = 1.5
    """Shorter pieces have no say in how many speakers there are."""
    least_speech_s: float = 3.0
    """Who says less in all is no speaker of their own."""
    switch_cost: float = 0.3
    """Of another speaker within a span, in cosine x cells."""
    pause_share: float = 0.2
    """Of that cost where a pause lies between."""
    cell_s: float = 0.2
    join_s: float = 0.8
    """Pauses up to this within one speaker's speech belong to the turn."""
    breath_s: float = 0.2
    """A turn begins and ends this much outside the detected speech, as a person would mark it:
    detectors miss breath, soft onsets and what dies away."""
    reach_s: float = 0.4
    """How far a boundary may move to the quietest moment, or to a gap between words."""


def find_turns(
    prints: Voiceprints,
    speech: Sequence[Span],
    n_speakers: Optional[int],
    words: Sequence[Word] = (),
    settings: Optional[TurnSettings] = None,
) -> List[Turn]:
    """Return turns in order, disjoint, speakers "S1" ... by first appearance."""
    settings = settings or TurnSettings()
    cells, owner = _cells(speech, settings)
    if not len(cells):
        return []
    if len(prints.vectors):
        centres = _speakers(prints, speech, n_speakers, settings)
        cost = _switch_costs(speech, owner, settings)
        shares = _shares(prints, cells, owner)
        for _ in range(3):
            labels = best_path((shares @ (prints.vectors @ centres.T)).astype(np.float64), cost)
            centres = _recentred(prints, cells, owner, labels, centres)
    else:
        labels = np.zeros(len(cells), dtype=np.int64)
    runs = _runs(cells, owner, in_order(labels), speech)
    gaps = _word_gaps(words)
    turns = _join(_moved(runs, prints.level, gaps, settings), settings.join_s)
    return _widened(turns, len(prints.level) / FRAMES_PER_S, settings.breath_s)


def change_points(prints: Voiceprints, begin: int, end: int, settings: TurnSettings) -> List[float]:
    """Times within one span (windows ``begin..end``) at which the voice changes."""
    windows, vectors = prints.windows[begin:end], prints.vectors[begin:end]
    if len(windows) < 4:
        return []
    times = windows[:, 0] + WINDOW_S / 2
    inside = np.arange(windows[0, 0] + 1.0, windows[-1, 1] - 1.0, settings.cell_s)
    if not len(inside):
        return []
    # Windows centred 0.4 to 2 s away hardly reach over the point.
    apart = times[None] - inside[:, None]
    before = _mean((apart < -0.35) & (apart > -2.0), vectors)
    after = _mean((apart > 0.35) & (apart < 2.0), vectors)
    distance = 1.0 - np.sum(before * after, axis=1)
    points: List[float] = []
    for index in np.argsort(-distance, kind="stable"):
        if distance[index] < settings.change:
            break
        if all(abs(inside[index] - point) >= 1.0 for point in points):
            points.append(float(inside[index]))
    return sorted(points)


def _speakers(
    prints: Voiceprints, speech: Sequence[Span], wanted: Optional[int], settings: TurnSettings
) -> F32:
    """Cluster pieces; return one unit vector a speaker."""
    pieces: List[F32] = []
    seconds: List[float] = []
    begins = np.searchsorted(prints.span, np.arange(len(speech) + 1))
    for index, (start_s, end_s) in enumerate(speech):
        begin, end = int(begins[index]), int(begins[index + 1])
        if begin == end:
            continue
        edges = [start_s, *change_points(prints, begin, end, settings), end_s]
        middles = prints.windows[begin:end].mean(axis=1)
        for left, right in zip(edges[:-1], edges[1:]):
            pure = (middles >= left + 0.3) & (middles <= right - 0.3)
            if not pure.any():
                pure[np.argmin(np.abs(middles - (left + right) / 2))] = True
            pieces.append(_unit(prints.vectors[begin:end][pure].sum(axis=0)))
            seconds.append(right - left)
    vectors, weights = np.stack(pieces), np.array(seconds)
    long = weights >= settings.long_piece_s
    if not long.any() or (wanted is not None and int(long.sum()) < wanted):
        long[:] = True
    # A short piece resembles even its own speaker less. Divided by the root of its reliability, a
    # cosine no longer depends on lengths (correction for attenuation, Spearman, 1904).
    reliability = weights / (weights + settings.noise_s)
    labels = cluster(
        (vectors / np.sqrt(reliability)[:, None]).astype(np.float32)[long],
        weights[long],
        threshold=settings.same_voice,
        count=wanted,
        smallest=settings.least_speech_s,
    )
    return centroids(vectors[long], weights[long], labels)


def _cells(speech: Sequence[Span], settings: TurnSettings) -> Tuple[F64, Labels]:
    """Cut the spans into cells of about ``cell_s``: [n, 2] seconds, and each one's span."""
    cells: List[F64] = []
    owners: List[int] = []
    for index, (start_s, end_s) in enumerate(speech):
        count = max(1, round((end_s - start_s) / settings.cell_s))
        edges = np.linspace(start_s, end_s, count + 1)
        cells.append(np.stack([edges[:-1], edges[1:]], axis=1))
        owners += [index] * count
    every = np.concatenate(cells) if cells else np.zeros((0, 2))
    return every, np.array(owners, dtype=np.int64)


class _Shares:
    """How much each window says about each cell; block-diagonal by span, applied with ``@``."""

    def __init__(self, blocks: List[Tuple[int, int, int, int, F32]], cells: int) -> None:
        self._blocks, self._cells = blocks, cells

    def __matmul__(self, values: F32) -> F32:
        out = np.zeros((self._cells, values.shape[1]), dtype=np.float32)
        for cell, cell_end, window, window_end, share in self._blocks:
            out[cell:cell_end] = share @ values[window:window_end]
        return out


def _shares(prints: Voiceprints, cells: F64, owner: Labels) -> _Shares:
    blocks = []
    for index in range(int(owner[-1]) + 1):
        cell, cell_end = np.searchsorted(owner, [index, index + 1]).tolist()
        window, window_end = np.searchsorted(prints.span, [index, index + 1]).tolist()
        if window == window_end:
            continue  # too short to tell: the neighbours decide
        middles = cells[cell:cell_end].mean(axis=1)[:, None]
        heard = prints.windows[window:window_end].mean(axis=1)[None]
        near = np.maximum(0.0, 1.0 - np.abs(middles - heard) / (WINDOW_S / 2)) + 1e-6
        share = (near / near.sum(axis=1, keepdims=True)).astype(np.float32)
        blocks.append((cell, cell_end, window, window_end, share))
    return _Shares(blocks, len(cells))


def _switch_costs(speech: Sequence[Span], owner: Labels, settings: TurnSettings) -> F64:
    cost = np.full(len(owner), settings.switch_cost)
    for at in np.flatnonzero(owner[1:] != owner[:-1]) + 1:
        pause_s = speech[int(owner[at])][0] - speech[int(owner[at - 1])][1]
        share = 1.0 - (1.0 - settings.pause_share) * min(1.0, max(0.0, pause_s) / 0.3)
        cost[at] = settings.switch_cost * share
    return cost


def _recentred(prints: Voiceprints, cells: F64, owner: Labels, labels: Labels, centres: F32) -> F32:
    """Speakers' vectors from the windows that lie within one speaker's speech."""
    starts = np.searchsorted(cells[:, 1], prints.windows[:, 0] + 1e-6)
    ends = np.searchsorted(cells[:, 0], prints.windows[:, 1] - 1e-6) - 1
    changes = np.concatenate([[0], np.cumsum(labels[1:] != labels[:-1])])
    starts = np.minimum(starts, len(cells) - 1)
    pure = changes[starts] == changes[np.maximum(ends, starts)]
    mine = np.where(pure, labels[starts], -1)
    lengths = prints.windows[:, 1] - prints.windows[:, 0]
    fresh = centroids(prints.vectors, lengths, mine)
    out = centres.copy()
    for index in range(min(len(fresh), len(centres))):
        if np.any(fresh[index]):
            out[index] = fresh[index]
    return out


def _runs(cells: F64, owner: Labels, labels: Labels, speech: Sequence[Span]) -> List[Turn]:
    """Cells of one label and span as turns that fill the span."""
    edges = np.flatnonzero((labels[1:] != labels[:-1]) | (owner[1:] != owner[:-1])) + 1
    begins, ends = [0, *edges.tolist()], [*edges.tolist(), len(cells)]
    return [
        Turn(float(cells[a, 0]), float(cells[b - 1, 1]), f"S{labels[a] + 1}")
        for a, b in zip(begins, ends)
    ]


def _moved(
    runs: List[Turn], level: F32, gaps: Sequence[Span], settings: TurnSettings
) -> List[Turn]:
    """Move boundaries between two speakers to a gap between words, else to the quietest moment."""
    moved = list(runs)
    for index in range(1, len(moved)):
        before, after = moved[index - 1], moved[index]
        if after.start_s - before.end_s > 1e-6 or after.speaker == before.speaker:
            continue
        low = max(after.start_s - settings.reach_s, before.start_s + 0.1)
        high = min(after.start_s + settings.reach_s, after.end_s - 0.1)
        if high <= low:
            continue
        at = _gap_near(gaps, after.start_s, low, high)
        if at is None:
            at = _quietest(level, low, high)
        moved[index - 1] = Turn(before.start_s, at, before.speaker)
        moved[index] = Turn(at, after.end_s, after.speaker)
    return moved


def _quietest(level: F32, low: float, high: float) -> float:
    """Middle of the quietest 60 ms."""
    first, last = round(low * FRAMES_PER_S), round(high * FRAMES_PER_S)
    part = level[first:last].astype(np.float64)
    if len(part) < 6:
        return (low + high) / 2
    power = np.convolve(part, np.ones(6), "valid")
    return (first + int(np.argmin(power)) + 3) / FRAMES_PER_S


def _word_gaps(words: Sequence[Word]) -> List[Span]:
    """(end of a word, start of the next), sorted."""
    ordered = sorted(words, key=lambda word: word.start_s)
    return [(a.end_s, max(a.end_s, b.start_s)) for a, b in zip(ordered[:-1], ordered[1:])]


def _gap_near(gaps: Sequence[Span], at: float, low: float, high: float) -> Optional[float]:
    """The middle of the widest gap within reach; of equals the nearest."""
    begin = bisect_left(gaps, (low - 5.0, 0.0))
    best: Optional[Tuple[float, float, float]] = None
    for start_s, end_s in gaps[begin:]:
        if start_s > high:
            break
        middle = min(max((start_s + end_s) / 2, low), high)
        if start_s <= middle <= end_s:
            rank = (min(end_s - start_s, 0.2), -abs(middle - at), middle)
            best = rank if best is None else max(best, rank)
    return best[2] if best else None


def _join(turns: List[Turn], join_s: float) -> List[Turn]:
    """One turn where a speaker only paused."""
    joined: List[Turn] = []
    for turn in turns:
        last = joined[-1] if joined else None
        if last and last.speaker == turn.speaker and turn.start_s - last.end_s <= join_s:
            joined[-1] = Turn(last.start_s, max(last.end_s, turn.end_s), last.speaker)
        else:
            joined.append(turn)
    return joined


def _widened(turns: List[Turn], total_s: float, breath_s: float) -> List[Turn]:
    """Turns with ``breath_s`` more at both ends, up to the middle of the pause between two,
    in whole milliseconds."""
    widened: List[Turn] = []
    for index, turn in enumerate(turns):
        before = turns[index - 1].end_s if index else -turn.start_s
        after = turns[index + 1].start_s if index + 1 < len(turns) else 2 * total_s - turn.end_s
        widened.append(
            Turn(
                round(turn.start_s - min(breath_s, max(0.0, turn.start_s - before) / 2), 3),
                round(turn.end_s + min(breath_s, max(0.0, after - turn.end_s) / 2), 3),
                turn.speaker,
            )
        )
    return widened


def _mean(chosen: npt.NDArray[np.bool_], vectors: F32) -> F32:
    """Unit mean of the chosen vectors for each row; of all of them where none is chosen, so that
    an empty side does not look like a change."""
    sums = chosen.astype(np.float32) @ vectors
    sums[~chosen.any(axis=1)] = vectors.mean(axis=0)
    return _unit(sums)


def _unit(vectors: F32) -> F32:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: F32 = vectors / np.maximum(lengths, np.float32(1e-12))
    return unit
