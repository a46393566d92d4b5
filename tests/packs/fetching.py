"""What tests of the fetcher share: bytes to serve, short patience, and what was seen while fetching."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dubwright.packs.fetch.connection import Connections
from dubwright.packs.fetch.fetcher import Fetched, Fetcher, FetchState, Wanted
from dubwright.packs.fetch.settings import IndexSettings, index_settings
from dubwright.packs.fetch.store import Store
from dubwright_kit import NextAction
from tests.packs.misbehaving import Misbehaving

NAME = "some_project-1.0-py3-none-any.whl"
STALL_S = 2.0


def noise(size_bytes: int, seed: str = "") -> bytes:
    """Incompressible and always the same."""
    return hashlib.shake_128(seed.encode()).digest(size_bytes)


def again(label: str) -> NextAction:
    return NextAction(label, "packs install", {"_": ["some-pack"]})


def settings(served: Misbehaving, **env: str) -> IndexSettings:
    """Of a person who has set nothing but this index."""
    return index_settings(
        {"UV_DEFAULT_INDEX": served.url, "PIP_CONFIG_FILE": os.devnull, "NETRC": os.devnull, **env}
    )


def patience(**changes: Any) -> dict[str, Any]:
    """Times that a test can wait for. A server that is only kept from its work has not stalled: where
    a stall is waited for, ``read_s`` is ``STALL_S``."""
    return {"connect_s": 20.0, "read_s": 20.0, "backoff_s": 0.1, **changes}


@dataclass
class Fetching:
    """A store, a fetcher and everything that they said."""

    root: Path
    settings: IndexSettings
    times: dict[str, Any] = field(default_factory=patience)
    states: list[FetchState] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.store = Store(self.root)
        self.connections = Connections(self.settings, **self.times)
        self.fetcher = Fetcher(self.store, self.connections, again, log=self.lines.append)

    def fetch(self, *wanted: Wanted) -> tuple[Fetched, ...]:
        return self.fetcher.fetch(wanted, self.states.append)

    @property
    def notes(self) -> set[str]:
        return {state.note for state in self.states if state.note}


def wanted(served: Misbehaving, name: str = NAME, known: bool = True) -> Wanted:
    """The file as a lock knows it; not ``known``: as nobody does."""
    data = served.files[name]
    if not known:
        return Wanted(name, (served.file_url(name),))
    return Wanted(name, (served.file_url(name),), hashlib.sha256(data).hexdigest(), len(data))
