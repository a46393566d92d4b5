"""A package index and file server on the loopback interface that does everything servers do wrong.

``with Misbehaving() as served: served.add("a-1.0-py3-none-any.whl", data); served.fail("a-1.0-py3-none-any.whl", "cut")``.
It counts the bytes it has sent of each file and keeps every ask.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.server
import json
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PIECE_BYTES = 1 << 14


class Server(http.server.ThreadingHTTPServer):
    """With room for everybody who comes while it is kept from its work: five wait otherwise, and the
    sixth asks again after a second."""

    request_queue_size = 128
    daemon_threads = True
    block_on_close = False  # not waiting for connections that clients keep


_WORDS = {401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}


@dataclass
class Fault:
    """One way to misbehave, ``left`` more times (None: always).

    Kinds: "slow" (``value`` seconds before each 16 KiB), "stall" (``value`` bytes, then silence), "cut"
    (the connection ends after half of what was asked), "wrong-bytes" (one bit), "wrong-size" (``value``
    bytes are added to Content-Length), "no-range", "redirect-loop", "redirect" (to the address
    ``value``), "etag" (another ETag at every ask), "status" (the number ``value``), "web-page" (200 and a
    login page), "chunked" (no length at all), "gzip" (of a page). ``headers`` are sent along.
    """

    kind: str
    value: Any = None
    left: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """One request: ``name`` is the file's, or the path of anything else."""

    name: str
    headers: dict[str, str]
    status: int

    @property
    def range(self) -> str:
        return self.headers.get("range", "")


@dataclass
class Misbehaving:
    """The server. ``login`` ("user", "password") is demanded for everything; ``tls`` is a certificate
    and its key; ``as_json`` serves PEP 691 pages."""

    login: tuple[str, str] | None = None
    tls: tuple[Path, Path] | None = None
    as_json: bool = False
    files: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    headers: dict[str, dict[str, str]] = field(default_factory=dict)
    """More headers by file name, sent with the file."""
    sent: Counter[str] = field(default_factory=Counter)
    """Bytes of bodies by file name."""
    asked: list[Asked] = field(default_factory=list)
    root: str = ""

    @property
    def url(self) -> str:
        """Of the simple repository."""
        return f"{self.root}/simple"

    def file_url(self, name: str) -> str:
        return f"{self.root}/files/{name}"

    def add(self, name: str, data: bytes) -> str:
        """Serve a file; return its sha256."""
        self.files[name] = data
        return hashlib.sha256(data).hexdigest()

    def fail(
        self, name: str, kind: str, value: Any = None, times: int | None = None, **headers: str
    ) -> None:
        """Misbehave with the file ``name`` (or the path "/simple/project/"), ``times`` times.

        Faults of one name are used up in their order. ``headers``: Retry_After="1".
        """
        named = {key.replace("_", "-"): text for key, text in headers.items()}
        self.faults.setdefault(name, []).append(Fault(kind, value, times, named))

    def heal(self) -> None:
        """Behave from now on, and count anew."""
        self.faults.clear()
        # Replaced, not emptied: an answer that is still being sent goes on counting in the old ones.
        self.sent, self.asked = Counter(), []

    def asks_for(self, name: str) -> list[Asked]:
        return [one for one in self.asked if one.name == name]

    def __enter__(self) -> Misbehaving:
        self.over = threading.Event()
        self._lock = threading.Lock()
        self._server = Server(("127.0.0.1", 0), _handler(self))
        scheme = "http"
        if self.tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
            scheme = "https"
        self.root = f"{scheme}://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()

    def take_fault(self, name: str) -> Fault:
        """The fault for the next ask; one of kind "" when there is none."""
        with self._lock:
            for fault in self.faults.get(name, []):
                if fault.left is None:
                    return fault
                if fault.left:
                    fault.left -= 1
                    return fault
        return Fault("")

    def page(self, project: str) -> tuple[bytes, str]:
        names = [name for name in self.files if _project(name) == project]
        hashes = {name: hashlib.sha256(self.files[name]).hexdigest() for name in names}
        if self.as_json:
            entries = [
                {
                    "filename": name,
                    "url": f"/files/{name}",
                    "hashes": {"sha256": hashes[name]},
                    "size": len(self.files[name]),
                }
                for name in names
            ]
            page = json.dumps({"meta": {"api-version": "1.1"}, "name": project, "files": entries})
            return page.encode(), "application/vnd.pypi.simple.v1+json"
        links = [f'<a href="/files/{name}#sha256={hashes[name]}">{name}</a>' for name in names]
        return f"<!DOCTYPE html><html><body>{''.join(links)}</body></html>".encode(), "text/html"


def _project(name: str) -> str:
    return name.partition("-")[0].replace("_", "-").lower()


def _handler(served: Misbehaving) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *arguments: Any) -> None:
            """Quiet."""

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError):
                self.close_connection = True  # the other side is gone, or does not trust us

        def do_GET(self) -> None:
            _, kind, name, *_ = [*self.path.split("/"), "", ""]
            known = name if kind == "files" else self.path
            fault = served.take_fault(known)
            if served.login is not None and self._login() != served.login:
                fault = Fault("status", 401)
            self._note(known, self._answer(kind, name, fault))

        def _note(self, name: str, answer: tuple[int, Callable[[], None]]) -> None:
            status, send = answer
            headers = {key.lower(): value for key, value in self.headers.items()}
            served.asked.append(Asked(name, headers, status))
            send()

        def _login(self) -> tuple[str, str] | None:
            text = self.headers.get("Authorization", "").removeprefix("Basic ")
            user, _, password = base64.b64decode(text).decode().partition(":")
            return user, password

        def _answer(self, kind: str, name: str, fault: Fault) -> tuple[int, Callable[[], None]]:
            if fault.kind == "status":
                return fault.value, lambda: self._plain(fault.value, b"no", fault.headers)
            if fault.kind == "web-page":
                page = {"Content-Type": "text/html"}
                return 200, lambda: self._plain(200, b"<html>Please log in</html>", page)
            if fault.kind in ("redirect", "redirect-loop"):
                to = fault.value if fault.kind == "redirect" else self.path
                return 302, lambda: self._plain(302, b"", {"Location": to, **fault.headers})
            if kind == "simple":
                body, content = served.page(name)
                if fault.kind == "gzip":
                    packed = {"Content-Type": content, "Content-Encoding": "gzip"}
                    return 200, lambda: self._plain(200, gzip.compress(body), packed)
                found = 200 if name and (b"href" in body or b'"url"' in body) else 404
                return found, lambda: self._plain(found, body, {"Content-Type": content})
            if fault.kind == "chunked":
                return 200, lambda: self._chunked(name, fault.value)
            if kind != "files" or name not in served.files:
                return 404, lambda: self._plain(404, b"no", {})
            return self._file(name, fault)

        def _plain(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status, _WORDS.get(status))
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _counted(self, sent: Counter[str], name: str, piece: bytes, line: bytes) -> None:
            """Counted before it is written: whoever has got it may look at the count at once."""
            sent[name] += len(piece)
            try:
                self.wfile.write(line)
            except OSError:
                sent[name] -= len(piece)
                raise

        def _chunked(self, name: str, most: int | None) -> None:
            """In chunks; cut after ``most`` bytes."""
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            data = served.files[name]
            for at in range(0, len(data), PIECE_BYTES):
                if most is not None and at >= most:
                    self.close_connection = True
                    return
                piece = data[at : at + PIECE_BYTES]
                self._counted(served.sent, name, piece, b"%x\r\n%s\r\n" % (len(piece), piece))
            self.wfile.write(b"0\r\n\r\n")

        def _file(self, name: str, fault: Fault) -> tuple[int, Callable[[], None]]:
            data = served.files[name]
            tag = f'"{hashlib.md5(data).hexdigest()}"'
            if fault.kind == "etag":
                tag = f'"{time.monotonic_ns()}"'
            if self.headers.get("If-None-Match") == tag:
                return 304, lambda: self._plain(304, b"", {"ETag": tag})
            span = self.headers.get("Range", "")
            if fault.kind == "no-range" or self.headers.get("If-Range", tag) != tag:
                span = ""
            begin, end = _span(span, len(data))
            if begin >= len(data):
                gone = {"Content-Range": f"bytes */{len(data)}"}
                return 416, lambda: self._plain(416, b"", gone)
            status = 206 if span else 200
            return status, lambda: self._send(name, status, begin, end, tag, fault)

        def _send(
            self, name: str, status: int, begin: int, end: int, tag: str, fault: Fault
        ) -> None:
            data, sent = bytearray(served.files[name]), served.sent
            if fault.kind == "wrong-bytes":
                data[len(data) // 2] ^= 1
            more = fault.value if fault.kind == "wrong-size" else 0
            self.send_response(status)
            self.send_header("Content-Type", "application/zip")
            self.send_header("Content-Length", str(end - begin + more))
            self.send_header("ETag", tag)
            if fault.kind != "no-range":
                self.send_header("Accept-Ranges", "bytes")
            if status == 206:
                self.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(data)}")
            for key, value in {**served.headers.get(name, {}), **fault.headers}.items():
                self.send_header(key, value)
            self.end_headers()
            last = end
            if fault.kind == "cut":
                last = begin + (end - begin) // 2
            elif fault.kind == "stall":
                last = min(end, begin + fault.value)
            for at in range(begin, last, PIECE_BYTES):
                if fault.kind == "slow" and served.over.wait(fault.value):
                    break
                piece = bytes(data[at : min(last, at + PIECE_BYTES)])
                self._counted(sent, name, piece, piece)
            if fault.kind == "stall":
                served.over.wait(60)
            self.close_connection = last < end or more != 0

    return Handler


def _span(text: str, size: int) -> tuple[int, int]:
    """From and to (not included) of a Range header."""
    first, _, last = text.removeprefix("bytes=").partition("-")
    if not text:
        return 0, size
    if not first:
        return max(0, size - int(last)), size
    return int(first), min(size, int(last) + 1) if last else size


@contextmanager
def nobody() -> Iterator[str]:
    """The root of a server that is not there. Its port is taken as long: that of one that has ended is
    soon given to somebody else."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def certificate(folder: Path) -> tuple[Path, Path] | None:
    """Make a certificate for 127.0.0.1 that nobody trusts, and its key; None without an openssl program."""
    program = shutil.which("openssl")
    if program is None:
        return None
    made, key = folder / "certificate.pem", folder / "key.pem"
    done = subprocess.run(
        [
            *(
                program,
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
                "-nodes",
                "-days",
                "2",
            ),
            *("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(made)),
        ],
        capture_output=True,
        check=False,
    )
    return (made, key) if done.returncode == 0 else None
