"""No network in a guest: an own network namespace where Linux permits it, an audit hook everywhere.

Standard library only. The hook (PEP 578) sees what Python code asks for and tells where it wanted
to go; the namespace also holds native code and other programs. Neither is meant against a pack
that means harm: packs are installed by the user, and libraries that phone home are the case.
"""

from __future__ import annotations

import datetime
import errno
import os
import sys
from pathlib import Path
from typing import Any, Callable, Dict, Tuple

QUIET_ENVIRONMENT: Dict[str, str] = {
    "DO_NOT_TRACK": "1",
    "DISABLE_TELEMETRY": "1",
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_DATASETS_OFFLINE": "1",
    "TRANSFORMERS_OFFLINE": "1",
    "DIFFUSERS_OFFLINE": "1",
    "PYANNOTE_METRICS_ENABLED": "0",
    "WANDB_MODE": "disabled",
    "GRADIO_ANALYTICS_ENABLED": "False",
    "ANONYMIZED_TELEMETRY": "False",
    "OTEL_SDK_DISABLED": "true",
    "PIP_NO_INDEX": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}
"""What switches off downloads and telemetry in the libraries that packs are made of."""

Attempt = Dict[str, Any]
"""{"host", "port", "at" (UTC, ISO 8601), "by" (the audit event)}."""

_CLONE_NEWUSER = 0x10000000
_CLONE_NEWNET = 0x40000000
_LOCAL_FAMILIES = (1, 16)  # AF_UNIX; AF_NETLINK asks the kernel, on Linux
_ADDRESSED = ("socket.connect", "socket.bind", "socket.sendto", "socket.sendmsg")
_NAMED = (
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "socket.getnameinfo",
)


def quiet_libraries() -> None:
    """Set :data:`QUIET_ENVIRONMENT`, for this process and what it starts."""
    os.environ.update(QUIET_ENVIRONMENT)


def refuse(record: Callable[[Attempt], None]) -> None:
    """Refuse every use of the network by Python code of this process, from now on.

    Each attempt raises ``PermissionError`` where it was made and is given to ``record``. Sockets of
    the family AF_UNIX work. There is no way back: audit hooks stay.
    """

    def hook(event: str, args: Tuple[Any, ...]) -> None:
        if not event.startswith("socket."):
            return
        target = _target(event, args)
        if target is None or _is_socketpair():
            return
        host, port = target
        now = datetime.datetime.now(datetime.timezone.utc)
        record({"host": host, "port": port, "at": now.isoformat(timespec="seconds"), "by": event})
        raise PermissionError(
            errno.EACCES, f"dubwright lets no pack use the network (wanted {host}, port {port})"
        )

    sys.addaudithook(hook)


def _target(event: str, args: Tuple[Any, ...]) -> Any:
    """Return (host, port) that the audited call wants to reach, None when it stays on the machine."""
    if event in _ADDRESSED:
        family, address = int(args[0].family), args[1]
        if family in _LOCAL_FAMILIES or address is None:
            return None
        if isinstance(address, tuple) and len(address) >= 2:
            return str(address[0]), address[1] if isinstance(address[1], int) else None
        return str(address), None
    if event in _NAMED:
        first = args[0]
        if isinstance(first, tuple):
            first = first[0] if first else ""
        if isinstance(first, bytes):
            first = first.decode("utf-8", "replace")
        port = args[1] if event == "socket.getaddrinfo" and len(args) > 1 else None
        return str(first), port if isinstance(port, (int, str)) else None
    return None


def _is_socketpair() -> bool:
    """Tell whether Python makes a socket pair out of loopback sockets, as asyncio needs on Windows."""
    if sys.platform != "win32":
        return False
    code = sys._getframe(2).f_code
    return code.co_name.endswith("socketpair") and Path(code.co_filename).name == "socket.py"


def own_namespace() -> bool:
    """Move this process into a network namespace with nothing in it; False where not permitted.

    Call it before any thread exists. User and group ids stay what they are.
    """
    if not sys.platform.startswith("linux"):
        return False
    if _enter(_CLONE_NEWNET):
        return True
    # A user namespace whose id maps are then refused would leave us as nobody: try in a child.
    child = os.fork()
    if child == 0:
        code = 1
        try:
            code = 0 if _enter_as_user() else 1
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return status == 0 and _enter_as_user()


def _enter_as_user() -> bool:
    uid, gid = os.getuid(), os.getgid()
    if not _enter(_CLONE_NEWUSER | _CLONE_NEWNET):
        return False
    try:
        for name, text in (
            ("setgroups", "deny"),  # user_namespaces(7): else gid_map is refused
            ("gid_map", f"{gid} {gid} 1"),
            ("uid_map", f"{uid} {uid} 1"),
        ):
            Path("/proc/self", name).write_text(text, encoding="ascii")
    except OSError:
        return False
    return True


def _enter(flags: int) -> bool:
    try:
        import ctypes

        return int(ctypes.CDLL(None, use_errno=True).unshare(flags)) == 0
    except (ImportError, OSError, AttributeError):
        return False  # a libc without unshare, or a Python built without ctypes
