"""Examples made beside the training, in processes of their own, in the order of their numbers."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from training.mixing import Mixer, Recipe

F32 = npt.NDArray[np.float32]
AHEAD = 6
"""Batches that wait."""


@dataclass(frozen=True)
class Batches:
    """Which examples, and how many at a time."""

    data: Path
    recipe: Recipe
    seed: int
    size: int
    workers: int = 1

    def stream(self, first: int) -> Iterator[F32]:
        """Batch number ``first`` and all after it, [size, 2, 2, frames]; ends never."""
        context = multiprocessing.get_context("spawn")
        waiting: deque[Future[F32]] = deque()
        with ProcessPoolExecutor(self.workers, context, _Maker.start, (self,)) as pool:
            number = first
            try:
                while True:
                    while len(waiting) < AHEAD:
                        waiting.append(pool.submit(_Maker.batch, number))
                        number += 1
                    yield waiting.popleft().result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)


class _Maker:
    """What a process keeps between two batches."""

    batches: Batches
    mixer: Mixer

    @classmethod
    def start(cls, batches: Batches) -> None:
        cls.batches = batches
        cls.mixer = Mixer(batches.data, batches.recipe, batches.seed)

    @classmethod
    def batch(cls, number: int) -> F32:
        size = cls.batches.size
        made = [cls.mixer.example(number * size + at) for at in range(size)]
        return np.stack(made)
