"""What every stage is given and what it gives back."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dubwright.library.artifacts import ItemFiles, cache_key
from dubwright.library.model import Artifact, Item, Track

if TYPE_CHECKING:
    from dubwright.home import Home
    from dubwright.jobs.model import JobContext
    from dubwright.library import Library
    from dubwright.packs.catalog import Packs
    from dubwright.packs.wall.call import CallResult, Wall


@dataclass(frozen=True)
class StageResult:
    """What a stage made or found. ``cached`` is True when nothing had to be computed."""

    artifact: Artifact | None
    track: Track | None = None
    cached: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class StageContext:
    """One run of one stage for one item, on a worker thread.

    ``calls`` collects what crossed the wall, for the report of time and memory.
    """

    home: Home
    library: Library
    packs: Packs
    wall: Wall
    job: JobContext
    item: Item
    options: Mapping[str, Any]
    calls: list[CallResult] = field(default_factory=list)

    @property
    def files(self) -> ItemFiles:
        """The item's public paths."""
        return ItemFiles(self.home, self.item.id)

    def call(self, pack_id: str, ask: Any) -> Any:
        """Run ``ask`` in the pack's guest and return its Done.

        Raises Problem (the guest's, or why it could not run) and Cancelled.
        """
        self.job.check()
        started = time.monotonic()
        result = self.wall.call(
            pack_id,
            ask,
            self.job.report,
            log_path=self.job.log_path,
            cancelled=self.job.cancelled,
            receipt=self.job.folder / "receipt.json",
        )
        self.calls.append(result)
        self.job.log.info(
            "%s: %.2f s, peak %.0f MB",
            pack_id,
            time.monotonic() - started,
            result.peak_rss_bytes / 1e6,
        )
        return result.done

    def key(self, stage: str, version: int, pack_id: str | None = None, **parts: Any) -> str:
        """The artifact key: stage and its version, the pack's identity, and ``parts``."""
        identity = self.packs.identity(pack_id) if pack_id is not None else ""
        return cache_key(
            stage=stage, version=version, pack=pack_id or "", identity=identity, **parts
        )
