"""A guest and all that it started end when its host does, however the host ended.

Standard library only. The host holds the write end of a pipe, the *lifeline*, and a small process
forked from the guest waits for its end. A thread could not do that alone: native code that keeps
the interpreter's lock would stop it too.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import NoReturn


def watch(lifeline: int) -> None:
    """Fork the watcher of ``lifeline`` (POSIX; call it before any thread exists).

    The watcher kills the guest's process group when the host's end of the pipe is closed.
    """
    if sys.platform == "win32":
        return
    guest = os.getpid()
    if os.fork() != 0:
        os.close(lifeline)  # else programs that the pack starts would inherit it
        return
    # The guest's pipes must not stay open in here: the host takes their end for the guest's.
    os.closerange(0, lifeline)
    os.closerange(lifeline + 1, max(256, lifeline + 1))
    while True:
        try:
            if not os.read(lifeline, 1):
                break
        except OSError:
            break
    _kill_group(guest)
    os._exit(0)


def end() -> NoReturn:
    """End this process now and, where it leads its process group, the group with it."""
    if sys.platform != "win32":
        _kill_group(os.getpid())
    os._exit(0)


def _kill_group(leader: int) -> None:
    """Kill the own process group if ``leader`` leads it; a guest started by hand shares its shell's."""
    if sys.platform != "win32" and os.getpgrp() == leader:
        os.killpg(leader, signal.SIGKILL)
