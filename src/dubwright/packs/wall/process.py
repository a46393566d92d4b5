"""Starting a guest process and ending it with all that it started: the only place that differs by system."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    import psutil

_END_S = 1.0  # how long an ended tree may take to be gone; SIGKILL needs about a millisecond


@dataclass(frozen=True)
class Started:
    """A process with three pipes, in its own process group.

    ``lifeline`` is the write end of the pipe whose closing ends the group (see
    ``dubwright_kit.lifeline``); None on Windows.
    """

    popen: subprocess.Popen[bytes]
    requests: IO[bytes]
    replies: IO[bytes]
    errors: IO[bytes]
    lifeline: int | None

    @classmethod
    def of(cls, popen: subprocess.Popen[bytes], lifeline: int | None) -> Started:
        if popen.stdin is None or popen.stdout is None or popen.stderr is None:
            raise ValueError("the process was started without pipes")
        return cls(popen, popen.stdin, popen.stdout, popen.stderr, lifeline)

    def close_lifeline(self) -> None:
        if self.lifeline is not None:
            os.close(self.lifeline)


def start(arguments: Sequence[str | Path], *, cwd: Path, environment: Mapping[str, str]) -> Started:
    """Start ``arguments`` (the program by full path). Raises OSError when it cannot be started.

    On POSIX ``--lifeline FD`` is appended to the arguments.
    """
    command = [str(argument) for argument in arguments]
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
        popen = subprocess.Popen(
            command,
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            creationflags=flags,
        )
        return Started.of(popen, None)
    watched, lifeline = os.pipe()
    try:
        popen = subprocess.Popen(
            [*command, "--lifeline", str(watched)],
            cwd=cwd,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=(watched,),
        )
    except BaseException:
        os.close(lifeline)
        raise
    finally:
        os.close(watched)
    return Started.of(popen, lifeline)


def kill_tree(popen: subprocess.Popen[bytes]) -> None:
    """Kill the process, its group and every descendant; return when they are gone (at most about 1 s).

    Descendants that left the group are found by their parent. Safe to call twice, and on a process
    that has ended (its group may live on).
    """
    import psutil  # here: the commands that only list must not pay for it

    descendants: list[psutil.Process] = []
    if popen.poll() is None:
        with contextlib.suppress(psutil.Error):  # it ended just now
            descendants = psutil.Process(popen.pid).children(recursive=True)
    if sys.platform != "win32":
        # Nobody left in it; macOS says EPERM when only zombies are.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(popen.pid, signal.SIGKILL)
    if popen.poll() is None:
        popen.kill()
    for process in descendants:
        with contextlib.suppress(psutil.Error):
            process.kill()  # psutil compares start times: never a stranger with a reused id
    deadline = time.monotonic() + _END_S
    # One in an uninterruptible system call dies when that returns; nobody can wait for it.
    with contextlib.suppress(subprocess.TimeoutExpired):
        popen.wait(_END_S)
    while any(map(_lives, descendants)) and time.monotonic() < deadline:
        time.sleep(0.005)


def _lives(process: psutil.Process) -> bool:
    import psutil

    try:
        return bool(process.is_running()) and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def exit_words(returncode: int) -> str:
    """Return the exit status in words, such as "signal SIGSEGV" or "exit code 255"."""
    if returncode < 0:
        try:
            return f"signal {signal.Signals(-returncode).name}"
        except ValueError:
            return f"signal {-returncode}"
    if returncode >= 0x80000000:  # an NTSTATUS of Windows
        return f"exit code 0x{returncode:08X}"
    return f"exit code {returncode}"


def looks_out_of_memory(returncode: int) -> bool:
    """Tell whether a process that nobody here killed ended as one without memory does.

    SIGKILL is the kernel's out-of-memory killer (137: seen through a shell), 0xC0000017 is
    STATUS_NO_MEMORY.
    """
    return returncode in {-9, 137, 0xC0000017}
