"""The network that lies beside this file, loaded once in the life of a guest."""

from __future__ import annotations

import functools
from pathlib import Path

from dubwright.engines.intake import processors
from dubwright.engines.speechnet.net import SpeechNet
from dubwright_kit import NextAction, Problem
from dubwright_kit.memory import one_heap
from dubwright_kit.report import Report

PLACE = Path(__file__).with_name("speech.onnx")


def network(report: Report) -> SpeechNet:
    """Return the network, ready; the first call loads it.

    Raises Problem ``weights-missing`` or ``weights-wrong`` when the program's own files are not whole.
    """
    report(0, None, "loading the network")
    return _loaded(PLACE)


@functools.lru_cache(maxsize=1)
def _loaded(place: Path) -> SpeechNet:
    one_heap()
    try:
        return SpeechNet.load(place, threads=processors())
    except Problem as problem:
        raise Problem(
            problem.code,
            f"{problem.message} It is a part of dubwright: install dubwright again, or separate with "
            "another separator.",
            NextAction("see the other separators", "packs", {}),
            problem.detail,
        ) from problem
