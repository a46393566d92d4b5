"""What a wheel unpacks to, read from the directory at the end of the remote zip: two asks, no download."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from io import RawIOBase

from dubwright.packs.fetch.address import as_path, file_name
from dubwright.packs.fetch.connection import Answer, Connections, Patience
from dubwright.packs.fetch.crew import Crew, Halt
from dubwright.packs.fetch.trouble import BROKEN, Again, TroubleError

_TAIL_BYTES = 1 << 16
_MOST_BYTES = 64 << 20


@dataclass(frozen=True)
class ZipSizes:
    """``size_bytes`` to download, ``unpacked_bytes`` of files inside, ``python_bytes`` of these are sources."""

    size_bytes: int
    unpacked_bytes: int
    python_bytes: int


@dataclass(frozen=True)
class Unmeasured:
    """Why the sizes are not known; ``size_bytes`` is the download's, where at least that is."""

    reason: str
    size_bytes: int | None = None


def measure(
    connections: Connections,
    url: str,
    halt: Halt | None = None,
    log: Callable[[str], None] = lambda line: None,
) -> ZipSizes | Unmeasured:
    """Measure the zip at ``url`` (or path). Raises TroubleError, and HaltedError once ``halt`` is stopped."""
    path = as_path(url)
    if path is not None:
        try:
            with zipfile.ZipFile(path) as archive:
                return _sum(archive, path.stat().st_size)
        except (OSError, zipfile.BadZipFile) as error:
            return Unmeasured(str(error))
    remote = _RemoteFile(connections, url, halt or Halt(), log)
    refused = remote.open()
    if refused is not None:
        return refused
    try:
        with zipfile.ZipFile(remote) as archive:
            return _sum(archive, remote.size_bytes)
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        return Unmeasured(f"{file_name(url)} is no zip archive: {error}", remote.size_bytes)


def measure_all(
    connections: Connections,
    urls: Sequence[str],
    again: Again,
    tick: Callable[[], None] = lambda: None,
    parallel: int = 8,
    log: Callable[[str], None] = lambda line: None,
) -> tuple[ZipSizes | Unmeasured, ...]:
    """Measure many at once, in the order of ``urls``; ``tick`` is called every 0.2 s and may raise.

    Raises Problem when a server cannot be asked at all.
    """
    halt = Halt()
    crew: Crew[ZipSizes | Unmeasured] = Crew(parallel, halt, connections.shut)
    tasks = [partial(_measured, connections, url, halt, log, again) for url in urls]
    return tuple(crew.run(tasks, tick))


def _measured(
    connections: Connections, url: str, halt: Halt, log: Callable[[str], None], again: Again
) -> ZipSizes | Unmeasured:
    try:
        return measure(connections, url, halt, log)
    except TroubleError as trouble:
        raise trouble.problem(f"the size of {file_name(url)}", again) from trouble


def _sum(archive: zipfile.ZipFile, size_bytes: int) -> ZipSizes:
    members = archive.infolist()
    return ZipSizes(
        size_bytes,
        sum(one.file_size for one in members),
        sum(one.file_size for one in members if one.filename.endswith(".py")),
    )


class _RemoteFile(RawIOBase):
    """A remote file of which the end is held; what lies before it is fetched when it is read."""

    def __init__(
        self, connections: Connections, url: str, halt: Halt, log: Callable[[str], None]
    ) -> None:
        self.size_bytes = 0
        self._connections = connections
        self._url = url
        self._halt = halt
        self._log = log
        self._at = 0
        self._start = 0
        self._held = b""

    def open(self) -> Unmeasured | None:
        """Fetch the end; None when that went well."""
        return self._ask(f"bytes=-{_TAIL_BYTES}", self._take_end)

    def _ask(
        self, span: str, use: Callable[[Answer, Patience], Unmeasured | None]
    ) -> Unmeasured | None:
        return self._connections.ask(
            self._url, use, halt=self._halt, headers=lambda: {"Range": span}, log=self._log
        )

    def _take_end(self, answer: Answer, patience: Patience) -> Unmeasured | None:
        if answer.status != 206:
            length = answer.number("content-length") if answer.status == 200 else None
            return Unmeasured(f"{answer.host} does not give parts of files", length)
        span, slash, total = (
            answer.headers.get("content-range", "").removeprefix("bytes ").partition("/")
        )
        begin = span.partition("-")[0]
        if not (
            slash and begin.isascii() and begin.isdigit() and total.isascii() and total.isdigit()
        ):
            return Unmeasured(f"{answer.host} does not say how long the file is")
        self.size_bytes, self._start = int(total), int(begin)
        self._held = self._body(answer, self.size_bytes - self._start)
        return None

    def _body(self, answer: Answer, expected: int) -> bytes:
        body = answer.read(min(expected, _MOST_BYTES))
        if len(body) != expected:
            text = f"{len(body)} bytes for a range of {expected}"
            raise TroubleError(BROKEN, answer.host, text)
        return body

    def _reach_back(self, begin: int) -> None:
        """Fetch from ``begin`` to what is held."""
        begin = max(0, min(begin, self._start - _TAIL_BYTES))
        expected = self._start - begin

        def take(answer: Answer, patience: Patience) -> None:
            if answer.status != 206:
                raise TroubleError(BROKEN, answer.host, f"{answer.status} to a second range")
            self._held = self._body(answer, expected) + self._held
            self._start = begin

        self._ask(f"bytes={begin}-{self._start - 1}", take)

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = max(0, offset + (0, self._at, self.size_bytes)[whence])
        return self._at

    def read(self, size: int = -1) -> bytes:
        end = self.size_bytes if size < 0 else min(self.size_bytes, self._at + size)
        if self._at < self._start:
            self._reach_back(self._at)
        data = self._held[self._at - self._start : max(self._at, end) - self._start]
        self._at = max(self._at, end)
        return data
