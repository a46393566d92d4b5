"""Read tensors out of a legacy ``torch.save`` file without torch and without running anything.

Such a file is a row of pickles (a magic number, a protocol number, facts about the machine, the
object, the keys of its storages) followed by the storages themselves. A pickle is a program; this
reader is an interpreter that knows only the instructions and the three names that a dictionary of
float tensors needs. Everything else in a file is a :class:`Problem`, so that nothing a file says can
import or call anything.
Format: ``torch/serialization.py`` (``_legacy_load``) and ``pickletools`` of the standard library.
"""

from __future__ import annotations

import io
import pickletools
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Callable, Dict, List, Mapping, Tuple

import numpy as np
import numpy.typing as npt

from dubwright_kit import NextAction, Problem

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
LARGEST_BYTES = 200_000_000
_HEADER_BYTES = 1_000_000
"""More than the pickles of any weights we read; bounds what a damaged file can make us hold."""

_NAMES = {
    "collections OrderedDict": "dict",
    "torch._utils _rebuild_tensor_v2": "tensor",
    "torch FloatStorage": "float storage",
}


@dataclass(frozen=True)
class _Name:
    """One of ``_NAMES``: a word for a callable, never the callable."""

    role: str


@dataclass(frozen=True)
class _Storage:
    key: str
    count: int


@dataclass(frozen=True)
class _Tensor:
    storage: _Storage
    offset: int
    shape: Tuple[int, ...]


class _RefusedError(Exception):
    """The file says something that weights have no need of."""


def read_tensors(path: Path, section: str) -> Dict[str, npt.NDArray[np.float32]]:
    """Return the float32 tensors under the top-level key ``section`` by name.

    Raises Problem ``weights-unreadable`` for anything but a legacy file of plain float tensors.
    """
    try:
        with path.open("rb") as file:
            return _read(file, path.stat().st_size, section)
    except (_RefusedError, OSError, ValueError, LookupError, TypeError, struct.error) as error:
        raise Problem(
            "weights-unreadable",
            f"{path.name} does not hold the weights it should: {error}",
            NextAction("download them again", "packs install", {"_": ["diarization"]}),
        ) from error
    except (OverflowError, MemoryError, RecursionError) as error:
        raise Problem(
            "weights-unreadable",
            f"{path.name} is damaged ({type(error).__name__}).",
            NextAction("download them again", "packs install", {"_": ["diarization"]}),
        ) from error


def _read(file: BinaryIO, size: int, section: str) -> Dict[str, npt.NDArray[np.float32]]:
    if size > LARGEST_BYTES:
        raise _RefusedError(f"{size} bytes are too many")
    head = io.BytesIO(file.read(_HEADER_BYTES))
    if _Machine(head).run() != MAGIC or _Machine(head).run() != PROTOCOL:
        raise _RefusedError("it is not a legacy torch file")
    facts = _Machine(head).run()
    if not isinstance(facts, dict) or facts.get("little_endian") is not True:
        raise _RefusedError("it was not written on a little-endian machine")
    content, keys = _Machine(head).run(), _Machine(head).run()
    wanted = content.get(section) if isinstance(content, dict) else None
    if not isinstance(wanted, dict) or not isinstance(keys, list):
        raise _RefusedError(f"it has no section {section!r}")
    tensors = {
        name: value
        for name, value in wanted.items()
        if isinstance(name, str) and isinstance(value, _Tensor)
    }
    return _load(file, head.tell(), size, keys, tensors)


def _load(
    file: BinaryIO, at: int, size: int, keys: List[Any], tensors: Mapping[str, _Tensor]
) -> Dict[str, npt.NDArray[np.float32]]:
    """Read the storages, which lie in the order of ``keys``, each after its count."""
    needed = {tensor.storage.key for tensor in tensors.values()}
    storages: Dict[str, npt.NDArray[np.float32]] = {}
    for key in keys:
        file.seek(at)
        (count,) = struct.unpack("<q", file.read(8))
        if count < 0 or at + 8 + 4 * count > size:
            raise _RefusedError(f"storage {key!r} is longer than the file")
        if key in needed:
            storages[key] = np.frombuffer(file.read(4 * count), "<f4")
        at += 8 + 4 * count
    found: Dict[str, npt.NDArray[np.float32]] = {}
    for name, tensor in tensors.items():
        length = 1
        for side in tensor.shape:
            length *= side
        part = storages[tensor.storage.key][tensor.offset : tensor.offset + length]
        if len(part) != length or not np.isfinite(part).all():
            raise _RefusedError(f"{name} is incomplete")
        found[name] = part.reshape(tensor.shape).astype(np.float32)
    return found


class _Machine:
    """Interpret one pickle of protocol 2 at the file's position."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._stack: List[Any] = []
        self._marks: List[int] = []
        self._memo: Dict[int, Any] = {}
        self._steps: Dict[str, Callable[[Any], None]] = {
            "PROTO": lambda _: None,
            "MARK": lambda _: self._marks.append(len(self._stack)),
            "EMPTY_DICT": lambda _: self._stack.append({}),
            "EMPTY_LIST": lambda _: self._stack.append([]),
            "EMPTY_TUPLE": lambda _: self._stack.append(()),
            "NONE": lambda _: self._stack.append(None),
            "NEWTRUE": lambda _: self._stack.append(True),
            "NEWFALSE": lambda _: self._stack.append(False),
            "TUPLE": lambda _: self._stack.append(tuple(self._since_mark())),
            "TUPLE1": lambda _: self._stack.append(tuple(self._take(1))),
            "TUPLE2": lambda _: self._stack.append(tuple(self._take(2))),
            "TUPLE3": lambda _: self._stack.append(tuple(self._take(3))),
            "APPEND": lambda _: self._append(self._take(1)),
            "APPENDS": lambda _: self._append(self._since_mark()),
            "SETITEM": lambda _: self._set(self._take(2)),
            "SETITEMS": lambda _: self._set(self._since_mark()),
            "GLOBAL": self._name,
            "REDUCE": self._reduce,
            "BUILD": lambda _: self._build(),
            "BINPERSID": lambda _: self._stack.append(_storage(self._take(1)[0])),
        }
        for literal in ("BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"):
            self._steps[literal] = self._stack.append
        for put in ("BINPUT", "LONG_BINPUT"):
            self._steps[put] = self._put
        for get in ("BINGET", "LONG_BINGET"):
            self._steps[get] = lambda slot: self._stack.append(self._memo[slot])

    def run(self) -> Any:
        """Return the pickled value; the file is left behind its end."""
        for opcode, argument, _ in pickletools.genops(self._file):
            if opcode.name == "STOP":
                return self._take(1)[0]
            step = self._steps.get(opcode.name)
            if step is None:
                raise _RefusedError(f"instruction {opcode.name}")
            step(argument)
        raise _RefusedError("it ends too early")

    def _take(self, count: int) -> List[Any]:
        floor = self._marks[-1] if self._marks else 0
        if len(self._stack) - count < floor:
            raise _RefusedError("a value is missing")
        taken = self._stack[-count:]
        del self._stack[-count:]
        return taken

    def _since_mark(self) -> List[Any]:
        if not self._marks:
            raise _RefusedError("a mark is missing")
        mark = self._marks.pop()
        taken = self._stack[mark:]
        del self._stack[mark:]
        return taken

    def _top(self, kind: type) -> Any:
        if not self._stack or not isinstance(self._stack[-1], kind):
            raise _RefusedError(f"no {kind.__name__} to fill")
        return self._stack[-1]

    def _put(self, slot: int) -> None:
        self._memo[slot] = self._top(object)

    def _append(self, items: List[Any]) -> None:
        self._top(list).extend(items)

    def _set(self, items: List[Any]) -> None:
        if len(items) % 2:
            raise _RefusedError("a key without its value")
        self._top(dict).update(zip(items[0::2], items[1::2]))

    def _name(self, name: str) -> None:
        if name not in _NAMES:
            raise _RefusedError(f"name {name!r}")
        self._stack.append(_Name(_NAMES[name]))

    def _reduce(self, _: Any) -> None:
        called, arguments = self._take(2)
        if called == _Name("dict") and arguments in ((), ([],)):
            self._stack.append({})
        elif called == _Name("tensor") and isinstance(arguments, tuple):
            self._stack.append(_tensor(arguments))
        else:
            raise _RefusedError("a call that weights do not need")

    def _build(self) -> None:
        """A module's attributes (versions of its layers): dropped."""
        self._take(1)
        self._top(dict)


def _storage(identity: Any) -> _Storage:
    if (
        isinstance(identity, tuple)
        and len(identity) >= 5
        and identity[:2] == ("storage", _Name("float storage"))
        and isinstance(identity[2], str)
        and _whole(identity[4])
        and (len(identity) == 5 or identity[5] is None)
    ):
        return _Storage(identity[2], identity[4])
    raise _RefusedError("a storage that is not of plain floats")


def _tensor(arguments: Tuple[Any, ...]) -> _Tensor:
    """(storage, offset, shape, strides, ...); only rows after rows, the usual layout."""
    if len(arguments) < 4:
        raise _RefusedError("an incomplete tensor")
    storage, offset, shape, strides = arguments[:4]
    if not (
        isinstance(storage, _Storage)
        and _whole(offset)
        and isinstance(shape, tuple)
        and isinstance(strides, tuple)
        and all(_whole(side) for side in shape)
    ):
        raise _RefusedError("a tensor of another kind")
    expected, step = [], 1
    for side in reversed(shape):
        expected.append(step)
        step *= side
    if tuple(reversed(expected)) != strides or offset + step > storage.count:
        raise _RefusedError("a tensor of another layout")
    return _Tensor(storage, offset, shape)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < LARGEST_BYTES
