"""A checkpoint on disk: its index, its data files, and tensors out of them on demand.

Every size and place in the index is checked against the files when the checkpoint is opened, before
anything is allocated. A tensor is read into an array of its own: a map of the file would end the
process if the file became shorter, and Windows would not let go of it while an array lives.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import FileIO
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from dubwright.engines.tensorbundle import table
from dubwright.engines.tensorbundle.crc32c import crc32c, masked
from dubwright.engines.tensorbundle.entry import Entry, Header, entry_of, header_of
from dubwright.engines.tensorbundle.malformed import Malformed
from dubwright_kit import Problem

_SLICE = b"\0"  # starts the keys under which the slices of partitioned variables lie
_ENTRY_BYTES = 1024
"""More than what an entry takes beside its name: objects for message, shape, entry and dictionary."""
_SPARE_BYTES = 1 << 20


class Checkpoint:
    """A TensorFlow V2 checkpoint, open for reading; one thread at a time.

    ``entries`` has every tensor by its name, those too that cannot be read (``Entry.unreadable``).
    """

    def __init__(self, prefix: Path, header: Header, entries: Mapping[str, Entry]) -> None:
        self.entries = MappingProxyType(dict(entries))
        self._prefix = prefix
        self._header = header
        self._open: tuple[Path, FileIO] | None = None
        self._closed = False

    @classmethod
    def open(cls, prefix: Path) -> Checkpoint:
        """Open ``<prefix>.index`` and look for the data files that it names.

        Memory: the index and what is told of it, at most 1 MiB more than all files together. Raises
        Problem ``weights-missing`` when a file is not there, ``weights-wrong`` when one is damaged,
        is no checkpoint, or is of a later format.
        """
        index = _index(prefix)
        _size(index)
        with _about(index):
            data = index.read_bytes()
            header, entries = _Catalogue(prefix, memoryview(data)).read()
        return cls(prefix, header, entries)

    def tensor(self, name: str) -> npt.NDArray[Any]:
        """Return the tensor ``name``, read-only, in an array of its own; its checksum is verified.

        Raises Problem ``weights-wrong``: there is no such tensor, it is of a kind that is not read
        (text, bfloat16, in slices, big-endian), or its bytes are damaged; ``weights-missing`` when
        the file is gone. Raises ``ValueError`` when the checkpoint is closed.
        """
        if self._closed:
            raise ValueError("the checkpoint is closed")
        about = f"variable {name!r}: "
        with _about(_index(self._prefix), about):
            entry = self.entries.get(name)
            if entry is None:
                raise Malformed("there is none")
            if entry.unreadable:
                raise Malformed(entry.unreadable)
        path = _shard(self._prefix, self._header, entry.shard)
        with _about(path, about):
            raw = self._read(path, entry)
            if masked(crc32c(raw.data)) != entry.crc32c:
                raise Malformed("its checksum is wrong")
            if entry.dtype == np.bool_ and raw.size and raw.max() > 1:
                raise Malformed("it holds something else than true and false")
        raw.flags.writeable = False
        return raw.view(entry.dtype).reshape(entry.shape)

    def close(self) -> None:
        """Let go of the files; arrays stay."""
        self._closed = True
        if self._open:
            self._open[1].close()
            self._open = None

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _read(self, path: Path, entry: Entry) -> npt.NDArray[np.uint8]:
        if self._open is None or self._open[0] != path:
            if self._open:
                self._open[1].close()
            self._open = None
            self._open = (path, FileIO(path))
        file = self._open[1]
        raw = np.empty(entry.size_bytes, np.uint8)
        file.seek(entry.offset)
        done = 0
        while done < raw.size:
            count = file.readinto(raw.data[done:])
            if not count:
                raise Malformed("the file has become shorter")
            done += count
        return raw


class _Catalogue:
    """Reads the index; knows what it may take and how large the data files are."""

    def __init__(self, prefix: Path, data: memoryview) -> None:
        self._prefix = prefix
        self._data = data
        self._room = _SPARE_BYTES + len(data)
        self._sizes: dict[int, int] = {}

    def read(self) -> tuple[Header, dict[str, Entry]]:
        """Header and entries. Raises :class:`Malformed`, and Problem ``weights-missing``."""
        pairs = table.entries(self._data)
        key, value = next(pairs, (b"-", memoryview(b"")))
        if key:
            raise Malformed("it has no header")
        header = header_of(value)
        found: dict[str, Entry] = {}
        places: list[Entry] = []
        for key, value in pairs:
            try:
                entry = entry_of(value, header)
                self._check_place(header, entry)
                if not key.startswith(_SLICE):
                    found[key.decode("utf-8")] = entry
            except UnicodeDecodeError:
                raise Malformed(f"{_shown(key)} is no name of a variable") from None
            except Malformed as error:
                raise Malformed(f"variable {_shown(key)}: {error}") from None
            self._room -= _ENTRY_BYTES + len(key)
            if self._room < 0:
                raise Malformed("it names more variables than the files could hold")
            places.append(entry)
        _check_apart(places)
        return header, found

    def _check_place(self, header: Header, entry: Entry) -> None:
        if entry.unreadable and not entry.size_bytes:
            return
        size = self._sizes.get(entry.shard)
        if size is None:
            size = self._sizes[entry.shard] = _size(_shard(self._prefix, header, entry.shard))
            self._room += size
        if entry.offset + entry.size_bytes > size:
            raise Malformed(
                f"{entry.size_bytes} bytes at {entry.offset} do not lie in data file {entry.shard}"
                f", which has {size}"
            )


def _check_apart(places: list[Entry]) -> None:
    """Two tensors never share bytes; so all of them together are no larger than the files."""
    places = [entry for entry in places if entry.size_bytes]
    places.sort(key=operator.attrgetter("shard", "offset"))
    for before, after in pairwise(places):
        if before.shard == after.shard and before.offset + before.size_bytes > after.offset:
            raise Malformed(f"two variables share the bytes at {after.offset}")


def _index(prefix: Path) -> Path:
    return prefix.with_name(f"{prefix.name}.index")


def _shard(prefix: Path, header: Header, shard: int) -> Path:
    return prefix.with_name(f"{prefix.name}.data-{shard:05d}-of-{header.shards:05d}")


def _size(path: Path) -> int:
    with _about(path):
        if not path.is_file():  # a pipe would be waited for
            raise FileNotFoundError(path)
        return path.stat().st_size


def _shown(key: bytes) -> str:
    return repr(key[:200].decode("utf-8", "replace"))


@contextmanager
def _about(path: Path, what: str = "") -> Iterator[None]:
    """Say of which file a complaint is."""
    try:
        yield
    except Malformed as error:
        raise Problem(
            "weights-wrong", f"The checkpoint cannot be read: {path}: {what}{error}."
        ) from error
    except FileNotFoundError as error:
        raise Problem(
            "weights-missing", f"A file of the checkpoint is not there: {path}."
        ) from error
    except OSError as error:
        raise Problem(
            "weights-wrong", f"The checkpoint cannot be read: {path}.", detail=str(error)
        ) from error
