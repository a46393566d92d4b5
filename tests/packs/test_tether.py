"""A program that ends when the pipe on its stdin does, with all that it started."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil
import pytest

from dubwright.packs.toolchain.tether import tied
from dubwright.packs.wall.process import kill_tree
from tests.packs.echo_wall import wait_until
from tests.patience import COMES_S, STOPPED_S

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups are POSIX's")
PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(300)"])
print(child.pid, flush=True)
time.sleep(300)
"""


def start(*command: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        tied(command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


@pytest.fixture
def parent() -> Iterator[subprocess.Popen[bytes]]:
    popen = start(sys.executable, "-c", PARENT)
    try:
        yield popen
    finally:
        kill_tree(popen)
        for pipe in (popen.stdin, popen.stdout):
            assert pipe is not None
            pipe.close()


def test_it_ends_with_its_children_when_the_pipe_does(parent: subprocess.Popen[bytes]) -> None:
    assert parent.stdin is not None
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    began_s = time.monotonic()
    parent.stdin.close()
    assert parent.wait(COMES_S) == -signal.SIGKILL
    assert wait_until(lambda: not child.is_running() or child.status() == "zombie", COMES_S)
    assert time.monotonic() - began_s < STOPPED_S


def test_the_program_is_the_process_and_has_an_empty_stdin() -> None:
    words = "import os, sys; print(os.getpid(), os.getpgrp(), repr(sys.stdin.read()), sys.argv[1:])"
    arguments = ("a b", "$HOME", "it's", "-c", "")
    popen = start(sys.executable, "-c", words, *arguments)
    assert popen.stdin is not None
    assert popen.stdout is not None
    with popen.stdin, popen.stdout:
        output = popen.stdout.read()  # which ends, though what waits for the other pipe lives on
        assert popen.wait(COMES_S) == 0
        kill_tree(popen)
    assert output.decode().strip() == f"{popen.pid} {popen.pid} '' {list(arguments)}"


def test_how_it_ended_is_told_and_nothing_stays() -> None:
    popen = start(sys.executable, "-c", "import sys; sys.exit(7)")
    assert popen.stdin is not None
    assert popen.stdout is not None
    with popen.stdin, popen.stdout:
        assert popen.stdout.read() == b""
        assert popen.wait(COMES_S) == 7
        kill_tree(popen)
    assert wait_until(lambda: not in_group(popen.pid), COMES_S)


def in_group(leader: int) -> list[psutil.Process]:
    found = []
    for one in psutil.process_iter():
        try:
            if os.getpgid(one.pid) == leader and one.status() != psutil.STATUS_ZOMBIE:
                found.append(one)
        except (ProcessLookupError, psutil.Error):
            continue
    return found
