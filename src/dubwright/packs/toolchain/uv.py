"""Running uv: its lines as they come, a tick at least four times a second, and killed when unwanted."""

from __future__ import annotations

import contextlib
import queue
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dubwright.packs.toolchain.tether import tied
from dubwright.packs.wall.process import kill_tree

_TICK_S = 0.25
_SIZE = re.compile(r"^Downloading (\S+) \(([\d.]+)(B|KiB|MiB|GiB)\)")
_DONE = re.compile(r"^ ?(Downloaded|Resolved|Prepared|Installed|Bytecode compiled) (\S+)")


@dataclass(frozen=True)
class UvState:
    """What uv is known to be doing."""

    step: str
    """ "resolve", "download" or "install"."""
    current: str
    """The newest project named."""
    elapsed_s: float


class Uv:
    """One uv program with its environment. Raises OSError when it cannot be started."""

    def __init__(self, program: Path, environment: Mapping[str, str], log: IO[str]) -> None:
        self.program = program
        self._environment = dict(environment)
        self._log = log
        self._version = ""
        self._asking = threading.Lock()

    def having(self, environment: Mapping[str, str]) -> Uv:
        """The same uv with some variables more."""
        return Uv(self.program, {**self._environment, **environment}, self._log)

    def version(self) -> str:
        """Such as "0.13.8"; empty when it does not answer. Asked once."""
        with self._asking:
            if not self._version:
                done = subprocess.run(
                    [self.program, "--version"], capture_output=True, check=False, timeout=20
                )
                words = done.stdout.decode("utf-8", "replace").split()
                self._version = words[1] if len(words) > 1 else ""
            return self._version

    def ask_version(self) -> None:
        """Let :meth:`version` be asked beside what follows."""
        threading.Thread(target=self._ask_quietly, name="uv version", daemon=True).start()

    def _ask_quietly(self) -> None:
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):  # version() will raise it
            self.version()

    def run(
        self,
        arguments: Sequence[str | Path],
        cwd: Path,
        tick: Callable[[UvState], None],
    ) -> tuple[int, str]:
        """Run ``uv <arguments>``; return its exit code and output (also written to the log).

        ``tick`` is called at every line and every 0.25 s; when it raises, uv and all it started
        are killed and the exception goes on. They end also when this process is killed (POSIX).
        """
        command = [str(self.program), *(str(argument) for argument in arguments)]
        self._log.write("$ " + " ".join(command) + "\n")
        self._log.flush()
        popen = subprocess.Popen(
            tied(command),
            cwd=cwd,
            env=self._environment,
            stdin=subprocess.PIPE,  # its end is what ends uv when this process is killed
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),  # a flag of Windows
        )
        try:
            text = self._follow(popen, tick)
            return popen.wait(), text
        finally:
            kill_tree(popen)
            for pipe in (popen.stdin, popen.stdout):
                if pipe is not None:
                    pipe.close()

    def _follow(self, popen: subprocess.Popen[bytes], tick: Callable[[UvState], None]) -> str:
        lines: queue.Queue[str | None] = queue.Queue()
        threading.Thread(
            target=_pump, args=(popen.stdout, lines), name="uv output", daemon=True
        ).start()
        started = time.monotonic()
        step, current = "resolve", ""
        text: list[str] = []
        while True:
            try:
                line = lines.get(timeout=_TICK_S)
            except queue.Empty:
                pass
            else:
                if line is None:
                    return "".join(text)
                text.append(line)
                self._log.write(line)
                self._log.flush()
                step, current = _read(line, step, current)
            tick(UvState(step, current, time.monotonic() - started))


def _pump(output: Iterable[bytes] | None, lines: queue.Queue[str | None]) -> None:
    try:
        for raw in output or ():
            lines.put(raw.decode("utf-8", "replace").replace("\r\n", "\n"))
    except (OSError, ValueError):
        pass  # closed under us: uv was killed
    lines.put(None)


def _read(line: str, step: str, current: str) -> tuple[str, str]:
    """Return step and project after ``line`` (uv 0.4 to 0.13 print these on a pipe)."""
    begun = _SIZE.match(line)
    if begun:
        return "download", begun[1]
    done = _DONE.match(line)
    if done is None:
        return step, current
    if done[1] == "Downloaded":
        return "download", done[2]
    return ("download" if done[1] == "Resolved" else "install"), ""
