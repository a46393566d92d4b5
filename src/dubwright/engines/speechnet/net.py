"""The trained network in onnxruntime."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dubwright.engines.framing import F32
from dubwright.engines.onnxsession import memory_error, open_session
from dubwright.engines.speechnet.chunks import FRAME, HOP, RATE_HZ
from dubwright_kit import Problem

FORMAT = "1"
INPUT, OUTPUT = "power", "mask"
EXPECTED = {
    "format": FORMAT,
    "rate_hz": str(RATE_HZ),
    "frame": str(FRAME),
    "hop": str(HOP),
}
"""What the file says about itself."""


class SpeechNet:
    """A network that was loaded; ``name`` is what its makers called it. One call at a time."""

    def __init__(self, session: Any, name: str) -> None:
        self.name = name
        self._session = session

    @classmethod
    def load(cls, path: Path, threads: int) -> SpeechNet:
        """Load what ``training/export.py`` wrote.

        Raises Problem ``weights-missing`` when there is no such file, ``weights-wrong`` when it is
        damaged or another network; MemoryError.
        """
        session, metadata = open_session(path, threads)
        ends = [one.name for one in (*session.get_inputs(), *session.get_outputs())]
        found = {key: metadata.get(key) for key in EXPECTED}
        if ends != [INPUT, OUTPUT] or found != EXPECTED:
            raise Problem(
                "weights-wrong",
                f"{path} is not a separation network of this version of the program.",
                detail=f"inputs and outputs {ends}, metadata {metadata}",
            )
        return cls(session, metadata.get("model", ""))

    def mask(self, power: F32) -> F32:
        """The share of speech, 0..1, in mid and side: [2, T, 2049] of ``power``, which has the same
        shape; T is a multiple of 8. Raises MemoryError."""
        with memory_error():
            found: F32 = self._session.run((OUTPUT,), {INPUT: power})[0]
        return found
