"""The converted network in onnxruntime."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dubwright.engines.onnxsession import memory_error, open_session
from dubwright.engines.unet.convert import FORMAT
from dubwright.engines.unet.graph import INPUT, MASKS, MEANS
from dubwright_kit import Problem

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Masks:
    """Of one block."""

    bins: F32
    """[stems, 2, 512, 1024], 0..1: stem, channel, frame, bin."""
    means: F32
    """[stems, 2, 512]: the mean of ``bins`` over frequency."""


class StemNet:
    """A network that was loaded; ``stems`` are the names of what it tells apart.

    One call at a time.
    """

    def __init__(self, session: Any, metadata: dict[str, str]) -> None:
        self.stems = tuple(metadata["stems"].split(","))
        self.source_sha256 = metadata["source_sha256"]
        self._session = session

    @classmethod
    def load(cls, path: Path, threads: int) -> StemNet:
        """Load what :func:`dubwright.engines.unet.convert.convert` wrote.

        Raises Problem ``weights-missing`` when there is no such file, ``weights-wrong`` when it is
        damaged, is another network, or was converted by another version of this program; MemoryError.
        """
        session, metadata = open_session(path, threads)
        if metadata.get("format") != FORMAT or not metadata.get("stems"):
            raise Problem(
                "weights-wrong",
                f"{path} was not converted by this version of the program.",
            )
        return cls(session, metadata)

    def masks(self, magnitude: F32) -> Masks:
        """Return the masks of all stems for one block: ``magnitude`` [2, 512, 1024].

        Raises MemoryError.
        """
        with memory_error():
            return Masks(*self._session.run((MASKS, MEANS), {INPUT: magnitude[np.newaxis]}))
