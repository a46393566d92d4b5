"""Which names inside an archive may become files: the same answer on every system."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, field

_FORBIDDEN = frozenset('\\:<>"|?*')
"""What means something else on one system or another: other separators, drives, streams, patterns."""
_PART_BYTES = 240
_NAME_CHARS = 1_000
_DEPTH = 32
_RESERVED = frozenset(
    {"CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"}
    | {f"{device}{number}" for device in ("COM", "LPT") for number in "0123456789¹²³"}
)
"""Devices of Windows, with any suffix."""


def refusal(name: str) -> str:
    """Say why ``name`` must not become a path below a folder; "" when it may.

    A trailing slash (a folder) and leading "./" are no reasons.
    """
    path = plain(name)
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in name):
        return "its name holds a control character"
    if path.startswith("/"):
        return "it is an absolute path"
    wrong = sorted(_FORBIDDEN & set(path))
    if wrong:
        return f"its name holds {' '.join(wrong)}"
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return "its name is no text"
    parts = path.split("/") if path else []
    if len(parts) > _DEPTH or len(path) > _NAME_CHARS:
        return "its path is too long"
    return next((why for part in parts if (why := _part_refusal(part))), "")


def plain(name: str) -> str:
    """The name without leading "./" and trailing slashes; "" for the archive's own folder."""
    path = name
    while path.startswith("./"):
        path = path[2:]
    path = path if path.startswith("/") else path.rstrip("/")
    return "" if path == "." else path


def _part_refusal(part: str) -> str:
    if part == "..":
        return "it leads out of the folder"
    if part in ("", "."):
        return "its path has an empty part"
    if part[-1] in ". ":
        return "a part of its path ends in a dot or space"
    if part.partition(".")[0].rstrip(" ").upper() in _RESERVED:
        return "Windows keeps that name for a device"
    if len(part.encode("utf-8")) > _PART_BYTES:
        return "its name is too long"
    return ""


@dataclass
class Taken:
    """The names of one archive so far, as file systems that ignore case would see them."""

    _files: set[str] = field(default_factory=set)
    _folders: dict[str, str] = field(default_factory=dict)

    def refusal(self, path: str, is_folder: bool) -> str:
        """Take ``path`` (plain); say why it cannot be taken beside those before, else ""."""
        parents = path.split("/")
        folders = ["/".join(parents[:end]) for end in range(1, len(parents) + is_folder)]
        for one in folders:
            key = _folded(one)
            if key in self._files:
                return "a file of the archive has the name of its folder"
            if self._folders.setdefault(key, one) != one:
                return "its folder is there twice, in different letters"
        if is_folder:
            return ""
        key = _folded(path)
        if key in self._files or key in self._folders:
            return "its name is there twice"
        self._files.add(key)
        return ""


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())
