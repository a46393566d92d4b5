"""One request to one guest, from sending it to its answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from dubwright.packs.wall.failures import Failures
from dubwright.packs.wall.guest_process import GuestProcess, Message
from dubwright.packs.wall.process import looks_out_of_memory
from dubwright_kit import KIT_VERSION, Cancelled, Problem, Report

_POLL_S = 0.05
_CANCEL_S = (
    0.8  # for the backend to stop by itself; then the tree is killed, gone within 2 s in all
)
_LOG_S = 1.0
_LAST_LINES_S = 0.2
_ANSWERS = frozenset({"done", "problem", "cancelled", "bug"})


class GuestBug(RuntimeError):  # noqa: N818 - the word of this project for what is no Problem
    """The backend raised something that is no Problem: a bug. The traceback is in ``args[0]``."""


class GuestGoneError(Exception):
    """A warm guest had ended before it saw the request; another one may take it."""


class Exchange:
    """Speaks with one guest until its answer; :attr:`usable` tells what to do with it after that."""

    def __init__(
        self,
        guest: GuestProcess,
        report: Report,
        cancelled: Callable[[], bool],
        failures: Failures,
    ) -> None:
        self._guest = guest
        self._report = report
        self._cancelled = cancelled
        self._failures = failures
        self._warm = guest.greeted
        self.blocked: list[dict[str, Any]] = []
        self.usable = False
        """True after an answer that leaves the guest fit for another request; else kill it."""

    def greet(self, timeout_s: float) -> None:
        """Wait for a new guest's hello.

        Raises Problem ``guest-no-start`` (none came, or it ended), ``guest-protocol`` (another
        version of the kit) and Cancelled.
        """
        deadline = time.monotonic() + timeout_s
        while not self._guest.greeted:
            if self._cancelled():
                raise Cancelled
            message = self._guest.receive(_POLL_S)
            if message is None:
                if time.monotonic() > deadline:
                    raise self._no_start(f"it was silent for {timeout_s:g} s")
            elif message["kind"] == "hello":
                if message.get("kit") != KIT_VERSION:
                    raise self._failures.wrong_kit(message.get("kit"))
                self._guest.netns = bool(message.get("netns"))
                self._guest.greeted = True
            elif message["kind"] == "eof":
                raise self._ended()
            elif message["kind"] == "unreadable":
                # Before the hello stdout is not yet ours: something at the interpreter's start printed.
                self._guest.log.write(str(message["line"]))

    def run(self, op: str, **fields: Any) -> Message:
        """Send a request, pass its progress on and return its "done" message.

        Raises the backend's own Problem, ``guest-crashed``, ``guest-out-of-memory``,
        ``guest-protocol``, GuestBug, GuestGoneError, and Cancelled when ``cancelled()`` or
        ``report`` says so.
        """
        number = self._guest.send(op, **fields)
        try:
            answer = self._await_answer(number)
        except Cancelled:
            self._stop()
            raise
        self._guest.log.wait(number, _LOG_S)
        if answer["kind"] == "cancelled":
            raise Cancelled  # a backend may decide so itself
        if answer["kind"] == "bug":
            raise self._bug(answer)
        self.usable = True
        if answer["kind"] == "problem":
            raise Problem.from_json(answer["problem"])
        return answer

    def _await_answer(self, number: int) -> Message:
        while True:
            if self._cancelled():
                raise Cancelled
            message = self._guest.receive(_POLL_S)
            if message is None:
                continue
            kind = message["kind"]
            if kind == "progress":
                self._report(message["done"], message["total"], message["note"])
            elif kind in _ANSWERS and message.get("id") == number:
                return message
            elif kind == "started":
                self._warm = False
            elif kind == "eof" and self._warm:
                raise GuestGoneError
            else:
                self._other(message)

    def _other(self, message: Message) -> None:
        kind = message["kind"]
        if kind == "blocked":
            self.blocked.append({key: message[key] for key in message if key != "kind"})
        elif kind == "eof":
            raise self._ended()
        else:
            line = str(message.get("line", dict(message)))
            self._guest.kill()
            raise self._failures.protocol(line, self._tail())

    def _stop(self) -> None:
        """Let the backend stop by itself for a moment, then end whatever is still there."""
        self._guest.cancel()
        deadline = time.monotonic() + _CANCEL_S
        while (left := deadline - time.monotonic()) > 0:
            message = self._guest.receive(min(left, _POLL_S))
            if message is None:
                continue
            if message["kind"] == "blocked":
                self._other(message)
            elif message["kind"] == "eof" or message["kind"] in _ANSWERS:
                break
        # Even after an orderly answer: what it started may still run.
        self._guest.kill()
        self._guest.log.wait(None, _LAST_LINES_S)

    def _ended(self) -> Problem:
        code = self._guest.exit_code()
        self._guest.kill()
        tail = self._tail()
        if code is not None and looks_out_of_memory(code):
            return self._failures.out_of_memory(tail)
        if not self._guest.greeted:
            return self._no_start("it ended before it was ready")
        return self._failures.crashed(code, tail)

    def _no_start(self, why: str) -> Problem:
        self._guest.kill()
        return self._failures.no_start(why, self._tail())

    def _bug(self, answer: Message) -> Exception:
        text = str(answer["traceback"])
        self._guest.log.write(text)
        if answer["type"] == "MemoryError":
            return self._failures.out_of_memory(text)
        return GuestBug(text)

    def _tail(self) -> str:
        self._guest.log.wait(None, _LOG_S)
        return self._guest.log.tail()
