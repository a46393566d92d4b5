"""A package index on the loopback interface that is as fast as the system: ``python -m bench.wheelserver FOLDER``.

Serves the wheels of a folder with their metadata (PEP 503 and 658), with ranges, by sendfile, in a
process of its own. Prints its port; ``/sent`` says how many bytes of wheels went out.
"""

from __future__ import annotations

import hashlib
import http.server
import json
import re
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

_RANGE = re.compile(r"bytes=(\d*)-(\d*)$")


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one connection; the server carries ``folder``, ``hashes`` and ``sent``."""

    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002  # the base class names it
        """Quiet."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def _answer(self, body: bool) -> None:
        _, kind, name, *_ = [*urlsplit(self.path).path.split("/"), "", ""]
        if kind == "sent":
            self._small(json.dumps({"bytes": self.server.sent}).encode(), "application/json", body)
        elif kind == "simple" and (page := self.server.page(name)) is not None:
            self._small(page, "text/html", body)
        elif kind == "files" and (self.server.folder / Path(name).name).is_file():
            self._file(self.server.folder / Path(name).name, body)
        else:
            self.send_error(404)

    def _small(self, data: bytes, kind: str, body: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)

    def _file(self, path: Path, body: bool) -> None:
        size = path.stat().st_size
        start, end, status = 0, size, 200
        asked = _RANGE.match(self.headers.get("Range", ""))
        if asked:
            if asked[1]:
                start, end = int(asked[1]), min(size, int(asked[2] or size) + 1)
            else:
                start = max(0, size - int(asked[2] or 0))
            status = 206
        self.send_response(status)
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", f'"{self.server.sha256(path)}"')
        if status == 206:
            self.send_header("Content-Range", f"bytes {start}-{end - 1}/{size}")
        self.send_header("Content-Length", str(end - start))
        self.end_headers()
        if not body:
            return
        self.wfile.flush()
        with path.open("rb") as file:
            try:
                sent = self.connection.sendfile(file, start, end - start)
            except OSError:
                self.close_connection = True
                return
        if path.suffix == ".whl":
            self.server.sent += sent


class Server(http.server.ThreadingHTTPServer):
    """The index of ``folder``."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder = folder
        self.sent = 0
        self._hashes: dict[Path, str] = {}

    def sha256(self, path: Path) -> str:
        """Of one file, read once."""
        if path not in self._hashes:
            with path.open("rb") as file:
                self._hashes[path] = hashlib.file_digest(file, "sha256").hexdigest()
        return self._hashes[path]

    def page(self, project: str) -> bytes | None:
        """The page of ``project``; None where there is none."""
        module = project.replace("-", "_")
        links = []
        for path in sorted(self.folder.glob(f"{module}-*.whl")):
            metadata = self.sha256(path.with_name(path.name + ".metadata"))
            links.append(
                f'<a href="/files/{path.name}#sha256={self.sha256(path)}" '
                f'data-core-metadata="sha256={metadata}" '
                f'data-dist-info-metadata="sha256={metadata}">{path.name}</a>'
            )
        if not links:
            return None
        return ("<!DOCTYPE html><html><body>" + "\n".join(links) + "</body></html>").encode()


def main() -> None:
    server = Server(Path(sys.argv[1]))
    for path in [*server.folder.glob("*.whl"), *server.folder.glob("*.metadata")]:
        server.sha256(path)  # now, so that no measured request waits for it
    print(server.server_address[1], flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
