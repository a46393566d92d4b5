"""The largest memory that one call used. Standard library only."""

from __future__ import annotations

import contextlib
import ctypes
import sys
from pathlib import Path

_ARENA_MAX = -8  # M_ARENA_MAX of mallopt(3)


class PeakMemory:
    """Peak resident bytes since the object was made: of this process, or of one child if larger.

    Linux can start a new high-water mark, so that a warm guest tells each call's own peak; elsewhere
    the mark is that of the process so far. Children count once they have ended, and only when they
    passed every earlier child.
    """

    def __init__(self) -> None:
        with contextlib.suppress(OSError):  # another system, or a kernel without it
            Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # proc(5): VmHWM
        self._children_before = _children_bytes()

    def peak_bytes(self) -> int:
        """Return the peak so far; 0 where the system tells none."""
        children = _children_bytes()
        return max(_own_bytes(), children if children > self._children_before else 0)


if sys.platform == "win32":
    from ctypes import wintypes

    class _Counters(ctypes.Structure):
        """PROCESS_MEMORY_COUNTERS of psapi.h."""

        _fields_ = [
            ("cb", wintypes.DWORD),
            ("PageFaultCount", wintypes.DWORD),
            ("PeakWorkingSetSize", ctypes.c_size_t),
            ("WorkingSetSize", ctypes.c_size_t),
            ("QuotaPeakPagedPoolUsage", ctypes.c_size_t),
            ("QuotaPagedPoolUsage", ctypes.c_size_t),
            ("QuotaPeakNonPagedPoolUsage", ctypes.c_size_t),
            ("QuotaNonPagedPoolUsage", ctypes.c_size_t),
            ("PagefileUsage", ctypes.c_size_t),
            ("PeakPagefileUsage", ctypes.c_size_t),
        ]

    def _own_bytes() -> int:
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentProcess.restype = wintypes.HANDLE
        ask = kernel.K32GetProcessMemoryInfo
        ask.argtypes = [wintypes.HANDLE, ctypes.POINTER(_Counters), wintypes.DWORD]
        counters = _Counters(cb=ctypes.sizeof(_Counters))
        if not ask(kernel.GetCurrentProcess(), ctypes.byref(counters), counters.cb):
            return 0
        return int(counters.PeakWorkingSetSize)

    def _children_bytes() -> int:
        return 0

else:
    import resource

    _UNIT = 1 if sys.platform == "darwin" else 1024  # getrusage(2): bytes there, KiB elsewhere

    def _own_bytes() -> int:
        # Not ru_maxrss on Linux: it starts from what the host had at the fork, and never falls.
        with contextlib.suppress(OSError):
            for line in Path("/proc/self/status").read_bytes().splitlines():
                if line.startswith(b"VmHWM:"):
                    return int(line.split()[1]) * 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT

    def _children_bytes() -> int:
        return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * _UNIT


def give_back() -> None:
    """Return freed memory to the system where the C library keeps it (glibc); elsewhere nothing."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library has no such function
        ctypes.CDLL(None).malloc_trim(0)


def one_heap() -> None:
    """Let the threads of this process share one heap where the C library gives each its own (glibc);
    elsewhere nothing. Each keeps what it once needed: with large arrays on several, tens of megabytes.
    For a process with one task, before it starts threads."""
    if sys.platform != "linux":
        return
    with contextlib.suppress(OSError, AttributeError):  # another C library has no such function
        ctypes.CDLL(None).mallopt(_ARENA_MAX, 1)
