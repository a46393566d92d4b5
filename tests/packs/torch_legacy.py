"""Write legacy ``torch.save`` files by hand, instruction by instruction: no torch in the tests."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

F32 = npt.NDArray[np.float32]


def legacy_file(tensors: Mapping[str, F32], section: str = "model_state") -> bytes:
    """A file with ``{section: OrderedDict of tensors, "step": 7}``, as torch 1.x writes it."""
    head = pickle.dumps(0x1950A86A20F9469CFC6C, 2) + pickle.dumps(1001, 2)
    head += pickle.dumps({"protocol_version": 1001, "little_endian": True, "type_sizes": {}}, 2)
    body = b"\x80\x02}(" + _text("step") + b"K\x07" + _text(section)
    body += b"ccollections\nOrderedDict\n)R("
    for index, (name, value) in enumerate(tensors.items()):
        body += _text(name) + tensor(str(index), value.shape, value.size)
    body += b"u}" + _text("_metadata") + b"Nsbu."
    storages = [
        struct.pack("<q", one.size) + one.astype("<f4").tobytes() for one in tensors.values()
    ]
    keys = [str(index) for index in range(len(tensors))]
    return head + body + pickle.dumps(keys, 2) + b"".join(storages)


def tensor(key: str, shape: tuple[int, ...], count: int, offset: int = 0) -> bytes:
    """The call that rebuilds one contiguous tensor."""
    strides = [int(np.prod(shape[at + 1 :], dtype=np.int64)) for at in range(len(shape))]
    identity = _text("storage") + b"ctorch\nFloatStorage\n" + _text(key) + _text("cpu")
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(("
    call += identity + _int(count) + b"NtQ" + _int(offset)
    call += b"(" + b"".join(map(_int, shape)) + b"t(" + b"".join(map(_int, strides)) + b"t"
    return call + b"\x89ccollections\nOrderedDict\n)RtR"


def _text(value: str) -> bytes:
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def _int(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)
