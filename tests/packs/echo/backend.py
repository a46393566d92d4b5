"""Upper-cases lines; a line ``!verb argument ...`` does what the verb says. Python 3.8+."""

from __future__ import annotations

import ctypes
import os
import platform
import signal
import socket
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Callable, Dict, List  # noqa: UP035 - runs on Python 3.8

from dubwright_kit import Cancelled, NextAction, Problem, Report
from dubwright_kit.contracts import TranslateAsk, TranslateDone

_STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if len(sys.argv) > 2:
    subprocess.Popen([sys.executable, "-c", sys.argv[2], sys.argv[1]])
with open(sys.argv[1], "a") as file:
    file.write(f"{os.getpid()}\\n")
time.sleep(600)
"""
_CONNECT = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 2)"


def run(ask: TranslateAsk, report: Report) -> TranslateDone:
    lines: List[str] = []  # noqa: UP006 - as above
    for n, line in enumerate(ask.lines):
        report(n, len(ask.lines), f"line {n}")
        if line.startswith("!"):
            verb, *arguments = line[1:].split(" ")
            lines.append(str(VERBS[verb](report, *arguments)))
        else:
            lines.append(line.upper())
    report(len(ask.lines), len(ask.lines), "done")
    return TranslateDone(tuple(lines))


def check(ask: TranslateAsk, done: TranslateDone) -> None:
    """Judge a canary; its last line may say how to misbehave."""
    how = ask.lines[-1]
    if how == "wrong":
        raise ValueError("The lines are in the wrong case.")
    if how.startswith("said "):
        raise ValueError(how)
    if how == "assert":
        assert done.lines == ask.lines
    if how == "told":
        raise Problem("voice-not-found", "There is no voice.")
    if how == "bug":
        raise KeyError("no such line")
    if how == "crash":
        os._exit(3)
    if how == "late":
        time.sleep(0.6)


def prepare(folder: str, report: Report) -> None:
    report(0, 1, "writing")
    Path(folder, "prepared.txt").write_text("ready", encoding="utf-8")


def _garbage(report: Report) -> str:
    print('{"kind": "done"} garbage from print')
    sys.stdout.write("half a line without an end, ")
    os.write(1, b"\xff\x00garbage from write\n")
    if sys.platform != "win32":
        libc = ctypes.CDLL(None)
        libc.printf(b"garbage from printf\n")
        libc.fflush(None)
    subprocess.run([sys.executable, "-c", "print('garbage from a child')"], check=True)
    return "survived"


def _scribble(report: Report) -> str:
    """Find the protocol's descriptor, as a library that closes or reuses descriptors might."""
    for descriptor in range(3, 64):
        try:
            if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
                os.write(descriptor, b"scribbled over\n")
        except OSError:
            continue
    return ""


def _flood(report: Report, size: str) -> str:
    block = b"x" * 99 + b"\n"
    for _ in range(int(size) // 100):
        os.write(2, block)
    return size


def _sleep(report: Report, seconds: str) -> int:
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        report(0, None, "sleeping")
        time.sleep(0.02)
    return os.getpid()


def _spin(report: Report, n: str) -> str:
    for i in range(int(n)):
        report(i, float(n), "spinning")
    return n


def _cleanup(report: Report, path: str) -> str:
    Path(path).write_text("half made", encoding="utf-8")
    try:
        _sleep(report, "600")
    except Cancelled:
        Path(path).unlink()
        raise
    return ""


def _stubborn(report: Report) -> str:
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    report(0, None, "stubborn")
    while True:
        try:
            time.sleep(0.2)
            report(0, None, "stubborn")
        except BaseException:
            continue


def _native(report: Report) -> str:
    report(0, None, "native")
    time.sleep(0.15)  # past the throttle, so that the note is out
    report(0, None, "native")
    if sys.platform == "win32":
        ctypes.PyDLL("kernel32").Sleep(600_000)
    else:
        ctypes.PyDLL(None).sleep(600)  # PyDLL keeps the interpreter's lock
    return ""


def _grandchildren(report: Report, path: str, then: str) -> str:
    subprocess.Popen([sys.executable, "-c", _STUBBORN, path, _STUBBORN])
    while not Path(path).exists() or len(Path(path).read_text().split()) < 2:
        time.sleep(0.02)
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\nready\n")
    return str(VERBS[then](report))


def _problem(report: Report) -> str:
    raise Problem(
        "voice-not-found",
        "There is no voice “ñandú”.",
        NextAction("list the voices", "voices", {"_": ["abc"], "language": "es"}),
        "detail",
    )


def _connect(report: Report, host: str, port: str) -> str:
    try:
        socket.create_connection((host, int(port)), 2).close()
    except PermissionError as error:
        return type(error).__name__
    return "connected"


def _udp(report: Report, host: str, port: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        try:
            sock.sendto(b"hello", (host, int(port)))
        except PermissionError as error:
            return type(error).__name__
    return "sent"


def _raw_connect(report: Report, host: str, port: str) -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        try:
            sock.connect((host, int(port)))
        except PermissionError as error:
            return type(error).__name__
    return "connected"


def _connect_child(report: Report, host: str, port: str) -> int:
    child = subprocess.run([sys.executable, "-c", _CONNECT, host, port], check=False)
    return child.returncode


def _unix(report: Report) -> str:
    first, second = socket.socketpair()
    with first, second:
        first.sendall(b"local")
        return second.recv(5).decode()


def _sysexit(report: Report, code: str) -> None:
    sys.exit(int(code))


def _raise(report: Report) -> None:
    raise ValueError("an ordinary bug")


def _kill(report: Report, name: str) -> None:
    os.kill(os.getpid(), getattr(signal, name))
    time.sleep(5)


def _memory(report: Report) -> int:
    return len(bytearray(1 << 60))


def _touch(report: Report, megabytes: str) -> int:
    block = bytearray(b"x" * (int(megabytes) * 1_000_000))
    return len(block)


def _environment(report: Report, name: str) -> str:
    return os.environ.get(name, "")


def _imports(report: Report, name: str) -> str:
    try:
        __import__(name)
    except ImportError:
        return "no"
    return "yes"


def _exit(report: Report, code: str) -> None:
    print("last words", file=sys.stderr, flush=True)
    os._exit(int(code))


VERBS: Dict[str, Callable[..., Any]] = {  # noqa: UP006 - as above
    "pid": lambda report: os.getpid(),
    "uid": lambda report: os.getuid() if sys.platform != "win32" else 0,
    "python": lambda report: platform.python_version(),
    "environment": _environment,
    "imports": _imports,
    "garbage": _garbage,
    "scribble": _scribble,
    "flood": _flood,
    "sleep": _sleep,
    "spin": _spin,
    "cleanup": _cleanup,
    "stubborn": _stubborn,
    "native": _native,
    "grandchildren": _grandchildren,
    "problem": _problem,
    "raise": _raise,
    "exit": _exit,
    "sysexit": _sysexit,
    "kill": _kill,
    "memory": _memory,
    "touch": _touch,
    "connect": _connect,
    "raw_connect": _raw_connect,
    "udp": _udp,
    "connect_child": _connect_child,
    "unix": _unix,
}
