"""Many files at once: in parallel, resumed, verified, with their state told four times a second."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dubwright.packs.fetch.connection import Connections
from dubwright.packs.fetch.crew import Crew, Halt
from dubwright.packs.fetch.download import Download, Fetched, Wanted
from dubwright.packs.fetch.store import Store
from dubwright.packs.fetch.trouble import Again, TroubleError

__all__ = ["FetchState", "Fetched", "Fetcher", "Wanted"]

_RATE_OVER_S = 5.0


@dataclass(frozen=True)
class FetchState:
    """Where a fetch is. Bytes count what is wanted, also what was here before; ``rate_bytes_s`` and
    ``left_s`` are of the network, None while nothing is known; ``note`` says what is waited for."""

    done_bytes: int
    total_bytes: int | None
    rate_bytes_s: float | None
    left_s: float | None
    files_done: int
    files_total: int
    current: str
    note: str


class Fetcher:
    """Fetches into ``store``. ``again`` makes the next action of a Problem from its label;
    ``log`` gets a line for every ask, answer and retry, from any thread."""

    def __init__(
        self,
        store: Store,
        connections: Connections,
        again: Again,
        parallel: int = 6,
        log: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._store = store
        self._connections = connections
        self._again = again
        self._parallel = parallel
        self._log = log

    def fetch(
        self, wanted: Sequence[Wanted], tick: Callable[[FetchState], None]
    ) -> tuple[Fetched, ...]:
        """Return the files in the order of ``wanted``, the largest being fetched first.

        ``tick`` is called on this thread every 0.2 s and at the end; when it raises, all stops within
        a second, and what has arrived is gone on with the next time. Raises Problem (the codes are in
        ``trouble``) and OSError (the disk is full, the folder cannot be written).
        """
        halt = Halt()
        downloads = [
            Download(one, self._store, self._connections, halt, self._log) for one in wanted
        ]
        order = sorted(
            range(len(downloads)), key=lambda number: -(wanted[number].size_bytes or 1 << 62)
        )
        tasks = [_Task(downloads[number]) for number in order]
        watch = _Watch(downloads)
        crew: Crew[Fetched] = Crew(self._parallel, halt, self._connections.shut)
        try:
            results = crew.run(tasks, lambda: tick(watch.state()))
        except _FailedError as failed:
            name = failed.download.wanted.name
            raise failed.trouble.problem(name, self._again) from failed.trouble
        finally:
            for download in downloads:
                download.close()
        by_number = dict(zip(order, results, strict=True))
        return tuple(by_number[number] for number in range(len(downloads)))


class _FailedError(Exception):
    def __init__(self, download: Download, trouble: TroubleError) -> None:
        super().__init__(str(trouble))
        self.download = download
        self.trouble = trouble


class _Task:
    """A download whose failure says of which file it is."""

    def __init__(self, download: Download) -> None:
        self._download = download

    def __call__(self) -> Fetched:
        try:
            return self._download.run()
        except TroubleError as trouble:
            raise _FailedError(self._download, trouble) from trouble


class _Watch:
    """The state of all downloads; the rate is that of the last seconds."""

    def __init__(self, downloads: Sequence[Download]) -> None:
        self._downloads = downloads
        self._received: deque[tuple[float, int]] = deque()
        self._current = ""

    def state(self) -> FetchState:
        downloads = self._downloads
        done = sum(one.done_bytes for one in downloads)
        totals = [one.total_bytes for one in downloads]
        total = sum(one for one in totals if one is not None) if None not in totals else None
        rate = self._rate(sum(one.received_bytes for one in downloads))
        left = (total - done) / rate if rate and total is not None else None
        active = [one for one in downloads if one.active]
        if self._current not in [one.wanted.name for one in active]:
            self._current = active[0].wanted.name if active else ""
        return FetchState(
            done,
            total,
            rate,
            left,
            sum(one.finished for one in downloads),
            len(downloads),
            self._current,
            next((one.note for one in active if one.note), ""),
        )

    def _rate(self, received: int) -> float | None:
        now = time.monotonic()
        self._received.append((now, received))
        while now - self._received[0][0] > _RATE_OVER_S:
            self._received.popleft()
        begun, before = self._received[0]
        return (received - before) / (now - begun) if now > begun and received > before else None
