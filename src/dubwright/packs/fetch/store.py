"""Downloaded files by their sha256: verified when they are put there, never fetched twice."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dubwright.packs.fetch.address import hidden
from dubwright.packs.fetch.parts import Part, Source

_VERIFIED = ".verified.json"
_READ_BYTES = 1 << 20


class NotTheFileError(ValueError):
    """A file that was given is not the one that was asked for; ``sha256`` is what it has."""

    def __init__(self, path: Path, sha256: str) -> None:
        super().__init__(f"{path} has the sha256 {sha256}")
        self.sha256 = sha256


@dataclass(frozen=True)
class Seen:
    """What a URL without a known hash gave the last time."""

    sha256: str
    validator: str
    size_bytes: int


class Store:
    """``root``/files/<2 characters>/<sha256>/<name>, and what is on its way in ``root``/parts.

    Making one touches nothing. A file counts while its size and time are those of when it was hashed;
    otherwise it is hashed again.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._files = root / "files"
        self._parts = root / "parts"
        self._seen = root / "seen"

    def find(self, sha256: str, name: str, check: Callable[[], None] = lambda: None) -> Path | None:
        """Return the verified file; None when it is not here (one that was damaged is deleted).

        Content that is here under another name gets this one too. ``check`` is called for each MiB
        that has to be hashed again and may raise.
        """
        folder = self._folder(sha256)
        known = _read(folder / _VERIFIED)
        path = folder / name
        for one in dict.fromkeys((name, *known)):
            there = path if one == name else folder / one
            if not self._good(there, sha256, known.get(one), check):
                continue
            if one != name:
                _link(there, path)
                self._verified(path)
            return path
        return None

    def put(self, part: Part, name: str) -> Path:
        """Move a finished part here; the caller has compared ``part.sha256`` with what it must be."""
        path = self._folder(part.sha256) / name
        part.move_to(path)
        self._verified(path)
        return path

    def add_file(
        self,
        path: Path,
        sha256: str = "",
        name: str = "",
        check: Callable[[], None] = lambda: None,
    ) -> tuple[Path, str]:
        """Copy a file that a person supplies; return where it is now and its sha256.

        ``check`` is called for each MiB and may raise. Raises NotTheFileError when it has not the
        sha256 that is asked for (nothing stays then) and OSError.
        """
        name = name or path.name
        if sha256 and (found := self.find(sha256, name, check)) is not None:
            return found, sha256
        part = self.part(hashlib.sha256(os.urandom(16)).hexdigest())
        part.take()
        try:
            part.open(check)
            part.begin(Source(str(path)))
            with path.open("rb") as file:
                while piece := file.read(_READ_BYTES):
                    part.write(piece)
                    check()
            if sha256 not in ("", part.sha256):
                raise NotTheFileError(path, part.sha256)
            return self.put(part, name), part.sha256
        finally:
            part.drop()
            part.close()

    def part(self, key: str) -> Part:
        """Return the part of that key: a sha256, or :meth:`key_of_url`."""
        return Part(self._parts, key)

    @staticmethod
    def key_of_url(url: str) -> str:
        """Return the key of a file whose hash nobody knows yet."""
        return "url-" + hashlib.sha256(hidden(url).encode()).hexdigest()[:40]

    def seen(self, url: str) -> Seen | None:
        """Return what ``url`` gave the last time."""
        try:
            return Seen(**_read(self._seen / (self.key_of_url(url) + ".json")))
        except TypeError:
            return None

    def remember(self, url: str, seen: Seen) -> None:
        """Write down what ``url`` gave."""
        self._seen.mkdir(parents=True, exist_ok=True)
        _write(self._seen / (self.key_of_url(url) + ".json"), asdict(seen))

    def sizes(self) -> dict[str, int]:
        """Return bytes by sha256 of every verified file."""
        found = {}
        for folder in self._folders():
            known = _read(folder / _VERIFIED)
            sizes = [
                facts["size_bytes"] for name, facts in known.items() if (folder / name).exists()
            ]
            if sizes:
                found[folder.name] = max(sizes)
        return found

    def part_sizes(self) -> dict[str, int]:
        """Return bytes by key of what has arrived of unfinished files."""
        return {path.stem: path.stat().st_size for path in self._parts.glob("*.part")}

    @property
    def verified_bytes(self) -> int:
        """All verified files together."""
        return sum(self.sizes().values())

    def distrust(self, sha256: str) -> None:
        """Let the next :meth:`find` hash the file again (somebody found it damaged)."""
        (self._folder(sha256) / _VERIFIED).unlink(missing_ok=True)

    def prune(self, keep: set[str]) -> int:
        """Delete every verified file and every part whose sha256 is not in ``keep``; return bytes freed.

        Parts that are being written stay, so do files that cannot be deleted.
        """
        freed = 0
        for folder in self._folders():
            if folder.name not in keep:
                files = (path for path in folder.iterdir() if path.name != _VERIFIED)
                freed += max((path.stat().st_size for path in files), default=0)
                shutil.rmtree(folder, ignore_errors=True)
        for lock in sorted(self._parts.glob("*.lock")):
            part = self.part(lock.stem)
            if lock.stem in keep or not part.take():
                continue
            with contextlib.suppress(OSError):
                freed += part.path.stat().st_size
            part.drop()
            part.close()
        for path in self._seen.glob("*.json"):
            if _read(path).get("sha256") not in keep:
                path.unlink(missing_ok=True)
        return freed

    def _folder(self, sha256: str) -> Path:
        return self._files.joinpath(sha256[:2], sha256)

    def _folders(self) -> Iterator[Path]:
        yield from sorted(path for path in self._files.glob("??/*") if path.is_dir())

    def _good(
        self,
        path: Path,
        sha256: str,
        facts: Mapping[str, int] | None,
        check: Callable[[], None],
    ) -> bool:
        try:
            stat = path.stat()
        except OSError:
            return False
        if facts == {"size_bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}:
            return True
        digest = hashlib.sha256()
        with path.open("rb") as file:
            while piece := file.read(_READ_BYTES):
                digest.update(piece)
                check()
        if digest.hexdigest() != sha256:
            path.unlink(missing_ok=True)
            return False
        with contextlib.suppress(
            OSError
        ):  # a folder that cannot be written: hashed again next time
            self._verified(path)
        return True

    def _verified(self, path: Path) -> None:
        stat = path.stat()
        known = _read(path.parent / _VERIFIED)
        known[path.name] = {"size_bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        _write(path.parent / _VERIFIED, known)


def _link(old: Path, new: Path) -> None:
    try:
        os.link(old, new)
    except FileExistsError:
        pass
    except OSError:  # a filesystem without hard links
        shutil.copy2(old, new)


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return data if isinstance(data, dict) else {}


def _write(path: Path, data: Mapping[str, Any]) -> None:
    """Whole or not at all; two writers do not meet in one scratch file."""
    scratch = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.new")
    scratch.write_text(json.dumps(data), "utf-8")
    scratch.replace(path)
