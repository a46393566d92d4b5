"""Addresses of files: their host, their login, and how they are shown to people."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote, urljoin, urlsplit, urlunsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}
_SCHEME = re.compile(r"^[A-Za-z][A-Za-z0-9+.-]+:")  # two letters at least: "C:" is a drive


def split(url: str) -> SplitResult:
    """Take a URL apart; what is none ("http://[x/") becomes one without scheme and host."""
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises as well
    except ValueError:
        return SplitResult("", "", "(an address that cannot be read)", "", "")
    return parts


def joined(base: str, link: str) -> str:
    """Return the address of ``link`` on the page ``base``; what is none stays as it is."""
    try:
        return urljoin(base, link)
    except ValueError:
        return link


def as_path(address: str) -> Path | None:
    """Return the path of a ``file:`` URL or a plain path; None for other URLs."""
    if not _SCHEME.match(address):
        return Path(address).expanduser()
    parts = split(address)
    if parts.scheme.lower() != "file":
        return None
    from urllib.request import url2pathname  # here: it loads the whole HTTP client

    prefix = f"//{parts.netloc}" if parts.netloc not in ("", "localhost") else ""
    return Path(url2pathname(prefix + parts.path))


def bare(url: str) -> str:
    """Return ``url`` as it is asked for: without login and fragment."""
    parts = split(url)
    return urlunsplit(parts._replace(netloc=_place(parts), fragment=""))


def hidden(url: str) -> str:
    """Return ``url`` as it may be shown and logged: without login, query (it may be signed) and fragment."""
    parts = split(url)
    return urlunsplit(parts._replace(netloc=_place(parts), query="", fragment=""))


def login_of(url: str) -> tuple[str, str] | None:
    """Return user and password written in ``url``."""
    parts = split(url)
    if parts.username is None:
        return None
    return unquote(parts.username), unquote(parts.password or "")


def with_login(url: str, user: str, password: str) -> str:
    """Return ``url`` with a login in it."""
    parts = split(url)
    login = f"{quote(user, safe='')}:{quote(password, safe='')}@"
    return urlunsplit(parts._replace(netloc=login + _place(parts)))


def origin_of(url: str) -> str:
    """Return "scheme://host:port", the port always there: what a login may be sent to."""
    parts = split(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{(parts.hostname or '').lower()}:{port}"


def host_of(url: str) -> str:
    """Return "host" or "host:port" (where it is not the scheme's own), for people and for comparing."""
    parts = split(url)
    name = (parts.hostname or "").lower()
    port = parts.port
    if port is None or port == _DEFAULT_PORTS.get(parts.scheme.lower()):
        return name
    return f"[{name}]:{port}" if ":" in name else f"{name}:{port}"


def file_name(url: str) -> str:
    """Return the last part of the path, unquoted."""
    return unquote(split(url).path).rstrip("/").rpartition("/")[2]


def _place(parts: SplitResult) -> str:
    return parts.netloc.rpartition("@")[2]
