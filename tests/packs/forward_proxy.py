"""A forward proxy on the loopback interface: plain requests and CONNECT, with a login if one is given."""

from __future__ import annotations

import base64
import http.client
import http.server
import select
import socket
import threading
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from tests.packs.misbehaving import Server


@dataclass
class ForwardProxy:
    """``asked`` keeps "GET http://..." and "CONNECT host:port" of every ask that was let through."""

    login: tuple[str, str] | None = None
    asked: list[str] = field(default_factory=list)
    url: str = ""

    def __enter__(self) -> ForwardProxy:
        proxy = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *arguments: Any) -> None:
                """Quiet."""

            def _let(self) -> bool:
                text = self.headers.get("Proxy-Authorization", "").removeprefix("Basic ")
                user, _, password = base64.b64decode(text).decode().partition(":")
                if proxy.login is not None and (user, password) != proxy.login:
                    self.send_response(407)
                    self.send_header("Proxy-Authenticate", 'Basic realm="proxy"')
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return False
                proxy.asked.append(f"{self.command} {self.path}")
                return True

            def do_GET(self) -> None:
                if not self._let():
                    return
                parts = urlsplit(self.path)
                onward = http.client.HTTPConnection(parts.hostname or "", parts.port or 80)
                headers = {
                    key: value
                    for key, value in self.headers.items()
                    if not key.startswith("Proxy-")
                }
                onward.request("GET", parts.path, headers=headers)
                answer = onward.getresponse()
                body = answer.read()
                self.send_response(answer.status)
                for key, value in answer.getheaders():
                    self.send_header(key, value)
                self.end_headers()
                self.wfile.write(body)

            def do_CONNECT(self) -> None:
                if not self._let():
                    return
                host, _, port = self.path.rpartition(":")
                with socket.create_connection((host, int(port))) as onward:
                    self.send_response(200)
                    self.end_headers()
                    _join(self.connection, onward)
                self.close_connection = True

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def with_login(self, user: str, password: str) -> str:
        return self.url.replace("://", f"://{user}:{password}@")


def _join(one: socket.socket, other: socket.socket) -> None:
    """Carry bytes both ways until one side ends."""
    while True:
        for ready in select.select([one, other], [], [], 10)[0]:
            data = ready.recv(1 << 16)
            if not data:
                return
            (other if ready is one else one).sendall(data)
