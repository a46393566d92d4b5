"""DBOS behind a narrow door: durable queues that call one function with a job's name.

What a job is lives in our own tables; DBOS decides when one runs and remembers what it handed
out. It is a process-wide singleton, which this module hides: one :class:`Queues` at a time in a
process, any number one after another.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from dubwright.home import Home

from .model import Queue
from .schema import use_wal
from .sqlitetime import milliseconds

if TYPE_CHECKING:
    from dbos import DBOSConfig

APPLICATION = "dubwright"
EXECUTOR = "worker"
"""Fixed: there is one worker a home, and the next one takes over what the last one left."""
SCHEMA = "1"
"""DBOS' application version. The default is a hash of the source, with which jobs enqueued before
an upgrade would wait for ever; raise it only if old arguments of ``run`` can no longer be read."""
WORKFLOW = "dubwright_job"
BUSY_POLL_S = 0.1
IDLE_POLL_S = 0.5
RECOVERIES = 12
"""After so many recoveries DBOS gives a workflow up; our own count of crashes ends a job before."""
ORDINARY, AHEAD = 10, 1
SETTLE_S = 0.5
_STATUSES_A_QUERY = 500
_PENDING = "PENDING"
OVER = frozenset({"SUCCESS", "ERROR", "CANCELLED", "MAX_RECOVERY_ATTEMPTS_EXCEEDED"})

_PROCESS = threading.Lock()
"""Held by the Queues of this process: a module-level fact because DBOS is one."""


class Queues:
    """The launched engine. ``run(job_id, attempt, dispatch)`` is called on its threads."""

    def __init__(
        self,
        home: Home,
        slots: Mapping[Queue, int],
        run: Callable[[str, int, int], str],
        log_handler: logging.Handler,
    ) -> None:
        self._home = home
        self._slots = slots
        self._run = run
        self._log_handler = log_handler
        self._busy = True
        self._saved_handlers: list[logging.Handler] = []
        self._time = ExitStack()

    def start(self) -> None:
        """Launch. Raises ``RuntimeError`` when this process has another one running."""
        if not _PROCESS.acquire(blocking=False):
            raise RuntimeError("another worker runs in this process")
        try:
            self._take_log()
            self._time.enter_context(milliseconds())
            # With this variable DBOS would look for its cloud; nothing here may leave the machine.
            os.environ.pop("DBOS__CLOUD", None)
            from dbos import DBOS

            url = self._url()
            self._register(url)
            DBOS(config=self._config(url))
            run = self._run

            @DBOS.workflow(name=WORKFLOW, max_recovery_attempts=RECOVERIES)
            def dubwright_job(job_id: str, attempt: int, dispatch: int) -> str:
                return run(job_id, attempt, dispatch)

            DBOS.launch()
        except BaseException:
            self.close()
            raise

    def hurry(self, busy: bool) -> None:
        """Look for work ten times a second while there are open jobs, twice while there are none.

        Each look costs DBOS about 3 ms, which adds up in a worker that runs all day.
        """
        if busy == self._busy:
            return
        from dbos import DBOS

        for name in self._slots:
            queue = DBOS.retrieve_queue(name)
            if queue is not None:
                queue.set_polling_interval_sec(BUSY_POLL_S if busy else IDLE_POLL_S)
        self._busy = busy

    def enqueue(
        self, queue: Queue, workflow_id: str, job: tuple[str, int, int], *, ahead: bool
    ) -> None:
        """Hand the job to the queue; nothing happens when the workflow exists already.

        ``ahead``: before all ordinary ones, for a job that was interrupted half way.
        """
        from dbos import DBOS

        DBOS.enqueue_workflow_with_options(
            {
                "workflow_name": WORKFLOW,
                "queue_name": queue,
                "workflow_id": workflow_id,
                "app_version": SCHEMA,
                "priority": AHEAD if ahead else ORDINARY,
            },
            *job,
        )

    def statuses(self, workflow_ids: Sequence[str]) -> dict[str, str]:
        """Return DBOS' status of those workflows that it knows."""
        from dbos import DBOS

        found: dict[str, str] = {}
        for start in range(0, len(workflow_ids), _STATUSES_A_QUERY):
            for workflow in DBOS.list_workflows(
                workflow_ids=list(workflow_ids[start : start + _STATUSES_A_QUERY]),
                load_input=False,
                load_output=False,
            ):
                found[workflow.workflow_id] = workflow.status
        return found

    def settle(self) -> None:
        """Give DBOS a moment to note that the last workflows have returned."""
        from dbos import DBOS

        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            if not DBOS.list_workflows(status=_PENDING, load_input=False, load_output=False):
                return
            time.sleep(0.02)

    def close(self) -> None:
        """Stop; what DBOS has handed out and not seen return is recovered by the next one."""
        from dbos import DBOS

        try:
            DBOS.destroy(destroy_registry=True)
        finally:
            self._time.close()
            self._give_back_log()
            _PROCESS.release()

    def _url(self) -> str:
        if self._home.jobs_database_url is not None:
            return self._home.jobs_database_url
        path = self._home.engine_database
        connection = sqlite3.connect(path)
        try:
            use_wal(connection)  # stays with the file; DBOS does not ask for it
        finally:
            connection.close()
        return f"sqlite:///{path.as_posix()}"

    def _register(self, url: str) -> None:
        """Register the queues before the launch: DBOS needs a second to notice later ones."""
        from dbos import DBOS, DBOSClient, DBOSPortableJSONSerializer

        DBOS.migrate(url)
        client = DBOSClient(
            system_database_url=url,
            serializer=DBOSPortableJSONSerializer(),
            application_name=APPLICATION,
        )
        try:
            for name, slots in self._slots.items():
                client.register_queue(
                    name,
                    worker_concurrency=slots,
                    polling_interval_sec=BUSY_POLL_S,
                    on_conflict="always_update",
                )
        finally:
            client.destroy()

    def _config(self, url: str) -> DBOSConfig:
        from dbos import DBOSPortableJSONSerializer

        return {
            "name": APPLICATION,
            "system_database_url": url,
            "application_version": SCHEMA,
            "executor_id": EXECUTOR,
            "serializer": DBOSPortableJSONSerializer(),
            "enable_otlp": False,
            "use_listen_notify": self._home.jobs_database_url is not None,
            "notification_listener_polling_interval_sec": 0.5,
            "log_level": "WARNING",
        }

    def _take_log(self) -> None:
        log = logging.getLogger("dbos")
        self._saved_handlers = list(log.handlers)
        log.handlers = [self._log_handler]
        log.propagate = False

    def _give_back_log(self) -> None:
        log = logging.getLogger("dbos")
        log.handlers = self._saved_handlers
        log.propagate = True
