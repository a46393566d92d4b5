"""The wall: asks go to packs in guest processes, and only paths, numbers and Problems come back."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from dubwright.home import Home
from dubwright.packs.wall.exchange import Exchange, GuestBug, GuestGoneError
from dubwright.packs.wall.failures import Failures
from dubwright.packs.wall.guest import GuestFolders
from dubwright.packs.wall.guest_process import GuestProcess, Message
from dubwright.packs.wall.pool import GuestPool
from dubwright.packs.wall.receipt import Receipts
from dubwright.packs.wall.spec import GuestSpec
from dubwright_kit import CONTRACTS, Report, silent
from dubwright_kit.codec import from_json, to_json

__all__ = ["CallResult", "GuestBug", "Wall"]

Resolve = Callable[[Home, str], GuestSpec]
"""Finds how to start a pack; raises Problem ``pack-not-installed``."""

_STAGES = {ask: (stage, done) for stage, (ask, done) in CONTRACTS.items()}


@dataclass(frozen=True)
class CallResult:
    """What a pack returned and what it took.

    ``done`` is the stage's Done; ``peak_rss_bytes`` the largest resident memory of the guest or of
    one process it waited for; ``wall_s`` includes the guest's start; ``blocked`` the attempts to
    use the network.
    """

    done: Any
    peak_rss_bytes: int
    wall_s: float
    blocked: tuple[Mapping[str, Any], ...] = ()


def _never() -> bool:
    return False


def _catalog(home: Home, pack_id: str) -> GuestSpec:
    from dubwright.packs.catalog import resolve  # the catalog makes walls: no import both ways

    return resolve(home, pack_id)


class Wall:
    """Calls packs. Thread safe: calls at the same time run in guests of their own.

    A guest is kept warm for ``idle_s`` seconds after a call. :meth:`close` (or leaving the ``with``
    block) ends them all, and cancels calls that run.
    """

    def __init__(
        self,
        home: Home,
        *,
        resolve: Resolve = _catalog,
        idle_s: float = 120.0,
        hello_timeout_s: float = 60.0,
    ) -> None:
        self._home = home
        self._resolve = resolve
        self._hello_timeout_s = hello_timeout_s
        self._folders = GuestFolders(home)
        self._pool = GuestPool(idle_s)
        self._receipts = Receipts()
        self._closed = threading.Event()

    def __enter__(self) -> Wall:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all idle guests; running calls raise Cancelled. The wall cannot be used again."""
        self._closed.set()
        self._pool.close()

    def call(
        self,
        pack: str | GuestSpec,
        ask: Any,
        report: Report = silent,
        *,
        log_path: Path | None = None,
        cancelled: Callable[[], bool] = _never,
        receipt: Path | None = None,
    ) -> CallResult:
        """Run ``ask`` (an Ask of ``dubwright_kit.contracts``) in the pack and return its Done.

        ``report`` is called on this thread, at most ten times a second. What the guest prints is
        appended to ``log_path``; what it wanted from the network is merged into ``receipt``.

        Raises Cancelled, within 2 s and with the guest's process tree gone, when ``cancelled()``
        turns true or ``report`` raises it. Raises the pack's own Problem, ``pack-not-installed``,
        ``guest-no-start``, ``guest-crashed``, ``guest-out-of-memory`` or ``guest-protocol``; and
        :class:`GuestBug` for any other exception of the backend.
        """
        return self._run("run", pack, ask, report, log_path, cancelled, receipt)

    def canary(
        self,
        pack: str | GuestSpec,
        ask: Any,
        report: Report = silent,
        *,
        log_path: Path | None = None,
        cancelled: Callable[[], bool] = _never,
    ) -> CallResult:
        """:meth:`call` with an ask whose result is known: the pack checks it in the guest.

        ``wall_s`` leaves out what composing the clip and checking the result took. Raises as
        :meth:`call`, and Problem ``pack-check-failed``, which says what is wrong with the result.
        """
        return self._run("canary", pack, ask, report, log_path, cancelled, None)

    def _run(
        self,
        op: str,
        pack: str | GuestSpec,
        ask: Any,
        report: Report,
        log_path: Path | None,
        cancelled: Callable[[], bool],
        receipt: Path | None,
    ) -> CallResult:
        started = time.monotonic()
        stage, done_type = _STAGES[type(ask)]
        spec = self._resolve(self._home, pack) if isinstance(pack, str) else pack
        request = {"op": op, "stage": stage, "ask": to_json(ask)}
        answer, blocked = self._request(spec, request, report, log_path, cancelled, receipt)
        return CallResult(
            from_json(done_type, answer["done"]),
            int(answer["peak_rss_bytes"]),
            time.monotonic() - started - float(answer.get("aside_s", 0.0)),
            blocked,
        )

    def prepare(
        self,
        pack: str | GuestSpec,
        folder: Path,
        report: Report = silent,
        *,
        log_path: Path | None = None,
        cancelled: Callable[[], bool] = _never,
    ) -> None:
        """Let the pack's ``prepare`` convert what was downloaded to ``folder``; raises as :meth:`call`."""
        spec = self._resolve(self._home, pack) if isinstance(pack, str) else pack
        request = {"op": "prepare", "folder": str(folder)}
        self._request(spec, request, report, log_path, cancelled, None)

    def _request(
        self,
        spec: GuestSpec,
        request: dict[str, Any],
        report: Report,
        log_path: Path | None,
        cancelled: Callable[[], bool],
        receipt: Path | None,
    ) -> tuple[Message, tuple[Mapping[str, Any], ...]]:
        if self._closed.is_set():
            raise RuntimeError("the wall is closed")
        while True:
            with contextlib.suppress(GuestGoneError):  # the system ended it while it was idle
                return self._attempt(spec, request, report, log_path, cancelled, receipt)

    def _attempt(
        self,
        spec: GuestSpec,
        request: dict[str, Any],
        report: Report,
        log_path: Path | None,
        cancelled: Callable[[], bool],
        receipt: Path | None,
    ) -> tuple[Message, tuple[Mapping[str, Any], ...]]:
        failures = Failures(self._home, spec, log_path)
        folder = self._folders.folder(spec)
        key = (spec.pack_id, folder.name, str(spec.python), str(spec.models), spec.version)
        guest = self._pool.take(key) or self._start(spec, folder, failures)
        exchange = Exchange(guest, report, lambda: self._closed.is_set() or cancelled(), failures)
        try:
            guest.log.attach(log_path, keep=not guest.greeted)
            exchange.greet(self._hello_timeout_s)
            guest.log.write(f"[{spec.pack_id} {spec.version}, process {guest.pid}]")
            answer = exchange.run(**request)
        finally:
            if receipt is not None:
                try:
                    self._receipts.add(
                        receipt, spec.pack_id, netns=guest.netns, attempts=exchange.blocked
                    )
                except OSError as error:  # a full disk: what the call raises says more
                    guest.log.write(f"{receipt} could not be written: {error}")
            guest.log.detach()
            if exchange.usable:
                self._pool.give(key, guest)
            else:
                guest.kill()
        return answer, tuple(exchange.blocked)

    def _start(self, spec: GuestSpec, folder: Path, failures: Failures) -> GuestProcess:
        try:
            return GuestProcess(spec, folder, self._home)
        except OSError as error:
            why = f"{spec.python} cannot be run ({error.strerror or error})"
            raise failures.no_start(why, "") from error
