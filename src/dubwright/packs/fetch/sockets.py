"""Sockets that a thread waits on, and how another thread ends the wait."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterable


class Sockets:
    """Which socket each thread waits on, so that the wait can be ended from outside."""

    def __init__(self) -> None:
        self._of_thread: dict[int, socket.socket] = {}

    def hold(self, sock: socket.socket | None) -> None:
        """Say that the calling thread uses ``sock`` from now on."""
        if sock is not None:
            self._of_thread[threading.get_ident()] = sock

    def shut(self, threads: Iterable[int]) -> None:
        """End both directions of what these threads use: what they wait for fails at once."""
        for ident in threads:
            sock = self._of_thread.get(ident)
            if sock is not None:
                with contextlib.suppress(OSError, ValueError):
                    # Not SSLSocket.shutdown: that takes the TLS object from under the reading thread.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
