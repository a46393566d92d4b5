"""One file from one of its addresses into the store: resumed, checked, tried again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dubwright.packs.fetch.address import as_path, hidden
from dubwright.packs.fetch.connection import PIECE_BYTES, Answer, Connections, Patience
from dubwright.packs.fetch.crew import Halt
from dubwright.packs.fetch.parts import Part, Source
from dubwright.packs.fetch.store import Seen, Store
from dubwright.packs.fetch.trouble import BROKEN, MISMATCH, MISSING, TroubleError

_LOCK_WAIT_S = 0.2
_PROGRESS_BYTES = 8 << 20
"""After that much more of a file, a break of the connection counts as the first one again."""


@dataclass(frozen=True)
class Wanted:
    """A file to have: ``name`` is what it will be called, ``urls`` are tried in order (``file:`` and
    plain paths too). ``sha256`` "" means that nobody knows it: what arrives is recorded."""

    name: str
    urls: tuple[str, ...]
    sha256: str = ""
    size_bytes: int | None = None


@dataclass(frozen=True)
class Fetched:
    """A verified file at ``path``. ``cached``: it was there already; ``received_bytes`` came over the
    network this time; ``published_sha256`` is what the server itself says where it says it."""

    name: str
    path: Path
    sha256: str
    size_bytes: int
    cached: bool
    received_bytes: int
    published_sha256: str = ""


class Download:
    """Runs on a thread of its own; another reads ``done_bytes``, ``total_bytes``, ``note``, ``active``."""

    def __init__(
        self,
        wanted: Wanted,
        store: Store,
        connections: Connections,
        halt: Halt,
        log: Callable[[str], None],
    ) -> None:
        self.wanted = wanted
        self.done_bytes = 0
        self.received_bytes = 0
        self.total_bytes = wanted.size_bytes
        self.note = ""
        self.active = False
        self.finished = False
        self._store = store
        self._connections = connections
        self._halt = halt
        self._log = log
        self._part: Part | None = None
        self._published = ""
        self._mixed = False
        """Whether the part may hold bytes of two versions of the file: it was gone on with."""

    def run(self) -> Fetched:
        """Return the file. Raises TroubleError, OSError (disk full, not writable), HaltedError."""
        self.active = True
        try:
            return self._run()
        finally:
            self.active = False
            if self._part is not None and not self._part.size_bytes:
                self._part.drop()
            self.close()

    def close(self) -> None:
        """Let go of the part; what arrived stays. Any thread may call it."""
        if self._part is not None:
            self._part.close()

    def _run(self) -> Fetched:
        wanted = self.wanted
        if wanted.sha256 and (found := self._cached(wanted.sha256)):
            return found
        part = self._part = self._store.part(
            wanted.sha256 or self._store.key_of_url(wanted.urls[0] if wanted.urls else wanted.name)
        )
        while not part.take():
            self.note = "another installation is downloading it"
            self._halt.wait(_LOCK_WAIT_S)
        self.note = ""
        if wanted.sha256 and (found := self._cached(wanted.sha256)):
            part.drop()  # somebody else finished it while we waited
            return found
        part.open(self._halt.check)
        self.done_bytes = part.size_bytes
        return self._from_any(part)

    def _cached(self, sha256: str, published: str = "") -> Fetched | None:
        path = self._store.find(sha256, self.wanted.name, self._halt.check)
        if path is None:
            return None
        size_bytes = path.stat().st_size
        self._log(f"{self.wanted.name}: here already, {size_bytes} bytes")
        self._finish(size_bytes)
        return Fetched(self.wanted.name, path, sha256, size_bytes, True, 0, published)

    def _finish(self, size_bytes: int) -> None:
        self.done_bytes = self.total_bytes = size_bytes
        self.finished = True

    def _from_any(self, part: Part) -> Fetched:
        """The first address that gives the file; the trouble that says most when none does."""
        troubles: list[TroubleError] = []
        for url in self.wanted.urls:
            try:
                return self._from_path(part, url) or self._from_server(part, url)
            except TroubleError as trouble:
                troubles.append(trouble)
        told = [trouble for trouble in troubles if trouble.kind is not MISSING] or troubles
        raise told[0] if told else TroubleError(MISSING, "", "no address is known", "nothing")

    # --- from a folder -----------------------------------------------------------------------

    def _from_path(self, part: Part, url: str) -> Fetched | None:
        path = as_path(url)
        if path is None:
            return None
        self._log(f"{self.wanted.name}: copied from {path}")
        try:
            file = path.open("rb")
        except OSError as error:
            words = error.strerror or str(error)
            raise TroubleError(MISSING, str(path.parent), str(error), words) from error
        with file:
            size_bytes = path.stat().st_size
            self._same_size(part, size_bytes, str(path.parent))
            part.begin(Source(hidden(path.as_uri()) if path.is_absolute() else str(path)))
            self.done_bytes, self.total_bytes = 0, size_bytes
            while piece := file.read(PIECE_BYTES):
                part.write(piece)
                self.done_bytes += len(piece)
                self._halt.check()
        return self._verify(part, str(path.parent))

    # --- from a server -------------------------------------------------------------------------

    def _from_server(self, part: Part, url: str) -> Fetched:
        for _ in range(2):
            self._mixed = False
            result = self._connections.ask(
                url,
                lambda answer, patience: self._use(part, url, answer, patience),
                halt=self._halt,
                headers=lambda: self._headers(part, url),
                note=self._say,
                log=lambda line: self._log(f"{self.wanted.name}: {line}"),
            )
            if result is not None:
                return result
        raise TroubleError(BROKEN, hidden(url), "the file changed while it was being downloaded")

    def _say(self, text: str) -> None:
        self.note = text

    def _headers(self, part: Part, url: str) -> dict[str, str]:
        self._halt.check()
        if part.size_bytes:
            headers = {"Range": f"bytes={part.size_bytes}-"}
            if part.source.validator and part.source.url == hidden(url):
                headers["If-Range"] = part.source.validator
            elif not self.wanted.sha256:
                return {}  # nothing would show that two halves do not belong together
            return headers
        seen = None if self.wanted.sha256 else self._store.seen(url)
        if seen is None or not seen.validator.startswith('"'):
            return {}
        if self._store.find(seen.sha256, self.wanted.name, self._halt.check) is None:
            return {}
        return {"If-None-Match": seen.validator}

    def _use(self, part: Part, url: str, answer: Answer, patience: Patience) -> Fetched | None:
        """Write the body to the part and check the whole; None when it has to begin anew."""
        self._published = answer.published_sha256 or self._published
        name, had = self.wanted.name, part.size_bytes
        self._log(
            f"{name}: {answer.status} from {answer.host}, {answer.number('content-length')} bytes"
            + (f", {had} are here" if had else "")
        )
        if not self.wanted.sha256 and not had and (known := self._unchanged(url, answer)):
            return known
        if answer.status == 416 and had:
            return self._complete(part, answer)
        if answer.status not in (200, 206) or (answer.status == 206 and not had):
            text = f"{answer.status} to an ask for the whole file"
            raise TroubleError(BROKEN, answer.host, text)
        if answer.status == 206:
            total = _total_after(answer, had)
            if total is None:
                part.restart()
                raise TroubleError(BROKEN, answer.host, "another range than the one asked for")
            self._mixed = True
        else:
            encoded = "content-encoding" in answer.headers  # then the length is of something else
            total = None if encoded else answer.number("content-length")
            if had:
                self._log(f"{name}: begun anew, {answer.host} gives no part of it")
        self._same_size(part, total, answer.host, answer.headers.get("content-type", ""))
        if answer.status == 200:
            source = Source(hidden(url), _validator(answer), total, self.wanted.sha256)
            part.begin(source)
        self.done_bytes = part.size_bytes
        self.total_bytes = self.wanted.size_bytes or total
        self._receive(part, answer, patience)
        return self._checked(part, url, answer)

    def _receive(self, part: Part, answer: Answer, patience: Patience) -> None:
        begun = part.size_bytes
        most = self.wanted.size_bytes
        try:
            for piece in answer.pieces():
                self._halt.check()
                part.write(piece)
                self.done_bytes = part.size_bytes
                self.received_bytes += len(piece)
                if part.size_bytes - begun > _PROGRESS_BYTES:
                    begun = part.size_bytes
                    patience.progress()
                if most is not None and part.size_bytes > most:
                    break
        except TroubleError:
            if most is None or part.size_bytes != most:
                raise  # else all is here, and the end of the connection says nothing

    def _checked(self, part: Part, url: str, answer: Answer) -> Fetched | None:
        try:
            fetched = self._verify(part, answer.host)
        except TroubleError:
            if not self._mixed:
                raise
            self._log(f"{self.wanted.name}: the parts do not belong together, begun anew")
            return None
        if not self.wanted.sha256:
            seen = Seen(fetched.sha256, _validator(answer), fetched.size_bytes)
            self._store.remember(url, seen)
        return fetched

    def _complete(self, part: Part, answer: Answer) -> Fetched | None:
        """The server has nothing after what is here: it is the whole, or not a part of this file."""
        self._mixed = True
        expected = self.wanted.sha256 or self._published
        if expected and part.sha256 == expected:
            return self._verify(part, answer.host)
        part.restart()
        return None

    def _unchanged(self, url: str, answer: Answer) -> Fetched | None:
        """What the URL gave the last time, where the server says that it still is that."""
        seen = self._store.seen(url)
        if seen is None or (answer.status != 304 and seen.validator != _validator(answer)):
            return None
        if not seen.validator:
            return None
        return self._cached(seen.sha256, self._published)

    # --- is it the file? -----------------------------------------------------------------------

    def _same_size(self, part: Part, size_bytes: int | None, host: str, kind: str = "") -> None:
        wanted = self.wanted.size_bytes
        if wanted is None or size_bytes is None or size_bytes == wanted:
            return
        part.restart()
        text = f"{self.wanted.name}: {size_bytes} bytes at {host}, but it should have {wanted}"
        if kind.startswith("text/html") and not self.wanted.name.endswith(".html"):
            text += "; it is a web page, such as the login page of a network"
        raise TroubleError(MISMATCH, host, text)

    def _verify(self, part: Part, host: str) -> Fetched:
        expected = self.wanted.sha256 or self._published
        size_bytes, sha256 = part.size_bytes, part.sha256
        whole = self.wanted.size_bytes in (None, size_bytes)
        if (expected and sha256 != expected) or not whole:
            part.restart()
            self.done_bytes = 0
            text = f"{self.wanted.name} from {host}: sha256 {sha256}, {size_bytes} bytes"
            text += f"; it should be sha256 {expected or 'unknown'}"
            if self.wanted.size_bytes is not None:
                text += f", {self.wanted.size_bytes} bytes"
            raise TroubleError(MISMATCH, host, text)
        path = self._store.put(part, self.wanted.name)
        self._log(f"{self.wanted.name}: verified, {size_bytes} bytes, sha256 {sha256}")
        self._finish(size_bytes)
        return Fetched(
            self.wanted.name, path, sha256, size_bytes, False, self.received_bytes, self._published
        )


def _validator(answer: Answer) -> str:
    """A strong ETag, else Last-Modified: what may stand in If-Range."""
    tag = answer.headers.get("etag", "")
    return tag if tag.startswith('"') else answer.headers.get("last-modified", "")


def _total_after(answer: Answer, offset: int) -> int | None:
    """The whole file's size from a Content-Range that begins at ``offset``, else None."""
    span = answer.headers.get("content-range", "").removeprefix("bytes ")
    begin, _, rest = span.partition("-")
    total = rest.rpartition("/")[2]
    return int(total) if begin == str(offset) and total.isascii() and total.isdigit() else None
