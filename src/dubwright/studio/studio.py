"""Studio: every verb of the program. Results are frozen dataclasses; only faces print."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dubwright.home import Home
from dubwright.jobs.engine import Jobs
from dubwright.jobs.model import Job, JobRequest, State
from dubwright.packs.catalog import Packs
from dubwright.recipe import DUB_JOB, INSTALL_JOB
from dubwright.studio.packcare import PackCare
from dubwright.studio.packplans import PackPlans
from dubwright.studio.stems.verbs import Separation
from dubwright.studio.work import Crew, Handle, check, request
from dubwright_kit import NextAction, Problem, Report, silent

if TYPE_CHECKING:
    from dubwright.library import Library
    from dubwright.library.model import Item, Segment, Track, VoiceChoice
    from dubwright.packs.care.canary import CanaryReport
    from dubwright.studio.bundle import Bundle
    from dubwright.studio.installs import PackProgress
    from dubwright.studio.views import AddResult, Diagnostics, Film, ItemView, Removed


class Dubbing(Handle):
    """A dub under way. :meth:`wait` returns the :class:`Film`."""

    def wait(self) -> Film:  # type: ignore[override]  # a dub's result is the film, not the job
        """Return the finished film. Raises the Problem that stopped it, or ``Cancelled``."""
        from dubwright.studio.views import Film

        job = check(self.finish())
        result = job.result or {}
        info = result.get("info", {})
        return Film(
            self.item,
            job,
            Path(info["film"]),
            Path(info["report"]),
            tuple(Path(path) for path in info.get("subtitles", ())),
            tuple(info.get("warnings", ())),
            self.forecast,
        )

    item: Item


class Studio(PackPlans, PackCare, Separation):
    """Everything the program can do with one data folder. A context manager.

    Jobs run in this process's worker when no other worker holds the folder. Loading is lazy, so
    that listing jobs or packs imports neither the database layer nor the job engine.
    """

    def __init__(self, home: Home | Path | str | None = None):
        self.home = (home if isinstance(home, Home) else Home.find(home)).prepare()

    def __enter__(self) -> Studio:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop the worker of this process and close the database."""
        if "crew" in self.__dict__:
            self.crew.close()
        if "library" in self.__dict__:
            self.library.close()

    @cached_property
    def library(self) -> Library:
        """The items (opened on first use)."""
        from dubwright.library import Library

        return Library(self.home)

    @cached_property
    def packs(self) -> Packs:
        """The packs of this home."""
        return Packs(self.home)

    @cached_property
    def job_engine(self) -> Jobs:
        """The jobs of this home."""
        return Jobs(self.home)

    @cached_property
    def crew(self) -> Crew:
        """The worker of this process, if it becomes one."""
        return Crew(self.home, lambda: self.library, lambda: self.packs)

    # --- library ---------------------------------------------------------------------------------

    def add(
        self, path: Path | str, title: str | None = None, audio_stream: int | None = None
    ) -> Item:
        """Add one file and return its item (the same content twice is one item)."""
        from dubwright.studio.intake import add_one

        return add_one(self.library, Path(path).absolute(), title, audio_stream).item

    def add_many(
        self,
        paths: Iterable[Path | str],
        title: str | None = None,
        audio_stream: int | None = None,
        report: Report = silent,
    ) -> AddResult:
        """Add files, folders and globs; one that fails is reported beside the others."""
        from dubwright.studio.intake import add_many

        return add_many(self.library, paths, title, audio_stream, report)

    def items(self) -> list[Item]:
        """Every item, newest first."""
        return self.library.items()

    def item(self, item_id: str) -> ItemView:
        """One item with its tracks, artifacts and sizes. Raises Problem ``item-not-found``."""
        from dubwright.studio.inspect import view_item

        return view_item(self.home, self.library, item_id)

    def remove(self, item_id: str) -> Removed:
        """Remove an item and its derived files; the source stays.

        Raises Problem ``item-busy`` while a job works on it.
        """
        from dubwright.studio.views import Removed

        item = self.library.item(item_id)
        for job in self._open_jobs(item.id):
            raise Problem(
                "item-busy",
                f"Job {job.id} ({job.type}) is working on {item.title}.",
                NextAction("stop it first", "job cancel", {"_": [job.id]}),
            )
        return Removed(item.id, self.library.remove_item(item.id))

    # --- dubbing ---------------------------------------------------------------------------------

    def dub(
        self,
        item_id: str,
        to: str,
        *,
        source_language: str | None = None,
        transcript: Path | str | None = None,
        translation: Path | str | None = None,
        separator: str | None = None,
        asr: str | None = None,
        diarizer: str | None = None,
        translator: str | None = None,
        voice: str | None = None,
        speakers: int | None = None,
        out: Path | str | None = None,
        keep_original_track: bool = False,
        subtitles: str = "embed",
    ) -> Dubbing:
        """Start dubbing an item into language ``to``; everything checkable is checked first."""
        from dubwright.studio.forecast import foresee
        from dubwright.studio.preflight import DubAsk, dub_options

        item = self.library.item(item_id)
        ask = DubAsk(
            to,
            source_language,
            Path(transcript) if transcript else None,
            Path(translation) if translation else None,
            separator,
            asr,
            diarizer,
            translator,
            voice,
            speakers,
            Path(out) if out else None,
            keep_original_track,
            subtitles,
        )
        options = dub_options(self.library, self.packs, item, ask)
        seen = foresee(self, DUB_JOB, item, options)
        job = self._submit(request(DUB_JOB, item.id, options))
        dubbing = Dubbing(self.job_engine, self.crew, job, seen)
        dubbing.item = item
        return dubbing

    def run(
        self, job_type: str, item_id: str | None, options: Mapping[str, Any] | None = None
    ) -> Handle:
        """Enqueue one job. Raises Problem ``job-type-unknown``, ``item-not-found``."""
        from dubwright.studio.forecast import foresee
        from dubwright.studio.inspect import checked_options

        options = checked_options(self.packs, job_type, options or {})
        if job_type == INSTALL_JOB:
            return self.install_packs(options.pop("names", ()), **options)
        item = self.library.item(item_id) if item_id is not None else None
        seen = foresee(self, job_type, item, options)
        job = self._submit(request(job_type, item.id if item else None, options))
        return Handle(self.job_engine, self.crew, job, seen)

    def _submit(self, wanted: JobRequest) -> Job:
        """Enqueue, or take the same open job. Raises Problem ``item-busy``.

        The jobs of one dub and of another would mix their languages in the item's files, so a film
        has one dub at a time; single jobs queue up behind each other.
        """
        for job in self._open_jobs(wanted.item_id) if wanted.item_id is not None else ():
            if job.type == DUB_JOB and (job.type, job.options) != (wanted.type, wanted.options):
                raise Problem(
                    "item-busy",
                    f"Job {job.id} is dubbing this film to {job.options.get('to')}; one at a time.",
                    NextAction("see how far it is", "job show", {"_": [job.id]})
                    if self.job_engine.worker_running()
                    # Nobody works on it (its program was killed): stopping it makes room.
                    else NextAction("stop it", "job cancel", {"_": [job.id]}),
                )
        return self.job_engine.submit(wanted)

    def _open_jobs(self, item_id: str) -> list[Job]:
        states: tuple[State, ...] = ("queued", "running")
        return [
            job for state in states for job in self.job_engine.jobs(state=state, item_id=item_id)
        ]

    def handle(self, job_id: str) -> Handle:
        """Take hold of a job that exists."""
        return Handle(self.job_engine, self.crew, self.job_engine.job(job_id))

    # --- tracks and voices -----------------------------------------------------------------------

    def tracks(self, item_id: str) -> tuple[Track, ...]:
        """The item's tracks, oldest first."""
        return tuple(self.library.tracks(self.library.item(item_id).id))

    def segments(self, track_id: int) -> tuple[Segment, ...]:
        """The lines of one track. Raises Problem ``track-not-found``."""
        return self.library.segments(self.library.track(track_id).id)

    def export_track(self, track_id: int, form: str) -> str:
        """Return a track as srt, vtt, json or txt."""
        from dubwright.library.exchange import export_track

        return export_track(self.library, track_id, form)

    def import_track(self, item_id: str, path: Path, language: str) -> Track:
        """Import a file as a new track: of the spoken language as source, else as translation."""
        from dubwright.library.exchange import import_track

        return import_track(self.library, self.library.item(item_id).id, path, language)

    def voices(self, item_id: str) -> tuple[VoiceChoice, ...]:
        """The voices chosen or assigned for the item's speakers."""
        from dubwright.studio.inspect import voices

        return voices(self.home, self.library, item_id)

    def set_voice(self, item_id: str, speaker: str, voice: str) -> VoiceChoice:
        """Choose a speaker's voice (a voice name, or the path of a reference WAV)."""
        from dubwright.studio.inspect import set_voice

        return set_voice(self.library, self.packs, item_id, speaker, voice)

    # --- jobs ------------------------------------------------------------------------------------

    def jobs(self, state: State | None = None) -> list[Job]:
        """Jobs, newest first."""
        return self.job_engine.jobs(state=state)

    def job(self, job_id: str) -> Job:
        """One job by id or unique prefix. Raises Problem ``job-not-found``."""
        return self.job_engine.job(job_id)

    def job_log(self, job_id: str) -> str:
        """The job's log (and its children's), newest attempt last."""
        from dubwright.studio.inspect import job_log

        return job_log(self.job_engine, job_id)

    def cancel(self, job_id: str) -> Job:
        """Ask a job to stop."""
        return self.job_engine.cancel(job_id)

    def retry(self, job_id: str) -> Handle:
        """Run a failed or cancelled job again from where it stopped."""
        return Handle(self.job_engine, self.crew, self.job_engine.retry(job_id))

    # --- packs -----------------------------------------------------------------------------------

    def install_packs(
        self,
        names: Iterable[str],
        *,
        allow_source_builds: bool = False,
        supply: Path | str | None = None,
        own_weights: bool = False,
    ) -> Handle:
        """Enqueue the installation of packs and of what they require (the only job that may connect).

        ``supply``: a folder or zip to take files from instead of the network; ``own_weights``
        takes weights from it that are in no list. The same request while one is open is that one.
        Raises Problem ``pack-unknown``, ``nothing-to-install``, ``supply-missing`` and, when there is
        no room for all of them together, ``pack-disk-full``.
        """
        from dubwright.studio.installs import check_room, install_options

        wanted = self.packs_in_order(names)
        options = install_options(wanted, allow_source_builds, supply, own_weights)
        check_room(self.bill(wanted))
        job = self.job_engine.submit(request(INSTALL_JOB, None, options))
        return Handle(self.job_engine, self.crew, job)

    def pack_progress(self, job_id: str) -> tuple[PackProgress, ...]:
        """How far an installation is, pack by pack. Raises Problem ``job-not-found``."""
        from dubwright.studio.installs import read_progress

        return read_progress(self.job_engine, job_id)

    def canary_pack(self, name: str, report: Report = silent) -> CanaryReport:
        """Test a pack on its short known clip and keep what that took, for forecasts."""
        from dubwright.packs.care.canary import repeat_canary

        return repeat_canary(self.home, self.packs, name, report)

    def diagnostics(self) -> Diagnostics:
        """Versions, toolchain, packs, storage, recent failures."""
        from dubwright.studio.diagnostics import diagnose

        return diagnose(self.home, self.packs, self.job_engine)

    def bundle(self, out: Path, found: Diagnostics | None = None) -> Bundle:
        """Write a zip for a bug report, without anything private; nothing is sent.

        ``found`` are diagnostics that were just made, else they are made now.
        Raises Problem ``bundle-exists``, ``out-not-writable``, ``disk-full``.
        """
        from dubwright.studio.bundle import write_bundle

        found = self.diagnostics() if found is None else found
        # The library is opened inside: a damaged one must not stop the report.
        return write_bundle(
            self.home, found, self.packs, self.job_engine, lambda: self.library, out
        )
