"""What a separation without the library is asked, what it will do, and what it made. Plain records."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from dubwright.stages.separators import DUB_STEMS, Model
from dubwright_kit import NextAction, Problem

if TYPE_CHECKING:
    from dubwright.media.soundfile import SoundFormat
    from dubwright.packs.care.forecast import Forecast

State = Literal["done", "kept", "failed"]
""""kept": it was complete already, from an earlier run."""


@dataclass(frozen=True)
class StemsAsk:
    """What a person asked, as typed. ``force`` also does again what is complete."""

    separator: str | None = None
    stems: int | str = DUB_STEMS
    form: str = "wav"
    extension: str | None = None
    force: bool = False


@dataclass(frozen=True)
class Skipped:
    """Something in a folder that is not separated; ``why`` goes on "left out, ..."."""

    path: Path
    why: str


@dataclass(frozen=True)
class SourceStems:
    """What became of one source. ``stems``: file by stem name, empty when it failed.

    ``wall_s`` and ``peak_rss_bytes`` are those of the run that made them; ``note`` is what was not as it
    should be in the source, such as damaged places ("" when all is well).
    """

    source: Path
    folder: Path
    state: State
    separator: str
    stems: Mapping[str, Path] = field(default_factory=dict)
    duration_s: float = 0.0
    wall_s: float = 0.0
    peak_rss_bytes: int = 0
    problem: Problem | None = None
    note: str = ""


@dataclass(frozen=True)
class SourcePlan:
    """One source: what is known of it, and where its stems go.

    ``channels`` of the stems: 1 for a mono source, else 2. ``settled`` is what became of it when there
    is nothing left to do: its stems are complete, or it cannot be read.
    """

    path: Path
    folder: Path
    duration_s: float = 0.0
    channels: int = 2
    audio_stream: int = 0
    settled: SourceStems | None = None


@dataclass(frozen=True)
class SeparationPlan:
    """What ``separate`` will do. ``batch``: several sources, each with a folder and a record of its own
    in ``out``; else the stems go into ``out`` itself. ``again`` is the command that goes on."""

    model: Model
    version: str
    """Of the pack and its weights."""
    form: SoundFormat
    out: Path
    sources: tuple[SourcePlan, ...]
    again: NextAction
    skipped: tuple[Skipped, ...] = ()
    batch: bool = True
    forecast: Forecast | None = None

    @property
    def todo(self) -> tuple[SourcePlan, ...]:
        """The sources that will be separated."""
        return tuple(one for one in self.sources if one.settled is None)


@dataclass(frozen=True)
class SeparationResult:
    """What became of every source, in the plan's order."""

    plan: SeparationPlan
    files: tuple[SourceStems, ...]

    @property
    def failed(self) -> tuple[SourceStems, ...]:
        return tuple(one for one in self.files if one.state == "failed")


@dataclass(frozen=True)
class StemsProgress:
    """How far a separation is. ``number`` counts the plan's sources from 1; ``share`` of this file and
    ``whole`` of all are 0 to 1. ``result`` comes once for each source, when it is settled."""

    number: int
    of: int
    source: Path
    step: str
    share: float
    whole: float
    result: SourceStems | None = None


Watch = Callable[[StemsProgress], None]
"""Told of progress; may raise Cancelled to stop."""


def unwatched(progress: StemsProgress) -> None:
    """For who does not look."""
