"""Files on their way: what has arrived, what it belongs to, and who may write it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
from collections.abc import Callable
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from dubwright.packs.fetch.crew import HaltedError

if TYPE_CHECKING:
    from filelock import BaseFileLock

_READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Source:
    """What a part was begun from. ``url`` is without login and query."""

    url: str = ""
    validator: str = ""
    """The strong ETag, else Last-Modified: what If-Range asks for."""
    size_bytes: int | None = None
    sha256: str = ""


class Part:
    """One unfinished file. Its lock lets one process (or thread) at a time write it; a killed one
    lets go of it, and what it had written is gone on with."""

    def __init__(self, folder: Path, key: str) -> None:
        self.path = folder / f"{key}.part"
        self.source = Source()
        self.size_bytes = 0
        self._facts = folder / f"{key}.json"
        self._lock_path = folder / f"{key}.lock"
        self._lock: BaseFileLock | None = None
        self._file: FileIO | None = None
        self._hash = hashlib.sha256()
        self._guard = threading.Lock()

    def take(self) -> bool:
        """Become the writer; False when somebody else is. Raises OSError."""
        from filelock import FileLock, Timeout

        self.path.parent.mkdir(parents=True, exist_ok=True)
        # thread_local=False: the caller's thread lets go of it when the writing one is stuck.
        lock = FileLock(self._lock_path, timeout=0, thread_local=False)
        try:
            lock.acquire()
        except Timeout:
            return False
        self._lock = lock
        return True

    def open(self, check: Callable[[], None]) -> None:
        """Read what is there already; ``check`` is called for each MiB and may raise to stop."""
        with contextlib.suppress(OSError, ValueError, TypeError):
            self.source = Source(**json.loads(self._facts.read_text("utf-8")))
        self._file = FileIO(self.path, "ab+")
        if not self.source.url:
            self.restart()  # nobody knows of what it is a part
            return
        self._file.seek(0)
        while piece := self._file.read(_READ_BYTES):
            self._hash.update(piece)
            self.size_bytes += len(piece)
            check()

    def begin(self, source: Source) -> None:
        """Empty it, and write down what it will be a part of."""
        self.restart()
        self.source = source
        scratch = self._facts.with_suffix(".json.new")
        scratch.write_text(json.dumps(asdict(source)), "utf-8")
        scratch.replace(self._facts)

    def restart(self) -> None:
        """Empty it."""
        with self._guard:
            file = self._open_file()
            file.seek(0)
            file.truncate()
            self._hash = hashlib.sha256()
            self.size_bytes = 0

    def write(self, piece: bytes) -> None:
        """Append. Raises OSError (a full disk: what fitted stays), HaltedError once closed."""
        self._hash.update(piece)
        with self._guard:
            file = self._open_file()
            view = memoryview(piece)
            while view:
                view = view[file.write(view) :]
        self.size_bytes += len(piece)

    @property
    def sha256(self) -> str:
        """Of what has been written."""
        return self._hash.hexdigest()

    def move_to(self, place: Path) -> None:
        """Put it where it belongs; the part is gone."""
        with self._guard:
            self._close_file()
            place.parent.mkdir(parents=True, exist_ok=True)
            self.path.replace(place)
            self._forget()

    def drop(self) -> None:
        """Delete it, when it is ours: a thread that was left behind must not take another's away."""
        with self._guard:
            if self._lock is None:
                return
            self._close_file()
            self._forget()

    def close(self) -> None:
        """Keep what there is and let others write. May be called from any thread, and again."""
        with self._guard:
            self._close_file()
            lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def _open_file(self) -> FileIO:
        if self._file is None:
            raise HaltedError
        return self._file

    def _close_file(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _forget(self) -> None:
        self.path.unlink(missing_ok=True)
        self._facts.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # Windows does not delete what is open
            self._lock_path.unlink(missing_ok=True)
