"""The guest's loop: requests of one host, one after another, until the host goes.

Requests: ``{"op": "run", "id", "stage", "ask"}``, ``{"op": "canary", "id", "stage", "ask"}``,
``{"op": "prepare", "id", "folder"}``, ``{"op": "cancel", "id"}``, ``{"op": "exit"}``. Replies have
a ``kind``: ``hello`` once; for each request ``started``, then ``progress`` and ``blocked``, and at
its end one of ``done``, ``problem``, ``cancelled`` and ``bug``. Standard library only.

A canary is a run whose result is known. The backend may have ``compose(ask)``, which writes the clip
that the ask names, and ``check(ask, done)``, which raises ValueError, AssertionError or Problem with
a sentence for people when the result is not what it must be. ``aside_s`` of the reply is the time
that these two took, which is no work of the stage.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import queue
import shutil
import sys
import threading
import time
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any, Dict, List, NoReturn, Optional, Union

from . import KIT_VERSION, lifeline, netdeny
from .channel import Channel
from .codec import from_json, to_json
from .contracts import CONTRACTS
from .memory import PeakMemory
from .problem import NextAction, Problem, is_disk_full
from .report import Cancelled

MODELS_VARIABLE = "DUBWRIGHT_PACK_MODELS"
"""Environment variable that holds the pack's folder of weights."""

END_OF_LOG = "\x1eend of request {}\x1e"
"""Written to stderr at the end of a request, so that the host knows whose lines are whose."""

_PROGRESS_INTERVAL_S = 0.1


def main(arguments: List[str]) -> NoReturn:
    """Serve the pack folder ``arguments[0]``; ``--lifeline FD`` and ``--path DIR`` may follow."""
    channel = Channel.take()
    pack, rest = arguments[0], arguments[1:]
    options = dict(zip(rest[::2], rest[1::2]))
    if "--lifeline" in options:
        lifeline.watch(int(options["--lifeline"]))
    netns = netdeny.own_namespace()
    netdeny.refuse(channel.blocked)
    netdeny.quiet_libraries()
    if "--path" in options:
        _see_program(options["--path"])
    Guest(channel, pack).serve(netns)


def _see_program(path: str) -> None:
    """Let a guest of the host's environment import the program, and packs beside its own copy of one:
    several packs may be one engine with other weights."""
    sys.path.append(path)
    packs = _imported("dubwright_packs")
    packs.__path__.append(str(Path(path) / "dubwright_packs"))


class Guest:
    """One pack's backend behind a channel. The backend runs on the main thread."""

    def __init__(self, channel: Channel, pack: str) -> None:
        self._channel = channel
        self._pack = pack
        self._backend: Optional[ModuleType] = None
        self._todo: queue.Queue[Dict[str, Any]] = queue.Queue()
        self._cancelled: Union[int, str, None] = None

    def serve(self, netns: bool) -> NoReturn:
        """Say hello and answer requests for ever; the process ends when the host says so or goes."""
        self._channel.send(
            kind="hello",
            kit=KIT_VERSION,
            pack=self._pack,
            pid=os.getpid(),
            netns=netns,
            python=platform.python_version(),
        )
        threading.Thread(target=self._listen, name="requests", daemon=True).start()
        while True:
            self._answer(self._todo.get())

    def _listen(self) -> None:
        try:
            for request in self._channel.requests():
                if request["op"] == "exit":
                    break
                if request["op"] == "cancel":
                    self._cancelled = request["id"]
                else:
                    self._todo.put(request)
        except Exception:
            traceback.print_exc()  # a host that sends no JSON: tell the log, then go
        lifeline.end()

    def _answer(self, request: Dict[str, Any]) -> None:
        number = request["id"]
        self._channel.send(kind="started", id=number)
        memory = PeakMemory()
        progress = Progress(self._channel, number, lambda: self._cancelled == number)
        try:
            reply = self._do(request, progress)
        except Cancelled:
            reply = {"kind": "cancelled"}
        except Problem as problem:
            reply = {"kind": "problem", "problem": problem.to_json()}
        except SystemExit as leave:
            # A library that ends the process: let it, the host tells the user with the log's end.
            traceback.print_exc()
            os._exit(leave.code if isinstance(leave.code, int) else 1)
        except BaseException as error:
            reply = _full(error) or _bug(error)
        progress.flush()
        _end_log(number)
        peak = memory.peak_bytes()
        try:
            self._channel.send(id=number, peak_rss_bytes=peak, **reply)
        except (TypeError, ValueError) as error:  # the Done holds something that is no JSON
            self._channel.send(id=number, peak_rss_bytes=peak, **_bug(error))

    def _do(self, request: Dict[str, Any], progress: Progress) -> Dict[str, Any]:
        if self._backend is None:
            self._backend = _imported(f"dubwright_packs.{self._pack}.backend")
        if request["op"] == "prepare":
            self._backend.prepare(request["folder"], progress)
            return {"kind": "done", "done": None}
        ask_type, _ = CONTRACTS[request["stage"]]
        ask = from_json(ask_type, request["ask"])
        if request["op"] == "canary":
            return _canary(self._backend, request["stage"], ask, progress)
        return {
            "kind": "done",
            "done": to_json(_run(self._backend, request["stage"], ask, progress)),
        }


def _imported(name: str) -> ModuleType:
    """Import a backend; byte code that a full disk cut off is thrown away, not stumbled on."""
    try:
        return importlib.import_module(name)
    except EOFError:  # "marshal data too short"
        for cache in Path(__file__).resolve().parent.parent.rglob("__pycache__"):
            shutil.rmtree(str(cache), ignore_errors=True)
        sys.dont_write_bytecode = True
        importlib.invalidate_caches()
        return importlib.import_module(name)


def _run(backend: ModuleType, stage: str, ask: Any, progress: "Progress") -> Any:
    done = backend.run(ask, progress)
    done_type = CONTRACTS[stage][1]
    if not isinstance(done, done_type):
        raise TypeError(
            f"{backend.__name__}.run returned {type(done).__name__}, not {done_type.__name__}"
        )
    return done


def _canary(backend: ModuleType, stage: str, ask: Any, progress: "Progress") -> Dict[str, Any]:
    begun = time.monotonic()
    compose = getattr(backend, "compose", None)
    if compose is not None:
        compose(ask)
    started = time.monotonic()
    done = _run(backend, stage, ask, progress)
    ended = time.monotonic()
    check = getattr(backend, "check", None)
    if check is not None:
        _judge(check, ask, done)
    aside_s = (started - begun) + (time.monotonic() - ended)
    return {"kind": "done", "done": to_json(done), "aside_s": aside_s}


def _judge(check: Any, ask: Any, done: Any) -> None:
    """Run the backend's ``check``; what it finds wrong is a Problem, not a bug of the backend."""
    try:
        check(ask, done)
    except (ValueError, AssertionError) as wrong:
        text = str(wrong) or "the result of the canary is not what it must be"
        raise Problem("pack-check-failed", text) from wrong


class Progress:
    """The ``report`` that a backend is given: at most ten messages a second. Thread safe."""

    def __init__(self, channel: Channel, number: Any, cancelled: Any) -> None:
        self._channel = channel
        self._number = number
        self._cancelled = cancelled
        self._lock = threading.Lock()
        self._sent_at = float("-inf")
        self._waiting: Optional[Dict[str, Any]] = None

    def __call__(self, done: float, total: Optional[float] = None, note: str = "") -> None:
        if self._cancelled():
            raise Cancelled
        message = {
            "done": float(done),
            "total": None if total is None else float(total),
            "note": str(note),
        }
        with self._lock:
            now = time.monotonic()
            if now - self._sent_at < _PROGRESS_INTERVAL_S:
                self._waiting = message
                return
            self._sent_at, self._waiting = now, None
        self._channel.send(kind="progress", id=self._number, **message)

    def flush(self) -> None:
        """Send the last progress if it was held back."""
        with self._lock:
            message, self._waiting = self._waiting, None
        if message is not None:
            self._channel.send(kind="progress", id=self._number, **message)


def _full(error: BaseException) -> Optional[Dict[str, Any]]:
    """A full disk is nobody's bug: the problem to tell, or None for every other error."""
    if not (isinstance(error, OSError) and is_disk_full(error)):
        return None
    problem = Problem(
        "disk-full",
        "The disk is full: {} could not be written.".format(error.filename or "a working file"),
        NextAction("see what each item takes, remove what can go, then retry", "items", {}),
        str(error),
    )
    return {"kind": "problem", "problem": problem.to_json()}


def _bug(error: BaseException) -> Dict[str, Any]:
    text = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    return {"kind": "bug", "type": type(error).__name__, "traceback": text}


def _end_log(number: Any) -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError, AttributeError):  # closed, or replaced
            stream.flush()
    with contextlib.suppress(OSError):
        os.write(2, (END_OF_LOG.format(number) + "\n").encode("ascii"))
