"""The studio's verbs for stems without the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dubwright.home import Home
from dubwright.packs.catalog import Packs
from dubwright.studio.stems.model import (
    SeparationPlan,
    SeparationResult,
    StemsAsk,
    StemsProgress,
    Watch,
    unwatched,
)
from dubwright_kit import Report, silent

if TYPE_CHECKING:
    from dubwright.jobs.engine import Jobs
    from dubwright.library import Library
    from dubwright.studio.stems.plan import Look
    from dubwright.studio.views import Stems


class _Separating(Protocol):
    @property
    def home(self) -> Home: ...

    @property
    def packs(self) -> Packs: ...

    @property
    def library(self) -> Library: ...

    @property
    def job_engine(self) -> Jobs: ...


def _unseen(number: int, of: int, path: Path) -> None:
    """For who does not look."""


class Separation:
    """What a :class:`Studio` does with files that do not come into its library."""

    def separate(
        self: _Separating,
        source: Path | str,
        out: Path | str,
        separator: str | None = None,
        report: Report = silent,
        *,
        stems: int = 2,
        form: str = "wav",
        extension: str | None = None,
    ) -> Stems:
        """Write the stems of any audio or video file into ``out``: ``<out>/<stem>.<form>``, 44.1 kHz,
        as long as the source, mono where that is mono.

        Files get their names only when all are complete. Raises the Problems of probing and
        decoding, ``option-invalid``, ``separator-unknown``, ``pack-not-installed``,
        ``out-not-writable``, ``out-is-source``, ``out-busy``, ``disk-full``, and the pack's.
        """
        from dubwright.studio.stems.plan import plan_one
        from dubwright.studio.stems.run import run_plan
        from dubwright.studio.views import Stems

        ask = StemsAsk(separator, stems, form, extension)
        plan = plan_one(self.packs, Path(source), Path(out), ask)

        def watch(progress: StemsProgress) -> None:
            if progress.result is None:
                report(progress.share, 1.0, progress.step)

        (made,) = run_plan(self.home, self.packs, plan, watch).files
        if made.problem is not None:
            raise made.problem
        files = {stem: Path(out) / path.name for stem, path in made.stems.items()}  # as typed
        return Stems(Path(source), files, made.separator, made.wall_s, made.peak_rss_bytes)

    def plan_separation(
        self: _Separating,
        paths: Sequence[Path | str],
        out: Path | str,
        *,
        separator: str | None = None,
        stems: int | str = 2,
        form: str = "wav",
        extension: str | None = None,
        force: bool = False,
        look: Look = _unseen,
    ) -> SeparationPlan:
        """Look at files, folders and patterns and say what :meth:`separate_planned` will do: which
        sources, where their stems go, what is complete already, how long and how much it takes.

        Nothing is written; ``look`` is told which file of how many is looked at. Raises the Problems
        of ``studio.stems.plan.plan_many``, that of a file which was named alone, and ``disk-short``.
        """
        from dubwright.studio.forecast import foresee_separation
        from dubwright.studio.stems.plan import plan_many

        ask = StemsAsk(separator, stems, form, extension, force)
        plan = plan_many(self.packs, paths, Path(out), ask, look)
        seen = foresee_separation(self.home, self.packs, self.job_engine, self.library, plan)
        return replace(plan, forecast=seen)

    def separate_planned(
        self: _Separating, plan: SeparationPlan, watch: Watch = unwatched
    ) -> SeparationResult:
        """Make the stems of a plan; one source that fails is told beside the others. Raises Problem
        ``out-busy`` and what ``watch`` raises."""
        from dubwright.studio.stems.run import run_plan

        return run_plan(self.home, self.packs, plan, watch)
