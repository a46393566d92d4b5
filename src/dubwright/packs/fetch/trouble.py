"""What can go wrong between us and a server, and the Problem that it becomes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dubwright_kit import NextAction, Problem

Again = Callable[[str], NextAction]
"""From a label ("install again in a few minutes") to the action of whoever asked for the files."""


@dataclass(frozen=True)
class Kind:
    """One way of failing. ``message`` may use {name}, {host}, {status}."""

    code: str
    message: str
    label: str
    passing: bool
    """Whether the same ask may succeed a little later, so that it is tried again without asking anybody."""


NO_NETWORK = Kind(
    "pack-no-network",
    "{name} could not be downloaded: there is no connection to {host}.",
    "install again when the network is back",
    passing=True,
)
TLS = Kind(
    "pack-tls",
    "{name} could not be downloaded: the certificate of {host} is not trusted"
    " (a company proxy often is the reason).",
    "set SSL_CERT_FILE to the company's certificates, then install again",
    passing=False,
)
REFUSED = Kind(
    "pack-index-refused",
    "{name} could not be downloaded: {host} answered {status}; it wants a login, or another one.",
    "correct the login for {host} in the index's address or in netrc, then install again",
    passing=False,
)
PROXY_REFUSED = Kind(
    "pack-index-refused",
    "{name} could not be downloaded: the proxy {host} answered {status}; it wants a login, or another one.",
    "correct the login in the proxy's address (HTTPS_PROXY), then install again",
    passing=False,
)
DOWN = Kind(
    "pack-index-down",
    "{name} could not be downloaded: {host} answered {status}.",
    "install again in a few minutes",
    passing=True,
)
BROKEN = Kind(
    "pack-broken-download",
    "{name} could not be downloaded: the connection to {host} broke off again and again.",
    "install again: it goes on where it stopped",
    passing=True,
)
STALLED = Kind(
    "pack-stalled",
    "{name} could not be downloaded: {host} stopped sending.",
    "install again: it goes on where it stopped",
    passing=True,
)
MISSING = Kind(
    "pack-not-on-index",
    "{name} is not where it should be: {host} answered {status}.",
    "check which index uv or pip is set to, then install again",
    passing=False,
)
NO_ADDRESS = Kind(
    "pack-not-on-index",
    "{name} could not be downloaded: its address is none that can be asked.",
    "check which index uv or pip is set to, then install again",
    passing=False,
)
REDIRECTS = Kind(
    "pack-redirects",
    "{name} could not be downloaded: {host} sends from one address to the next and never to the file.",
    "check which index and proxy uv or pip is set to, then install again",
    passing=False,
)
MISMATCH = Kind(
    "pack-hash-mismatch",
    "What {host} sent for {name} is not the file that it should be; it was deleted.",
    "install again; if it stays, the index or a proxy replaces files",
    passing=False,
)
UNUSABLE_PROXY = Kind(
    "pack-proxy-unusable",
    "{name} could not be downloaded: the proxy {host} is of a kind that cannot be used here.",
    "set HTTPS_PROXY to a proxy that starts with http:// or https://, then install again",
    passing=False,
)


class TroubleError(Exception):
    """A failure of kind ``kind`` at ``host`` (no login in it); ``text`` is technical.

    ``wait_s`` is what the server asked to wait before the next ask, None when it did not say.
    """

    def __init__(
        self, kind: Kind, host: str, text: str, status: str = "", wait_s: float | None = None
    ) -> None:
        super().__init__(text)
        self.kind = kind
        self.host = host
        self.text = text
        self.status = status
        self.wait_s = wait_s

    @property
    def short(self) -> str:
        """For the line of state: why is it tried again?"""
        if self.status:
            return f"{self.host} answered {self.status}"
        return {
            "pack-stalled": f"{self.host} stopped sending",
            "pack-no-network": f"no connection to {self.host}",
        }.get(self.kind.code, f"the connection to {self.host} broke")

    def problem(self, name: str, again: Again, more: str = "") -> Problem:
        """Return the Problem about the file ``name``; ``more`` is added to the technical detail."""
        words = {"name": name, "host": self.host or "the server", "status": self.status}
        return Problem(
            self.kind.code,
            self.kind.message.format(**words),
            again(self.kind.label.format(**words)),
            "\n".join(part for part in (self.text, more) if part),
        )
