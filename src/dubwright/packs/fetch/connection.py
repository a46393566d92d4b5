"""Asking servers: proxies, logins, trust, redirects, waiting when told to, and trying again."""

from __future__ import annotations

import base64
import binascii
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from dubwright import __version__
from dubwright.packs.fetch.address import bare, hidden, host_of, joined, login_of, split
from dubwright.packs.fetch.crew import Halt
from dubwright.packs.fetch.settings import IndexSettings
from dubwright.packs.fetch.sockets import Sockets
from dubwright.packs.fetch.trouble import (
    BROKEN,
    DOWN,
    MISSING,
    NO_NETWORK,
    PROXY_REFUSED,
    REDIRECTS,
    REFUSED,
    STALLED,
    TLS,
    UNUSABLE_PROXY,
    TroubleError,
)

if TYPE_CHECKING:
    import ssl

    import urllib3
    from urllib3.response import BaseHTTPResponse

T = TypeVar("T")

PIECE_BYTES = 1 << 20
_MOST_REDIRECTS = 10
_MOST_DRAINED_BYTES = 1 << 16
_REDIRECTS = (301, 302, 303, 307, 308)
_HEX_SHA256 = re.compile(r"^[0-9a-f]{64}$")
_REASONS = {
    401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 407: "Proxy Authentication Required",
    410: "Gone", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


class Answer:
    """What a server said: ``status`` (200, 206, 304 or 416), ``headers`` with lower-case names, the body.

    ``published_sha256`` is the body's hash where the server says it, also on the way (redirects).
    """

    def __init__(
        self, response: BaseHTTPResponse, url: str, published_sha256: str, proxy_host: str
    ) -> None:
        self._response = response
        self._proxy_host = proxy_host
        self.url = bare(url)
        self.host = host_of(url)
        self.status = response.status
        self.headers = {name.lower(): value for name, value in response.headers.items()}
        self.published_sha256 = published_sha256

    def number(self, name: str) -> int | None:
        """Return a header that is a whole number."""
        text = self.headers.get(name, "")
        return int(text) if text.isascii() and text.isdigit() else None

    def pieces(self) -> Iterator[bytes]:
        """Yield the body as it comes, 1 MiB at most each. Raises TroubleError."""
        from urllib3 import exceptions

        from dubwright.packs.fetch import wire

        decode = "content-encoding" in self.headers
        try:
            # read1 gives what is there: a piece that waited to be full would be lost at a stall.
            while piece := self._response.read1(PIECE_BYTES, decode_content=decode):
                yield piece
        except (exceptions.HTTPError, OSError, ValueError) as error:
            raise wire.trouble_of(error, self.host, self._proxy_host) from error

    def read(self, most_bytes: int) -> bytes:
        """Return the whole body. Raises TroubleError, also when it is longer than ``most_bytes``."""
        parts = []
        left = most_bytes
        for piece in self.pieces():
            left -= len(piece)
            if left < 0:
                raise TroubleError(BROKEN, self.host, f"{self.url}: more than {most_bytes} bytes")
            parts.append(piece)
        return b"".join(parts)

    def close(self) -> None:
        """End the connection when not all was read; it was given back otherwise."""
        self._response.close()

    def __enter__(self) -> Answer:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


class Patience:
    """How often and how long one file is tried again."""

    def __init__(self, attempts: int, most_wait_s: float, backoff_s: float) -> None:
        self._attempts = attempts
        self._wait_left_s = most_wait_s
        self._backoff_s = backoff_s
        self._tried = 0

    def progress(self) -> None:
        """Much has arrived since: begin counting anew."""
        self._tried = 0

    def next_wait_s(self, trouble: TroubleError, reached: bool) -> float:
        """Return how long to wait before the next try; raises ``trouble`` when there is none.

        ``reached`` says that the host has answered before: no network is then more likely to pass.
        """
        self._tried += 1
        attempts = self._attempts
        if trouble.kind is STALLED:
            attempts = min(attempts, 3)
        if trouble.kind is NO_NETWORK and not reached:
            attempts = min(attempts, 2)
        if not trouble.kind.passing or self._tried >= attempts:
            raise trouble
        wait_s = self._backoff_s * float(2 ** (self._tried - 1))
        wait_s *= 1 + random.random() / 4  # noqa: S311 - so that six threads do not come back at once
        if trouble.wait_s is not None:
            wait_s = max(wait_s, trouble.wait_s)
            if wait_s > self._wait_left_s:
                raise trouble
            self._wait_left_s -= wait_s
        return wait_s


class Connections:
    """All servers, as ``settings`` say that they are reached. Making one opens no connection.

    ``connect_s`` and ``read_s`` bound one connect and one silence of the server; a file is tried
    ``attempts`` times, and the waits that servers ask for may add up to ``most_wait_s``.
    """

    def __init__(
        self,
        settings: IndexSettings,
        connect_s: float = 10.0,
        read_s: float = 30.0,
        attempts: int = 5,
        most_wait_s: float = 60.0,
        backoff_s: float = 0.5,
        per_host: int = 8,
    ) -> None:
        self.settings = settings
        self._connect_s = connect_s
        self._read_s = read_s
        self._attempts = attempts
        self._most_wait_s = most_wait_s
        self._backoff_s = backoff_s
        self._per_host = per_host
        self._sockets = Sockets()
        self._lock = threading.Lock()
        self._managers: dict[tuple[str, bool], urllib3.PoolManager] = {}
        self._answered: set[str] = set()

    def ask(
        self,
        url: str,
        use: Callable[[Answer, Patience], T],
        *,
        halt: Halt,
        headers: Callable[[], Mapping[str, str]] = dict,
        note: Callable[[str], None] = lambda text: None,
        log: Callable[[str], None] = lambda line: None,
    ) -> T:
        """Open ``url`` and return what ``use`` makes of the answer; again when that may help.

        ``headers`` is called for each try (a resume asks for another range). ``note`` gets what is
        being waited for, "" when it is over. Raises TroubleError, and HaltedError once ``halt`` is stopped.
        """
        patience = Patience(self._attempts, self._most_wait_s, self._backoff_s)
        while True:
            halt.check()
            try:
                with self.open(url, headers(), halt) as answer:
                    return use(answer, patience)
            except TroubleError as trouble:
                halt.check()  # then the trouble is that we have shut the socket
                log(f"{hidden(url)}: {trouble.status or trouble.text}")
                wait_s = patience.next_wait_s(trouble, trouble.host in self._answered)
                if trouble.wait_s is not None:
                    note(f"{trouble.short}: it asked to wait {max(1, round(wait_s))} s")
                else:
                    note(f"{trouble.short}: trying again")
                halt.wait(wait_s)
                note("")

    def open(self, url: str, headers: Mapping[str, str], halt: Halt) -> Answer:
        """Ask once, following redirects. Raises TroubleError for all but 200, 206, 304 and 416."""
        seen = {bare(url)}
        published, plain = "", False
        while True:
            response, proxy_host = self._one(url, headers, login=not plain)
            halt.check()
            published = _published_sha256(response.headers) or published
            if response.status not in _REDIRECTS:
                break
            _finish(response)
            target = joined(bare(url), response.headers.get("Location", ""))
            here = host_of(url)
            if bare(target) in seen or len(seen) > _MOST_REDIRECTS:
                raise TroubleError(
                    REDIRECTS, here, f"{len(seen)} redirects, back at {hidden(target)}"
                )
            if split(target).scheme not in ("http", "https"):
                raise TroubleError(REDIRECTS, here, f"a redirect to {hidden(target)}")
            seen.add(bare(target))
            # A login that was meant for an encrypted connection is not sent over a plain one.
            plain = plain or (url.startswith("https:") and target.startswith("http:"))
            url = target
        answer = Answer(response, url, published, proxy_host)
        if answer.status not in (200, 206, 304, 416):
            answer.close()
            raise _refusal(answer, proxy_host)
        return answer

    def shut(self, threads: Iterable[int]) -> None:
        """Close what these threads wait on."""
        self._sockets.shut(threads)

    # --- one ask ---------------------------------------------------------------------------------

    def _one(
        self, url: str, headers: Mapping[str, str], login: bool
    ) -> tuple[BaseHTTPResponse, str]:
        from urllib3 import exceptions

        from dubwright.packs.fetch import wire

        host = host_of(url)
        proxy = self.settings.proxy_of(url)
        proxy_host = host_of(proxy) if proxy else ""
        sent = {
            "User-Agent": f"dubwright/{__version__}",
            "Accept-Encoding": "identity",
            **headers,
        }
        found = (login_of(url) or self.settings.login(url)) if login else None
        if found:
            sent["Authorization"] = "Basic " + _basic(found)
        try:
            pools = self._manager(proxy, self.settings.trusts(url))
            response = wire.ask(pools, bare(url), sent)
        except exceptions.ProxySchemeUnknown as error:
            raise TroubleError(UNUSABLE_PROXY, proxy_host, str(error)) from error
        except (exceptions.HTTPError, OSError, ValueError) as error:
            raise wire.trouble_of(error, host, proxy_host) from error
        self._answered |= {host, proxy_host}
        return response, proxy_host

    def _manager(self, proxy: str, trusted: bool) -> urllib3.PoolManager:
        from dubwright.packs.fetch import wire

        with self._lock:
            made = self._managers.get((proxy, trusted))
            if made is None:
                made = wire.manager(
                    self._sockets,
                    bare(proxy) if proxy else "",
                    login_of(proxy) if proxy else None,
                    wire.trust_anybody() if trusted else self._trust(),
                    self._connect_s,
                    self._read_s,
                    self._per_host,
                )
                self._managers[proxy, trusted] = made
            return made

    def _trust(self) -> ssl.SSLContext:
        from dubwright.packs.fetch import wire

        certificates = self.settings.certificates
        try:
            return wire.trust(certificates)
        except OSError as error:
            raise TroubleError(TLS, "", f"{certificates} cannot be read: {error}") from error


def _finish(response: BaseHTTPResponse) -> None:
    """Keep the connection when little is left to read, else end it."""
    length = response.headers.get("Content-Length", "")
    if length.isascii() and length.isdigit() and int(length) <= _MOST_DRAINED_BYTES:
        response.drain_conn()
    else:
        response.close()


def _basic(login: tuple[str, str]) -> str:
    return base64.b64encode(":".join(login).encode()).decode("ascii")


def _refusal(answer: Answer, proxy_host: str) -> TroubleError:
    """What a status that gives no file means."""
    status = answer.status
    words = f"{status} {_REASONS.get(status, '')}".strip()
    text = f"{hidden(answer.url)}: {words}"
    if status == 407:
        return TroubleError(PROXY_REFUSED, proxy_host or answer.host, text, words)
    if status in (401, 403):
        return TroubleError(REFUSED, answer.host, text, words)
    if status == 429 or status >= 500:
        wait_s = (
            _retry_after_s(answer.headers.get("retry-after", "")) if status in (429, 503) else None
        )
        if wait_s is not None:
            text += f", to be asked again in {wait_s:.0f} s"
        return TroubleError(DOWN, answer.host, text, words, wait_s)
    if status == 408:
        return TroubleError(STALLED, answer.host, text, words)
    return TroubleError(MISSING, answer.host, text, words)


def _retry_after_s(text: str) -> float | None:
    """Seconds or a date (RFC 9110, 10.2.3)."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text)
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return None


def _published_sha256(headers: Mapping[str, str]) -> str:
    """The body's sha256 if the server says it: a model hub's header for large files, or RFC 9530 / 3230."""
    tag = headers.get("X-Linked-ETag", "").removeprefix("W/").strip('"').lower()
    if _HEX_SHA256.match(tag):
        return tag
    for name in ("Repr-Digest", "Digest"):
        for part in headers.get(name, "").split(","):
            kind, _, value = part.strip().partition("=")
            if kind.lower() == "sha-256":
                try:
                    raw = base64.b64decode(value.strip(":"), validate=True)
                except (ValueError, binascii.Error):
                    continue
                if len(raw) == 32:
                    return raw.hex()
    return ""
