"""Grouping unit vectors into speakers, and following speakers through time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]

LARGEST = 4000
"""Vectors clustered at once (a matrix of 64 MB); the rest joins the nearest cluster."""


@dataclass(frozen=True)
class Merge:
    """Two clusters, each named by one of its vectors, that became one at ``similarity``."""

    first: int
    second: int
    similarity: float


def average_linkage(vectors: Array, weights: F64) -> list[Merge]:
    """Merge all of ``vectors`` [n, d] (unit length), most similar clusters first; n - 1 merges.

    The similarity of two clusters is the mean cosine between their members, weighted by
    ``weights`` [n] (such as seconds of speech): UPGMA (Sokal and Michener, 1958), by nearest-
    neighbour chains (Murtagh, 1983), O(n^2) time and memory.
    """
    count = len(vectors)
    similar = (vectors @ vectors.T).astype(np.float32)
    np.fill_diagonal(similar, -np.inf)
    mass = weights.astype(np.float64).copy()
    alive = np.ones(count, dtype=bool)
    chain: list[int] = []
    merges: list[Merge] = []
    while len(merges) < count - 1:
        if not chain:
            chain.append(int(np.argmax(alive)))
        at = chain[-1]
        nearest = int(np.argmax(similar[at]))
        # Of equals the one we came from ends the chain; otherwise it could run in a circle.
        if len(chain) > 1 and similar[at, chain[-2]] >= similar[at, nearest]:
            nearest = chain[-2]
        if len(chain) < 2 or nearest != chain[-2]:
            chain.append(nearest)
            continue
        merges.append(Merge(nearest, at, float(similar[nearest, at])))
        total = mass[nearest] + mass[at]
        joined = (mass[nearest] * similar[nearest] + mass[at] * similar[at]) / total
        joined[[nearest, at]] = -np.inf
        similar[nearest], similar[:, nearest] = joined, joined
        similar[at], similar[:, at] = -np.inf, -np.inf
        mass[nearest], alive[at] = total, False
        del chain[-2:]
    return sorted(merges, key=lambda merge: -merge.similarity)


def cut(count: int, merges: list[Merge], keep: int) -> Labels:
    """Labels [count], 0 upwards in order of appearance, after the first ``keep`` merges."""
    parent = list(range(count))

    def root(index: int) -> int:
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    for merge in merges[:keep]:
        parent[root(merge.second)] = root(merge.first)
    names: dict[int, int] = {}
    return np.array([names.setdefault(root(i), len(names)) for i in range(count)], dtype=np.int64)


def cluster(
    vectors: Array,
    weights: F64,
    *,
    threshold: float,
    count: int | None = None,
    smallest: float = 0.0,
) -> Labels:
    """Label unit ``vectors`` [n, d] by speaker: as many as ``count``, or found by ``threshold``.

    Clusters lighter than ``smallest`` are no speakers of their own: they join the nearest one
    (unless nothing else is left). Labels are in order of appearance.
    """
    if not len(vectors):
        return np.zeros(0, dtype=np.int64)
    heavy = np.sort(np.argsort(-weights, kind="stable")[:LARGEST])
    few, mass = vectors[heavy], weights[heavy]
    merges = average_linkage(few, mass)
    if count is None:
        keep = sum(merge.similarity >= threshold for merge in merges)
    else:
        keep = _keep_for(len(few), merges, mass, min(count, len(few)), smallest)
    labels = cut(len(few), merges, keep)
    totals = np.bincount(labels, mass)
    big = np.flatnonzero(totals >= smallest)
    if count is not None and len(big) != count:
        big = np.argsort(-totals, kind="stable")[: max(1, count)]
    if not len(big):
        big = np.array([int(np.argmax(totals))])
    centres = centroids(few, mass, np.where(np.isin(labels, big), labels, -1))
    found = np.argmax(vectors @ centres[np.sort(big)].T, axis=1)
    own = np.searchsorted(np.sort(big), labels)
    kept = np.isin(labels, big)
    found[heavy[kept]] = own[kept]
    return in_order(found)


def centroids(vectors: Array, weights: F64, labels: Labels) -> Array:
    """Unit mean of each label's vectors, [labels, d]; label -1 is nobody's. Unused labels are zero."""
    sums = np.zeros((int(labels.max(initial=-1)) + 1, vectors.shape[1]))
    used = labels >= 0
    np.add.at(sums, labels[used], vectors[used] * weights[used, None])
    lengths = np.linalg.norm(sums, axis=1, keepdims=True)
    unit: Array = (sums / np.maximum(lengths, 1e-12)).astype(np.float32)
    return unit


def in_order(labels: Labels) -> Labels:
    """Rename labels to 0, 1 ... in order of first appearance."""
    _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    ordered: Labels = rank[inverse]
    return ordered


def best_path(scores: F64, switch_cost: F64) -> Labels:
    """The sequence of states with the largest sum of ``scores`` [n, states] less switching costs.

    ``switch_cost`` [n]: the cost of another state at i than at i - 1. Viterbi, 1967.
    """
    count, states = scores.shape
    if not count:
        return np.zeros(0, dtype=np.int64)
    came_from = np.zeros((count, states), dtype=np.int32)
    total = scores[0].copy()
    stay = np.arange(states)
    for index in range(1, count):
        best = int(np.argmax(total))
        switched = total[best] - switch_cost[index]
        moved = switched > total
        came_from[index] = np.where(moved, best, stay)
        total = np.maximum(total, switched) + scores[index]
    path = np.zeros(count, dtype=np.int64)
    path[-1] = int(np.argmax(total))
    for index in range(count - 1, 0, -1):
        path[index - 1] = came_from[index, path[index]]
    return path


def _keep_for(count: int, merges: list[Merge], mass: F64, wanted: int, smallest: float) -> int:
    """How many merges leave ``wanted`` clusters of at least ``smallest``; plainly, if none does.

    From the top down, so that an odd cough does not take a speaker's place.
    """
    for keep in range(len(merges), max(-1, len(merges) - 200), -1):
        totals = np.bincount(cut(count, merges, keep), mass)
        if int((totals >= smallest).sum()) == wanted:
            return keep
    return count - wanted
