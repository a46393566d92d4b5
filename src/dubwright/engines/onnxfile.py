"""Write an ONNX model without the onnx package: the few protobuf messages that a network needs.

Field numbers are those of ``onnx.proto`` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto),
the encoding that of https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

Attribute = int | float | str | Sequence[int]
Side = int | str

IR_VERSION = 8
_FLOAT, _INT64, _FLOAT16 = 1, 7, 10  # TensorProto.DataType
_KINDS = {np.dtype(np.float32): _FLOAT, np.dtype(np.int64): _INT64, np.dtype(np.float16): _FLOAT16}
_ONE_FLOAT, _INT, _STRING, _INTS = 1, 2, 3, 7  # AttributeProto.AttributeType


@dataclass(frozen=True)
class Node:
    operator: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True)
class Port:
    """A float input or output; a side given as a word is free."""

    name: str
    shape: tuple[Side, ...]


def encode_model(
    name: str,
    nodes: Sequence[Node],
    constants: Mapping[str, npt.NDArray[np.generic]],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    opset: int,
    metadata: Mapping[str, str] | None = None,
) -> Iterator[bytes]:
    """Yield the bytes of a ModelProto piece by piece: what is as large as the weights is never held
    twice. Constants are float32, float16 or int64 arrays."""
    before = [*(_message(1, _node(node)) for node in nodes), _text(2, name)]
    after = [*(_message(11, _port(port)) for port in inputs)]
    after += [_message(12, _port(port)) for port in outputs]
    heads = {key: _tensor_head(key, value) for key, value in constants.items()}
    graph_bytes = sum(map(len, (*before, *after)))
    for key, value in constants.items():
        size = len(heads[key]) + value.nbytes
        heads[key] = _varint(5 << 3 | 2) + _varint(size) + heads[key]
        graph_bytes += len(heads[key]) + value.nbytes
    yield (
        _number(1, IR_VERSION) + _text(2, "dubwright") + _varint(7 << 3 | 2) + _varint(graph_bytes)
    )
    yield from before
    for key, value in constants.items():
        yield heads[key]
        yield np.ascontiguousarray(value, value.dtype.newbyteorder("<")).tobytes()
    yield from after
    yield _message(8, _text(1, "") + _number(2, opset))
    for key, text in (metadata or {}).items():
        yield _message(14, _text(1, key) + _text(2, text))


def _node(node: Node) -> bytes:
    parts = [_text(1, name) for name in node.inputs]
    parts += [_text(2, name) for name in node.outputs]
    parts += [_text(3, node.outputs[0]), _text(4, node.operator)]
    parts += [_message(5, _attribute(key, value)) for key, value in node.attributes.items()]
    return b"".join(parts)


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, _INT)
    if isinstance(value, float):
        return (
            _text(1, name)
            + _varint(2 << 3 | 5)
            + struct.pack("<f", value)
            + _number(20, _ONE_FLOAT)
        )
    if isinstance(value, str):
        return _text(1, name) + _text(4, value) + _number(20, _STRING)
    return _text(1, name) + b"".join(_number(8, one) for one in value) + _number(20, _INTS)


def _tensor_head(name: str, value: npt.NDArray[np.generic]) -> bytes:
    """A TensorProto up to its bytes."""
    sides = b"".join(_number(1, side) for side in value.shape)
    head = sides + _number(2, _KINDS[value.dtype]) + _text(8, name)
    return head + _varint(9 << 3 | 2) + _varint(value.nbytes)


def _port(port: Port) -> bytes:
    sides = [
        _message(1, _number(1, side) if isinstance(side, int) else _text(2, side))
        for side in port.shape
    ]
    tensor = _number(1, _FLOAT) + _message(2, b"".join(sides))
    return _text(1, port.name) + _message(2, _message(1, tensor))


def _number(key: int, value: int) -> bytes:
    """A varint field; negative numbers as 64-bit two's complement."""
    return _varint(key << 3) + _varint(value & 0xFFFFFFFFFFFFFFFF)


def _text(key: int, value: str) -> bytes:
    return _message(key, value.encode("utf-8"))


def _message(key: int, body: bytes) -> bytes:
    return _varint(key << 3 | 2) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
