"""Jobs as handles: submit, follow, wait, with a worker in this process when no other runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TYPE_CHECKING, Any

from dubwright.home import Home
from dubwright.jobs.engine import Jobs
from dubwright.jobs.model import Job, JobEvent, JobRequest
from dubwright_kit import Cancelled, Problem

if TYPE_CHECKING:
    from dubwright.jobs.worker import Worker
    from dubwright.library import Library
    from dubwright.packs.care.forecast import Forecast
    from dubwright.packs.catalog import Packs
    from dubwright.studio.installs import PackProgress

SAY_S = 0.5


class Crew:
    """The worker of this process, started when it is first needed and nobody else's runs."""

    def __init__(self, home: Home, library: Callable[[], Library], packs: Callable[[], Packs]):
        self._home = home
        self._library = library
        self._packs = packs
        self._worker: Worker | None = None
        self._wall: Any = None
        self._lock = threading.Lock()

    @property
    def own(self) -> bool:
        """True while this process is the worker."""
        return self._worker is not None

    def ensure(self, jobs: Jobs) -> None:
        """Start a worker here unless one runs somewhere."""
        with self._lock:
            if self._worker is not None or jobs.worker_running():
                return
            try:
                self.start()
            except Problem as problem:
                if problem.code != "worker-running":  # somebody was quicker: fine
                    raise

    def start(self) -> None:
        """Start the worker here. Raises Problem ``worker-running``."""
        from dubwright.jobs.worker import Worker
        from dubwright.library.artifacts import clean_scratch
        from dubwright.recipe import Workshop, job_types

        clean_scratch(self._home)
        wall = self._packs().wall()
        shop = Workshop(self._home, self._library(), self._packs(), wall)
        worker = Worker(self._home, job_types(shop))
        try:
            worker.__enter__()
        except BaseException:
            wall.close()
            raise
        self._worker, self._wall = worker, wall

    def close(self) -> None:
        """Stop the worker; jobs still running go on at the next start."""
        with self._lock:
            if self._worker is not None:
                self._worker.close()
                self._worker = None
            if self._wall is not None:
                self._wall.close()
                self._wall = None


class Handle:
    """A submitted job. :meth:`wait` returns the closed job or raises its Problem."""

    def __init__(self, jobs: Jobs, crew: Crew, job: Job, forecast: Forecast | None = None):
        """``forecast``: what the job is expected to need; it goes into the job's log."""
        self._jobs = jobs
        self._crew = crew
        self.id = job.id
        self.forecast = forecast
        self._compared = False
        if forecast is not None:
            from dubwright.studio.forecast import note_forecast

            note_forecast(jobs, job, forecast)

    @property
    def job(self) -> Job:
        """As it is now."""
        return self._jobs.job(self.id)

    def events(self) -> Iterator[JobEvent]:
        """Follow the job and its children to the end, starting a worker when none runs."""
        while True:
            yield from self._starting()
            try:
                yield from self._jobs.follow(self.id)
                self._compare()
                return
            except Problem as problem:
                if problem.code != "worker-stopped":
                    raise

    def _compare(self) -> None:
        """Put what the job took under its forecast, in its log."""
        if self.forecast is not None and not self._compared:
            from dubwright.studio.forecast import note_measured

            note_measured(self._jobs, self.job)
            self._compared = True

    def _starting(self) -> Iterator[JobEvent]:
        """See to it that there is a worker; that takes a second or two, in which this is said."""
        with ThreadPoolExecutor(1) as thread:
            start = thread.submit(self._crew.ensure, self._jobs)
            while not wait([start], SAY_S).done:
                yield JobEvent(0, self.id, time.time(), "note", "", 0.0, None, "starting a worker")
            start.result()

    def packs(self) -> tuple[PackProgress, ...]:
        """How far an installation is, pack by pack; empty for other jobs."""
        from dubwright.studio.installs import read_progress

        return read_progress(self._jobs, self.id)

    def cancel(self) -> Job:
        """Ask the job to stop."""
        return self._jobs.cancel(self.id)

    def finish(self) -> Job:
        """Follow silently to the end and return the closed job, whatever its state."""
        for _ in self.events():
            pass
        return self.job

    def wait(self) -> Job:
        """Return the done job. Raises its Problem when it failed, ``Cancelled`` when cancelled."""
        return check(self.finish())


def check(job: Job) -> Job:
    """Return ``job`` when done; raise its Problem or ``Cancelled`` otherwise."""
    if job.state == "failed":
        raise job.problem or Problem("bug", f"Job {job.id} failed without saying why.")
    if job.state == "cancelled":
        raise Cancelled(job.id)
    return job


def request(job_type: str, item_id: str | None, options: Mapping[str, Any]) -> JobRequest:
    """A request without the options that were left unset."""
    return JobRequest(
        job_type, item_id, {key: value for key, value in options.items() if value is not None}
    )
