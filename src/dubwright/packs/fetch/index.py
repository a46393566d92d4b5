"""Where the files of packages are: simple repositories and folders, as the user's settings name them."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from dubwright.packs.fetch.address import as_path, bare, hidden, host_of
from dubwright.packs.fetch.connection import Answer, Connections, Patience
from dubwright.packs.fetch.crew import Crew, Halt
from dubwright.packs.fetch.simple_page import (
    ACCEPT,
    IndexFile,
    normal,
    project_of,
    read_folder,
    read_page,
)
from dubwright.packs.fetch.trouble import BROKEN, MISSING, REFUSED, Again, TroubleError

_MOST_PAGE_BYTES = 64 << 20


@dataclass(frozen=True)
class Sought:
    """A file by its hash. ``name`` is needed to find it in a folder, where nobody tells hashes."""

    project: str
    sha256: str
    name: str = ""


@dataclass(frozen=True)
class Located:
    """Addresses by sha256 of what was found, best first, and what no index has."""

    urls: Mapping[str, tuple[str, ...]]
    missing: tuple[Sought, ...]
    sizes: Mapping[str, int] = field(default_factory=dict)
    """By sha256, where the index says it."""


class Index:
    """All indexes and folders of ``connections.settings`` as one. Making one opens no connection.

    ``log`` gets a line for every ask and retry, ``note`` what is being waited for, "" when it is over;
    both from any thread.
    """

    def __init__(
        self,
        connections: Connections,
        again: Again,
        parallel: int = 8,
        log: Callable[[str], None] = lambda line: None,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._connections = connections
        self._again = again
        self._parallel = parallel
        self._log = log
        self._note = note

    def files(self, project: str, tick: Callable[[], None] = lambda: None) -> tuple[IndexFile, ...]:
        """Return everything that is offered of ``project``, folders first; () when nobody knows it.

        Raises Problem when nothing was found and an index did not answer.
        """
        look = self._look(Halt())
        crew: Crew[list[IndexFile]] = Crew(1, look.halt, self._connections.shut)
        found = crew.run([lambda: look.all_of(project)], tick)[0]
        if not found and look.troubles:
            raise look.troubles[0].problem(project, self._again)
        return tuple(dict.fromkeys(found))

    def locate(self, wheels: Iterable[Sought], tick: Callable[[], None] = lambda: None) -> Located:
        """Return where exactly these files are. ``tick`` is called every 0.2 s and may raise to stop.

        What no index has is in ``missing``. Raises Problem when something is missing and an index
        that might have it did not answer.
        """
        by_project: dict[str, list[Sought]] = {}
        for one in wheels:
            by_project.setdefault(normal(one.project), []).append(one)
        look = self._look(Halt())
        tasks = [partial(look.for_hashes, name, tuple(found)) for name, found in by_project.items()]
        crew: Crew[dict[str, list[IndexFile]]] = Crew(
            self._parallel, look.halt, self._connections.shut
        )
        files = {sha256: found for part in crew.run(tasks, tick) for sha256, found in part.items()}
        missing = tuple(
            one for found in by_project.values() for one in found if not files.get(one.sha256)
        )
        if missing and look.troubles:
            raise look.troubles[0].problem(missing[0].name or missing[0].project, self._again)
        return Located(
            {
                sha256: tuple(dict.fromkeys(one.url for one in found))
                for sha256, found in files.items()
            },
            missing,
            {
                sha256: one.size_bytes
                for sha256, found in files.items()
                for one in found
                if one.size_bytes is not None
            },
        )

    def _look(self, halt: Halt) -> _Look:
        return _Look(self._connections, halt, self._log, self._note)


class _Look:
    """One search: pages are read once, and a server that is down is not asked for every project."""

    def __init__(
        self,
        connections: Connections,
        halt: Halt,
        log: Callable[[str], None],
        note: Callable[[str], None],
    ) -> None:
        self.halt = halt
        self.troubles: list[TroubleError] = []
        self._connections = connections
        self._settings = connections.settings
        self._log = log
        self._note = note
        self._down: dict[str, TroubleError] = {}
        self._links: dict[str, tuple[IndexFile, ...]] = {}
        self._lock = threading.Lock()

    def all_of(self, project: str) -> list[IndexFile]:
        found: list[IndexFile] = []
        for source in self._sources(project):
            found += source()
        return found

    def for_hashes(self, project: str, sought: Sequence[Sought]) -> dict[str, list[IndexFile]]:
        """Ask one source after the other until every hash is found."""
        found: dict[str, list[IndexFile]] = {}
        for source in self._sources(project):
            files = source()
            for one in sought:
                hits = [file for file in files if self._is(file, one)]
                if hits:
                    found.setdefault(one.sha256, []).extend(hits)
            if all(one.sha256 in found for one in sought):
                break
        return found

    def _is(self, file: IndexFile, sought: Sought) -> bool:
        if file.sha256 or file.name != sought.name:
            return file.sha256 == sought.sha256
        path = as_path(file.url)
        if path is None:
            return True  # a page that tells no hashes; the download is checked against it
        try:
            return self._hash(path) == sought.sha256
        except OSError as error:
            self._log(f"{path}: {error}")
            return False

    def _hash(self, path: Path) -> str:
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(1 << 20):
                digest.update(piece)
                self.halt.check()
        return digest.hexdigest()

    def _sources(self, project: str) -> list[Callable[[], Sequence[IndexFile]]]:
        links = [partial(self._linked, place, project) for place in self._settings.find_links]
        indexes = [partial(self._indexed, url, project) for url in self._settings.indexes]
        return [*links, *indexes]

    def _linked(self, place: str, project: str) -> Sequence[IndexFile]:
        with self._lock:  # one thread reads it, the others need it too
            if place not in self._links:
                self._links[place] = self._guarded(place, "")
            files = self._links[place]
        return [one for one in files if project_of(one.name) == normal(project)]

    def _indexed(self, index: str, project: str) -> Sequence[IndexFile]:
        return self._guarded(index.rstrip("/") + f"/{normal(project)}/", project)

    def _guarded(self, address: str, project: str) -> tuple[IndexFile, ...]:
        """The page or folder; () when it is not there, and a note in ``troubles`` when it cannot be had."""
        host = host_of(address)
        try:
            path = as_path(address)
            if path is not None:
                return _local(path)
            if host in self._down:
                return ()
            return self._connections.ask(
                address,
                _page,
                halt=self.halt,
                headers=lambda: {"Accept": ACCEPT, "Accept-Encoding": "gzip"},
                note=self._note,
                log=self._log,
            )
        except TroubleError as trouble:
            if trouble.kind is not MISSING:
                if trouble.kind is not REFUSED:  # that may be about one project
                    self._down[host] = trouble
                self.troubles.append(trouble)
            return ()
        except OSError as error:
            self._log(f"{hidden(address)}: {error}")
            return ()


def _page(answer: Answer, _: Patience) -> tuple[IndexFile, ...]:
    body = answer.read(_MOST_PAGE_BYTES)
    try:
        return read_page(body, answer.headers.get("content-type", ""), answer.url)
    except ValueError as error:
        raise TroubleError(BROKEN, answer.host, f"{bare(answer.url)}: {error}") from error


def _local(path: Path) -> tuple[IndexFile, ...]:
    page = path / "index.html" if path.is_dir() else path
    if page.is_file():
        return read_page(page.read_bytes(), "text/html", page.absolute().as_uri())
    return read_folder(path) if path.is_dir() else ()
