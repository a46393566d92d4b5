"""Open a file that may be anything: a film, a text, half a download, somebody's secret.

FFmpeg is kept to local files (no playlist can make it open a connection), its messages stay off
the console (PyAV installs a silent callback), and everything it raises becomes a Problem.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import av
from av.container import InputContainer

from dubwright_kit import NextAction, Problem

HOW_TO_ADD = NextAction("see how to add another file", "add", {"help": True})

_NO_MEDIA_FORMATS = frozenset({"tty", "hls", "dash", "concat", "image2", "sdp", "lavfi"})
"""Demuxers that accept text or lists of other files: what they open is no film of its own."""

DAMAGE: tuple[type[Exception], ...] = (
    av.FFmpegError,
    OSError,
    ValueError,
    RuntimeError,
    ArithmeticError,
    LookupError,
)
"""What PyAV raises for bytes that make no sense. ``MemoryError`` and bugs stay bugs."""


def check_file(path: Path) -> int:
    """Return the size in bytes of a regular, readable, non-empty file.

    Raises Problem ``path-not-utf8``, ``file-missing``, ``file-empty``, ``not-media`` (a folder or
    device), ``unreadable-media``.
    """
    try:
        str(path).encode("utf-8")
    except UnicodeEncodeError as error:
        shown = str(path).encode("utf-8", "replace").decode("utf-8").replace("?", "_")
        raise Problem(
            "path-not-utf8",
            f"The name of {shown} holds bytes that are no text. Rename the file or folder "
            "(for example to what is shown here), then add it again.",
            NextAction("after renaming, add it", "add", {"_": [shown]}),
        ) from error
    try:
        found = path.stat()
        if stat.S_ISDIR(found.st_mode):
            raise Problem("not-media", f"{path} is a folder, not a file.", HOW_TO_ADD)
        if not stat.S_ISREG(found.st_mode):
            raise Problem("not-media", f"{path} is a device or pipe, not a file.", HOW_TO_ADD)
        with path.open("rb"):
            pass
    except (OSError, ValueError) as error:
        raise _cannot_open(path, error) from error
    if not found.st_size:
        raise Problem(
            "file-empty", f"{path.name} is empty (0 bytes). Copy or download it again.", HOW_TO_ADD
        )
    return found.st_size


def _cannot_open(path: Path, error: OSError | ValueError) -> Problem:
    missing = {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL}
    # ValueError: a NUL in the name, which no file can have.
    if isinstance(error, ValueError) or error.errno in missing:
        return Problem("file-missing", f"There is no file {path}.", HOW_TO_ADD, str(error))
    why = (
        "you have no permission to read it"
        if isinstance(error, PermissionError)
        else (error.strerror or "the system refuses")
    )
    return Problem("unreadable-media", f"{path} cannot be read: {why}.", HOW_TO_ADD, str(error))


@contextmanager
def open_media(path: Path) -> Iterator[InputContainer]:
    """Open ``path`` for reading. Raises the Problems of :func:`check_file`, ``truncated-media`` for
    a film file whose index is missing, ``not-media`` for anything else that FFmpeg refuses."""
    size_bytes = check_file(path)
    name = "file:" + os.path.abspath(path)  # noqa: PTH100  # resolve() would follow links
    try:
        container = av.open(
            name,
            mode="r",
            container_options={"protocol_whitelist": "file"},
            metadata_errors="replace",
        )
    except DAMAGE as error:
        raise _refused(path, size_bytes, error) from error
    with container:
        if container.format.name.split(",")[0] in _NO_MEDIA_FORMATS:
            raise Problem(
                "not-media", f"{path.name} is a text or a list, not a film or sound.", HOW_TO_ADD
            )
        yield container


def _refused(path: Path, size_bytes: int, error: Exception) -> Problem:
    with path.open("rb") as file:
        head = file.read(16)
    if head[4:8] == b"ftyp" or head.startswith((b"\x1aE\xdf\xa3", b"RIFF", b"fLaC", b"OggS")):
        return Problem(
            "truncated-media",
            f"{path.name} begins as a film or sound file but what is needed to read it is missing: "
            f"the copy or download stopped at {size_bytes:,} bytes. Get the whole file.",
            HOW_TO_ADD,
            str(error),
        )
    return Problem("not-media", f"{path.name} is neither a film nor sound.", HOW_TO_ADD, str(error))
