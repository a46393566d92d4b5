"""The converted network in onnxruntime."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from dubwright.engines.unet.convert import FORMAT
from dubwright.engines.unet.graph import INPUT, MASKS, MEANS
from dubwright_kit import Problem
from dubwright_kit.memory import give_back

F32 = npt.NDArray[np.float32]

_NO_MEMORY = re.compile(r"bad[_ ]alloc|[Ff]ailed to allocate memory")


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
        import onnxruntime

        if not path.is_file():
            raise Problem("weights-missing", f"The separation network is not there: {path}.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        # With more threads than free processors, threads that spin while they wait take twenty times
        # as long; with as many they gain a twentieth.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        # Plans made once for all layers keep six times the memory of what is alive at any time.
        options.enable_mem_pattern = False
        options.enable_mem_reuse = False
        try:
            session = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # onnxruntime has a class of its own for each kind of damage
            if _is_out_of_memory(error):
                raise MemoryError("the separation network does not fit into memory") from error
            raise Problem(
                "weights-wrong",
                f"The separation network is damaged: {path}.",
                detail=str(error)[:2000],
            ) from error
        give_back()  # the weights as they were before onnxruntime rearranged them: 100 MB
        metadata = dict(session.get_modelmeta().custom_metadata_map)
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
        try:
            return Masks(*self._session.run((MASKS, MEANS), {INPUT: magnitude[np.newaxis]}))
        except Exception as error:
            if _is_out_of_memory(error):
                raise MemoryError("separating a block does not fit into memory") from error
            raise


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or bool(_NO_MEMORY.search(str(error)))
