"""A checkpoint of Spleeter to one ONNX file that knows what it was made of."""

from __future__ import annotations

import glob
import hashlib
import os
from pathlib import Path

from dubwright.engines.onnxfile import encode_model
from dubwright.engines.tensorbundle.bundle import Checkpoint
from dubwright.engines.unet.branch import STEMS, read_branches
from dubwright.engines.unet.graph import OPSET, build_graph

FORMAT = "1"
"""Raised when the graph changes: a model of another format is made again."""
_CHUNK_BYTES = 1 << 20


def convert(prefix: Path, out: Path, *, half: bool = False) -> tuple[str, ...]:
    """Write the network of the checkpoint ``prefix`` (a path without suffix) to ``out``.

    Returns the names of its stems. ``out`` appears when it is complete. ``half`` stores weights in
    float16: half the file, and masks that differ by up to about 1e-3. Raises Problem
    ``weights-missing`` and ``weights-wrong``, and ``OSError``.
    """
    with Checkpoint.open(prefix) as checkpoint:
        branches = read_branches(checkpoint)
    stems = STEMS[len(branches)]
    metadata = {
        "format": FORMAT,
        "stems": ",".join(stems),
        "source_sha256": source_sha256(prefix),
        "storage": "float16" if half else "float32",
    }
    graph = build_graph(branches, half=half)
    pieces = encode_model(
        "spleeter", graph.nodes, graph.constants, graph.inputs, graph.outputs, OPSET, metadata
    )
    part = out.with_name(f"{out.name}.part")
    try:
        with part.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        part.replace(out)
    finally:
        part.unlink(missing_ok=True)
    return stems


def source_sha256(prefix: Path) -> str:
    """One hash over the index and the data files of a checkpoint, in the order of their names.

    Raises ``OSError``.
    """
    digest = hashlib.sha256()
    files = [prefix.with_name(f"{prefix.name}.index")]
    files += sorted(prefix.parent.glob(f"{glob.escape(prefix.name)}.data-*"))
    for path in files:
        with path.open("rb") as file:
            for chunk in iter(lambda: file.read(_CHUNK_BYTES), b""):
                digest.update(chunk)
    return digest.hexdigest()
