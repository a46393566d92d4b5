"""What the processor and the system can do, asked without starting a process."""

from __future__ import annotations

import ctypes
import platform
import sys
from pathlib import Path

_WINDOWS_FEATURES = {"avx": 39, "avx2": 40}
"""PF_AVX_INSTRUCTIONS_AVAILABLE and PF_AVX2_INSTRUCTIONS_AVAILABLE of winnt.h."""
_MACOS_FEATURES = {"avx": b"hw.optional.avx1_0", "avx2": b"hw.optional.avx2_0"}
_CPUINFO = Path("/proc/cpuinfo")


def cpu_flags() -> frozenset[str] | None:
    """Return which of "avx" and "avx2" there are; None where nobody says.

    Only x86 has them: elsewhere the answer is the empty set, and nothing that runs there asks.
    """
    if platform.machine().lower() not in ("x86_64", "amd64", "x86", "i386", "i686"):
        return frozenset()
    if sys.platform == "win32":
        present = ctypes.windll.kernel32.IsProcessorFeaturePresent
        return frozenset(name for name, number in _WINDOWS_FEATURES.items() if present(number))
    if sys.platform == "darwin":
        return _macos_flags()
    try:
        return flags_of(_CPUINFO.read_text("ascii", "replace"))
    except OSError:
        return None


def flags_of(cpuinfo: str) -> frozenset[str] | None:
    """Return the flags of the first processor in the text of /proc/cpuinfo, None without any."""
    for line in cpuinfo.splitlines():
        name, colon, words = line.partition(":")
        if colon and name.strip() == "flags":
            return frozenset(words.split()) & {"avx", "avx2"}
    return None


def _macos_flags() -> frozenset[str] | None:
    """Under Rosetta too: it says what it can translate."""
    try:
        ask = ctypes.CDLL(None).sysctlbyname
    except (OSError, AttributeError):
        return None
    found = set()
    for name, key in _MACOS_FEATURES.items():
        value, size = ctypes.c_int(0), ctypes.c_size_t(ctypes.sizeof(ctypes.c_int))
        if ask(key, ctypes.byref(value), ctypes.byref(size), None, 0) == 0 and value.value:
            found.add(name)
    return frozenset(found)


def long_paths() -> bool:
    """False on a Windows whose programs may not use paths of more than 260 characters."""
    if sys.platform != "win32":
        return True
    import winreg

    key = r"SYSTEM\CurrentControlSet\Control\FileSystem"
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, key) as opened:
            return bool(winreg.QueryValueEx(opened, "LongPathsEnabled")[0])
    except OSError:
        return False
