"""A network in onnxruntime that uses no more memory and processors than it has to."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dubwright_kit import Problem
from dubwright_kit.memory import give_back

_NO_MEMORY = re.compile(r"bad[_ ]alloc|[Ff]ailed to allocate memory")


def open_session(path: Path, threads: int) -> tuple[Any, dict[str, str]]:
    """Load a network; return its session and the metadata in its file.

    Raises Problem ``weights-missing`` when there is no such file, ``weights-wrong`` when it is
    damaged; MemoryError.
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
    give_back()  # the weights as they were before onnxruntime rearranged them
    return session, dict(session.get_modelmeta().custom_metadata_map)


@contextlib.contextmanager
def memory_error() -> Iterator[None]:
    """What onnxruntime says about too little memory becomes a MemoryError."""
    try:
        yield
    except Exception as error:
        if _is_out_of_memory(error):
            raise MemoryError("separating a block does not fit into memory") from error
        raise


def _is_out_of_memory(error: Exception) -> bool:
    return isinstance(error, MemoryError) or bool(_NO_MEMORY.search(str(error)))
