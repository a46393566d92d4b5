"""The program under way: started, watched, stopped in rude ways."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.cli.program import Outcome, Program
from tests.patience import COMES_S, ENDS_S, STOPPED_S

GONE_S = STOPPED_S
"""By then a stopped program's whole tree must have ended."""


@dataclass
class Running:
    """One ``dubwright`` process; its output goes to files, so that nobody has to read along."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path
    started_s: float = field(default_factory=time.monotonic)

    def wait(self, timeout_s: float = ENDS_S) -> Outcome:
        """Wait for its end and return what it said."""
        code = self.process.wait(timeout_s)
        out, err = self.out.read_text("utf-8"), self.err.read_text("utf-8")
        assert "Traceback" not in out + err, out + err
        return Outcome(code, out, err)

    def family(self) -> list[psutil.Process]:
        """The process and all that it started."""
        try:
            own = psutil.Process(self.process.pid)
            return [own, *own.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def kill(self) -> None:
        """kill -9, of this process alone."""
        self.process.kill()
        self.process.wait(COMES_S)

    def interrupt(self, number: int = signal.SIGINT) -> None:
        self.process.send_signal(number)


def start(program: Program, *words: str | Path, session: bool = True, **env: str) -> Running:
    """Start ``dubwright words`` in a session of its own, as a terminal would."""
    folder = program.home.parent
    number = len(list(folder.glob("run-*.out")))
    out, err = folder / f"run-{number}.out", folder / f"run-{number}.err"
    environment = {**os.environ, "DUBWRIGHT_HOME": str(program.home), "COLUMNS": "200", **env}
    command = [sys.executable, "-m", "dubwright.cli.main", *(str(word) for word in words)]
    with out.open("wb") as told, err.open("wb") as noted:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=told,
            stderr=noted,
            env=environment,
            start_new_session=session,
        )
    return Running(process, out, err)


def without_network(program: Program, *words: str | Path, timeout_s: float = ENDS_S) -> Outcome:
    """Run in a network namespace of its own, which is empty; skips where that is not permitted."""
    unshare = ["unshare", "-n" if hasattr(os, "getuid") and os.getuid() == 0 else "-rn"]
    try:
        tried = subprocess.run([*unshare, "true"], capture_output=True, text=True, check=False)
    except OSError:
        pytest.skip("there is no unshare here")
    if tried.returncode != 0:
        pytest.skip(f"a network namespace is not permitted: {tried.stderr.strip()}")
    done = subprocess.run(
        [*unshare, sys.executable, "-m", "dubwright.cli.main", *(str(word) for word in words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=timeout_s,
        env={**os.environ, "DUBWRIGHT_HOME": str(program.home)},
    )
    assert "Traceback" not in done.stderr + done.stdout, done.stderr + done.stdout
    return Outcome(done.returncode, done.stdout, done.stderr)


def rows(home: Path, query: str) -> list[dict[str, Any]]:
    """Read the data folder's database as it is now; empty while it or its tables are not there."""
    path = home / "db" / "dubwright.sqlite"
    if not path.exists():
        return []
    with closing(
        sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=COMES_S)
    ) as connection:
        connection.row_factory = sqlite3.Row
        try:
            return [dict(row) for row in connection.execute(query)]
        except sqlite3.OperationalError as error:
            if "no such table" in str(error):
                return []
            raise


def running_jobs(home: Path) -> list[str]:
    """Types of the jobs that are marked as running, parents left out."""
    found = rows(home, "SELECT type FROM job WHERE state = 'running' AND type != 'dub'")
    return [row["type"] for row in found]


def until(what: Callable[[], Any], timeout_s: float = 2 * COMES_S, every_s: float = 0.02) -> Any:
    """Return the first true value of ``what()``."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        value = what()
        if value:
            return value
        time.sleep(every_s)
    raise AssertionError(f"nothing came within {timeout_s:.0f} s")


def processes_of(home: Path) -> list[psutil.Process]:
    """Every process of this machine that works on the data folder."""
    found = []
    for process in psutil.process_iter():
        try:
            named = any(str(home) in word for word in process.cmdline())
            chosen = named or process.environ().get("DUBWRIGHT_HOME") == str(home)
            chosen = chosen and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:  # it may end while it is looked at
            continue
        if chosen:
            found.append(process)
    return found


def assert_nobody_left(home: Path, within_s: float = GONE_S) -> None:
    """No process works on the data folder any more, ``within_s`` from now."""
    deadline = time.monotonic() + within_s
    while left := processes_of(home):
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


def next_command(outcome: Outcome) -> str:
    """The command line that a failure printed as what to do next."""
    lines = outcome.err.splitlines()
    at = max(number for number, line in enumerate(lines) if line.startswith("Next:"))
    return lines[at + 1].strip()
