"""Bringing the files of an install together: from what is here, the network, or a person's folder."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from dubwright.packs.diagnosis.diagnose import again
from dubwright.packs.installing.pace import Paced
from dubwright.packs.installing.pins import pin, pinned
from dubwright.packs.installing.site import Site
from dubwright.packs.manifest import Weights
from dubwright.packs.planning.plan import PlanFile
from dubwright.packs.planning.rate import write_rate
from dubwright.packs.record import ModelFile
from dubwright_kit import NextAction, Problem

if TYPE_CHECKING:
    from dubwright.packs.fetch.connection import Connections
    from dubwright.packs.fetch.fetcher import Fetcher
    from dubwright.packs.fetch.store import Store
    from dubwright.packs.installing.supply import OwnWeights, Supply


@dataclass
class Gatherer:
    """The files of one install. With ``supply`` nothing is fetched over the network."""

    site: Site
    supply: Supply | None = None
    verified: dict[str, ModelFile] = field(default_factory=dict)
    """Every file that was brought, by name."""

    def __post_init__(self) -> None:
        self._tick = Paced(self.site.beat)
        self._waiting = ""
        self._stored: Store | None = None

    def get(self, files: Sequence[PlanFile]) -> Mapping[str, Path]:
        """Return where each verified file lies, by sha256 (by name for weights without a pin).

        Raises Problem as the fetcher does, ``pack-not-on-index`` for files that the index has not,
        and ``pack-supply-incomplete`` for files that a supply has not.
        """
        self.site.steps.enter("download")
        found = {}
        missing = []
        for one in {one.sha256 or one.name: one for one in files}.values():
            path = self._here(one)
            if path is None:
                missing.append(one)
            else:
                found[one.sha256 or one.name] = path
        if missing and self.supply is not None:
            from dubwright.packs.installing.supply import incomplete

            own = [one.name for one in missing if one.url and self._has_other(one)]
            raise incomplete(self.site.name, self.supply, missing, own)
        if missing:
            found.update(self._fetch(missing))
        return found

    def own_weights(self) -> Mapping[str, OwnWeights]:
        """What the supply has in place of weights (unpacked, or a person's own), by their names."""
        site, supply = self.site, self.supply
        if supply is None:
            return {}
        unlisted = site.options.own_weights
        found = {
            one.name: supply.own(one, unlisted=unlisted, tick=self._tick)
            for one in site.manifest.weights
        }
        return {name: own for name, own in found.items() if own is not None}

    def _has_other(self, file: PlanFile) -> bool:
        """Has the supply weights of a person's own in place of these?"""
        try:
            return (
                self.supply is not None and self.supply.own_bytes(self._weights(file)) is not None
            )
        except Problem:  # half a checkpoint
            return False

    def _here(self, file: PlanFile) -> Path | None:
        """The file, when it is in the store or in the supply."""
        sha256 = self._known(file)
        if not sha256:
            return None
        store = self._store()
        path = store.find(sha256, file.name, self._tick)
        if path is None and self.supply is not None:
            given = self.supply.find(sha256, file.name, file.size_bytes or None, self._tick)
            if given is not None:
                path, _ = store.add_file(given, sha256, file.name, self._tick)
        if path is not None:
            self.site.say(f"{file.name}: here already, {path.stat().st_size:,} B")
            self._note(file.name, sha256, path)
        return path

    def fetcher(self, connections: Connections) -> Fetcher:
        """Fetches to the store of this home, and tells the install log."""
        from dubwright.packs.fetch.fetcher import Fetcher

        return Fetcher(self._store(), connections, self._again, log=self.site.say)

    def connections(self) -> Connections:
        """As this machine's settings want them."""
        from dubwright.packs.fetch.opening import connections_of

        return connections_of(self.site.uv.program, self._again)

    def distrust(self, files: Sequence[PlanFile]) -> None:
        """uv says that some of these are not what they were: hash them again before they are used."""
        store = self._store()
        for one in files:
            store.distrust(one.sha256)

    def _fetch(self, files: Sequence[PlanFile]) -> dict[str, Path]:
        from dubwright.packs.fetch.download import Wanted

        site = self.site
        if os.environ.get("UV_OFFLINE", "").lower() in ("1", "true", "yes", "on"):
            raise Problem(
                "pack-offline",
                f"{site.name} needs {len(files)} files that are not here, and UV_OFFLINE forbids to "
                "fetch them.",
                again(site.name, "unset UV_OFFLINE, then install again"),
                "\n".join(one.name for one in files),
            )
        connections = self.connections()
        urls = self._locate(connections, [one for one in files if not one.url])
        wanted = [
            Wanted(
                one.name,
                (one.url,) if one.url else urls[one.sha256],
                self._known(one),
                one.size_bytes or None,
            )
            for one in files
        ]
        fetcher = self.fetcher(connections)
        begun = time.monotonic()
        brought = fetcher.fetch(wanted, site.steps.follow_fetch)
        received = sum(one.received_bytes for one in brought)
        write_rate(site.home, received, time.monotonic() - begun)
        for file, one in zip(files, brought, strict=True):
            self._note(one.name, one.sha256, one.path)
            if not file.sha256:
                size_bytes = one.path.stat().st_size
                pin(site.home, site.name, self._weights(file), one.sha256, size_bytes)
        return {
            file.sha256 or file.name: one.path for file, one in zip(files, brought, strict=True)
        }

    def _locate(
        self, connections: Connections, files: Sequence[PlanFile]
    ) -> Mapping[str, tuple[str, ...]]:
        """The addresses of files of the index, by sha256."""
        from dubwright.packs.fetch.index import Index, Sought

        if not files:
            return {}
        site, origin = self.site, connections.settings.origin
        site.steps.enter("resolve")
        site.say(f"asking {origin} for {len(files)} files")
        index = Index(connections, self._again, log=site.say, note=self._wait)
        found = index.locate(
            [Sought(one.project, one.sha256, one.name) for one in files],
            lambda: site.steps.show(0.0, self._waiting, heartbeat=True),
        )
        if found.missing:
            raise _not_on_index(site.name, [one.name for one in found.missing], origin)
        site.steps.enter("download")
        return found.urls

    def _wait(self, text: str) -> None:
        self._waiting = text

    def _known(self, file: PlanFile) -> str:
        """The hash of a file: the listed one, or what was written down the first time."""
        if file.sha256:
            return file.sha256
        return pinned(self.site.home, self.site.name, self._weights(file)).sha256

    def _weights(self, file: PlanFile) -> Weights:
        """Only weights may be without a hash; and only they have an address."""
        return next(one for one in self.site.manifest.weights if one.name == file.name)

    def _again(self, label: str) -> NextAction:
        return again(self.site.name, label)

    def _store(self) -> Store:
        if self._stored is None:
            from dubwright.packs.fetch.store import Store

            self._stored = Store(self.site.home.downloads)
        return self._stored

    def _note(self, name: str, sha256: str, path: Path) -> None:
        self.verified[name] = ModelFile(path.stat().st_size, sha256)


def _not_on_index(name: str, names: Sequence[str], origin: str) -> Problem:
    more = f" and {len(names) - 1} more" if len(names) > 1 else ""
    return Problem(
        "pack-not-on-index",
        f"The package index ({origin}) does not have {names[0]}{more}, which {name} is locked to.",
        NextAction(
            "check which index uv or pip is set to, then install again",
            "packs install",
            {"_": [name]},
        ),
        "\n".join(names),
    )
