"""urllib3 with two things added: sockets that another thread can shut, and failures as ours.

Imported only when something is asked for: listing packs must not pay for it.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
from pathlib import Path
from typing import Any

import urllib3
from urllib3 import exceptions
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.response import BaseHTTPResponse

from dubwright.packs.fetch.sockets import Sockets
from dubwright.packs.fetch.trouble import (
    BROKEN,
    DOWN,
    NO_ADDRESS,
    NO_NETWORK,
    PROXY_REFUSED,
    STALLED,
    TLS,
    Kind,
    TroubleError,
)

_TUNNEL = re.compile(r"Tunnel connection failed: (\d{3}) ?([^\r\n']*)")
_HASHED_NAME = re.compile(r"^[0-9a-f]{8}\.\d+$")


class _Connection(HTTPConnection):
    sockets: Sockets

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self.sockets.hold(sock)
        return sock

    def getresponse(self) -> Any:
        self.sockets.hold(self.sock)
        return super().getresponse()


class _SecureConnection(HTTPSConnection):
    sockets: Sockets

    def _new_conn(self) -> socket.socket:
        sock = super()._new_conn()
        self.sockets.hold(sock)
        return sock

    def getresponse(self) -> Any:
        self.sockets.hold(self.sock)
        return super().getresponse()


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection
    sockets: Sockets

    def _new_conn(self) -> Any:
        connection: Any = super()._new_conn()
        connection.sockets = self.sockets
        return connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection
    sockets: Sockets

    def _new_conn(self) -> Any:
        connection: Any = super()._new_conn()
        connection.sockets = self.sockets
        return connection


class _Pools:
    """Mixed into urllib3's managers: pools that know ``sockets``."""

    sockets: Sockets

    def _new_pool(self, *arguments: Any, **named: Any) -> Any:
        pool = super()._new_pool(*arguments, **named)  # type: ignore[misc] # the manager's
        pool.sockets = self.sockets
        return pool


class _Direct(_Pools, urllib3.PoolManager):
    pass


class _Proxied(_Pools, urllib3.ProxyManager):
    pass


def manager(
    sockets: Sockets,
    proxy: str,
    proxy_login: tuple[str, str] | None,
    context: ssl.SSLContext,
    connect_s: float,
    read_s: float,
    per_host: int,
) -> urllib3.PoolManager:
    """Return pools of connections to all hosts, direct or by ``proxy`` ("" for direct).

    Raises urllib3's ProxySchemeUnknown.
    """
    named: dict[str, Any] = {
        "timeout": urllib3.Timeout(connect=connect_s, read=read_s),
        "maxsize": per_host,
        "ssl_context": context,
        "num_pools": 32,
    }
    made: _Direct | _Proxied
    if proxy:
        login = ":".join(proxy_login) if proxy_login else None
        headers = urllib3.make_headers(proxy_basic_auth=login)
        made = _Proxied(proxy, proxy_headers=headers, proxy_ssl_context=context, **named)
    else:
        made = _Direct(**named)
    made.sockets = sockets
    made.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
    return made


def trust(certificates: str) -> ssl.SSLContext:
    """Return a context that trusts a CA file or folder, "" for what the system trusts.

    Raises OSError (ssl.SSLError is one) when the file cannot be read.
    """
    if not certificates:
        import truststore

        return truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    place = Path(certificates)
    if not place.is_dir():
        context.load_verify_locations(cafile=certificates)
        return context
    names = [path for path in place.iterdir() if path.is_file()]
    if any(_HASHED_NAME.match(path.name) for path in names):
        context.load_verify_locations(capath=certificates)
        return context
    for path in names:
        if path.suffix.lower() in (".pem", ".crt", ".cer"):
            with contextlib.suppress(ssl.SSLError):  # one bad file among many
                context.load_verify_locations(cafile=str(path))
    return context


def trust_anybody() -> ssl.SSLContext:
    """For the hosts that a person has said to trust without a certificate."""
    # They know: a warning at every file would drown what matters.
    urllib3.disable_warnings(exceptions.InsecureRequestWarning)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def ask(pools: urllib3.PoolManager, url: str, headers: dict[str, str]) -> BaseHTTPResponse:
    """Ask once, follow nothing, read no body. Raises urllib3's HTTPError."""
    return pools.urlopen(
        "GET",
        url,
        headers=headers,
        redirect=False,
        retries=False,
        preload_content=False,
        decode_content=False,
    )


def trouble_of(error: Exception, host: str, proxy_host: str) -> TroubleError:
    """Return our word for what urllib3 raised while asking ``host``, through ``proxy_host`` if any."""
    text = f"{host}: {type(error).__name__}: {error}"
    if isinstance(error, exceptions.ProxyError):
        return _proxy_trouble(error, proxy_host or host, text)
    if isinstance(error, exceptions.LocationValueError | exceptions.LocationParseError):
        return TroubleError(NO_ADDRESS, host, text)
    if isinstance(error, exceptions.SSLError):
        return TroubleError(_tls_kind(error), host, text)
    if isinstance(error, exceptions.NewConnectionError | exceptions.ConnectTimeoutError):
        return TroubleError(NO_NETWORK, proxy_host or host, text)
    if isinstance(error, exceptions.ReadTimeoutError | TimeoutError):
        return TroubleError(STALLED, host, text)
    return TroubleError(BROKEN, host, text)


def _proxy_trouble(error: exceptions.ProxyError, host: str, text: str) -> TroubleError:
    inner = error.original_error
    match = _TUNNEL.search(str(inner))
    if match:
        status = f"{match[1]} {match[2]}".strip()
        return TroubleError(_proxy_kind(int(match[1])), host, text, status)
    if isinstance(inner, exceptions.SSLError | ssl.SSLError):
        return TroubleError(_tls_kind(inner), host, text)
    return TroubleError(NO_NETWORK, host, text)


def _proxy_kind(status: int) -> Kind:
    return DOWN if status >= 500 else PROXY_REFUSED


def _tls_kind(error: Exception) -> Kind:
    """A connection that ends inside TLS is a broken one; all else is about trust."""
    words = str(error).upper().replace(" ", "_")
    ended = "EOF" in words and "CERTIFICATE" not in words
    return BROKEN if ended or "TIMED_OUT" in words else TLS
