"""Clustering and paths, against brute force and on clouds whose truth is known."""

import itertools

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dubwright.engines import clustering
from dubwright.engines.clustering import (
    average_linkage,
    best_path,
    centroids,
    cluster,
    cut,
    in_order,
)

Array = npt.NDArray[np.float32]


def unit(vectors: npt.NDArray[np.float64]) -> Array:
    scaled: Array = (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)
    return scaled


def clouds(sizes: list[int], spread: float, seed: int = 0) -> tuple[Array, npt.NDArray[np.int64]]:
    """Unit vectors around one random direction per speaker, shuffled; and whose they are."""
    random = np.random.default_rng(seed)
    centres = unit(random.normal(size=(len(sizes), 64)))
    truth = random.permutation(np.repeat(np.arange(len(sizes)), sizes))
    noise = spread * random.normal(size=(len(truth), 64)) / 8
    return unit(centres[truth] + noise), in_order(truth)


@pytest.mark.parametrize("sizes", [[20], [20, 20], [40, 10, 5], [8, 8, 8, 8, 8]])
def test_the_number_of_speakers_is_found(sizes: list[int]) -> None:
    vectors, truth = clouds(sizes, 0.6)
    found = cluster(vectors, np.ones(len(vectors)), threshold=0.5)
    np.testing.assert_array_equal(found, truth)


def test_a_given_number_is_honoured() -> None:
    vectors, truth = clouds([20, 20, 20], 0.8)
    for count in (1, 2, 3):
        labels = cluster(vectors, np.ones(60), threshold=0.99, count=count)
        assert len(np.unique(labels)) == count
    np.testing.assert_array_equal(cluster(vectors, np.ones(60), threshold=0.99, count=3), truth)


def test_an_odd_sound_takes_nobodys_place() -> None:
    vectors, truth = clouds([20, 20, 1], 0.5, seed=3)
    odd = int(np.flatnonzero(np.bincount(truth) == 1)[0])
    others = truth != odd
    for count in (None, 2):
        labels = cluster(vectors, np.ones(41), threshold=0.5, count=count, smallest=3.0)
        assert len(np.unique(labels)) == 2
        np.testing.assert_array_equal(in_order(labels[others]), in_order(truth[others]))


def test_more_vectors_than_the_matrix_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clustering, "LARGEST", 30)
    vectors, truth = clouds([50, 50], 0.6)
    weights = np.random.default_rng(1).uniform(0.5, 2, 100)
    np.testing.assert_array_equal(cluster(vectors, weights, threshold=0.5), truth)


def test_nothing_and_one() -> None:
    assert len(cluster(np.zeros((0, 4), np.float32), np.zeros(0), threshold=0.5)) == 0
    one = unit(np.ones((1, 4)))
    assert cluster(one, np.ones(1), threshold=0.5, count=3).tolist() == [0]
    assert cluster(one, np.ones(1), threshold=0.5, smallest=9.0).tolist() == [0]


@given(st.integers(2, 9), st.integers(0, 10_000))
@settings(max_examples=40, deadline=None)
def test_linkage_equals_merging_the_most_similar_pair(count: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    vectors, weights = unit(random.normal(size=(count, 5))), random.uniform(0.5, 3, count)
    groups = [[index] for index in range(count)]

    def similarity(a: list[int], b: list[int]) -> float:
        products = vectors[a].astype(np.float64) @ vectors[b].astype(np.float64).T
        both = np.outer(weights[a], weights[b])
        return float((products * both).sum() / both.sum())

    expected = []
    while len(groups) > 1:
        pair = max(itertools.combinations(groups, 2), key=lambda two: similarity(*two))
        expected.append(similarity(*pair))
        groups = [group for group in groups if group not in pair] + [pair[0] + pair[1]]
    merges = average_linkage(vectors, weights)
    np.testing.assert_allclose(
        [one.similarity for one in merges], sorted(expected)[::-1], atol=1e-5
    )
    assert len(np.unique(cut(count, merges, count - 1))) == 1
    assert len(np.unique(cut(count, merges, 0))) == count


def test_equal_vectors_do_not_run_in_circles() -> None:
    same = unit(np.ones((50, 4)))
    assert len(average_linkage(same, np.ones(50))) == 49
    assert cluster(same, np.ones(50), threshold=0.5).tolist() == [0] * 50


def test_centroids_weigh_their_members_and_skip_nobodys() -> None:
    vectors = np.array([[1, 0], [0, 1], [0, 1]], dtype=np.float32)
    found = centroids(vectors, np.array([3.0, 4.0, 9.0]), np.array([0, 0, -1]))
    np.testing.assert_allclose(found, [[0.6, 0.8]])


@given(st.integers(1, 6), st.integers(1, 3), st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_the_path_is_the_best_of_all(length: int, states: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    scores, cost = random.uniform(size=(length, states)), random.uniform(0, 0.6, length)

    def value(path: tuple[int, ...]) -> float:
        gain = sum(scores[index, state] for index, state in enumerate(path))
        return float(gain - sum(cost[i] for i in range(1, length) if path[i] != path[i - 1]))

    best = max(value(path) for path in itertools.product(range(states), repeat=length))
    found = tuple(int(state) for state in best_path(scores, cost))
    assert value(found) == pytest.approx(best)


def test_a_path_of_nothing() -> None:
    assert len(best_path(np.zeros((0, 2)), np.zeros(0))) == 0
