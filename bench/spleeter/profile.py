"""Where the time goes: ``python -m bench.spleeter.profile MODELS WAV FOLDER``, one file through our pack.

The steps are timed where they are called. They run on several threads, so a step has two figures: how long
at least one thread was in it (``spans_s``), and all threads' times together (``busy_s``). What nobody
was in is ``rest``: the spans of steps that never overlap, and the rest, add up to the wall.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

Span = tuple[float, float]


class Clock:
    """Spans of named steps, noted by any thread."""

    def __init__(self) -> None:
        self.spans: dict[str, list[Span]] = defaultdict(list)
        self._lock = threading.Lock()

    def note(self, step: str, span: Span) -> None:
        with self._lock:
            self.spans[step].append(span)

    def watch(self, place: Any, name: str, step: str) -> None:
        """From now on, calls of ``place.name`` are ``step``. ``AttributeError`` when it is not there."""
        inner: Callable[..., Any] = getattr(place, name)

        def timed(*given: Any, **named: Any) -> Any:
            started_s = time.time()
            try:
                return inner(*given, **named)
            finally:
                self.note(step, (started_s, time.time()))

        setattr(place, name, timed)


def covered_s(spans: Iterable[Span]) -> float:
    """Seconds that lie in at least one of ``spans``."""
    total, end = 0.0, float("-inf")
    for first, last in sorted(spans):
        total += max(0.0, last - max(first, end))
        end = max(end, last)
    return total


def profile(models: str, wav: str, folder: str) -> dict[str, Any]:
    """``here_s`` and ``end_s`` as time.time() has them: what came before and after is the caller's."""
    clock, here_s = Clock(), time.time()
    os.environ["DUBWRIGHT_PACK_MODELS"] = models
    from dubwright.engines.unet import streaming
    from dubwright.engines.unet.net import StemNet
    from dubwright.media.wav import WavReader, WavWriter
    from dubwright_kit.contracts import SeparateAsk
    from dubwright_kit.report import silent
    from dubwright_packs.spleeter import backend, separation

    clock.note("imports", (here_s, time.time()))
    clock.watch(backend, "network", "load the network")
    clock.watch(WavReader, "read", "read")
    clock.watch(streaming._Engine, "_analyse", "STFT")
    clock.watch(StemNet, "masks", "network")
    clock.watch(streaming._Engine, "_synthesise", "inverse STFT")
    clock.watch(separation, "hold", "16 bits")
    clock.watch(WavWriter, "write", "write")
    ask = SeparateAsk(wav, folder, stems=("vocals", "background"), options={"extension": "zeros"})
    backend.run(ask, silent)
    end_s = time.time()
    everything = covered_s(span for spans in clock.spans.values() for span in spans)
    spans_s = {step: covered_s(spans) for step, spans in clock.spans.items()}
    return {
        "here_s": here_s,
        "end_s": end_s,
        "spans_s": {**spans_s, "rest": end_s - here_s - everything},
        "busy_s": {
            step: sum(last - first for first, last in spans) for step, spans in clock.spans.items()
        },
        "cpu_s": time.process_time(),
    }


if __name__ == "__main__":
    print(json.dumps(profile(*sys.argv[1:])))
