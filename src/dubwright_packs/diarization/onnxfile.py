"""Write an ONNX model without the onnx package: the few protobuf messages that a network needs.

Field numbers are those of ``onnx.proto`` (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto),
the encoding that of https://protobuf.dev/programming-guides/encoding/.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Mapping, Sequence, Tuple, Union

import numpy as np
import numpy.typing as npt

Attribute = Union[int, Sequence[int]]
Side = Union[int, str]

IR_VERSION = 8
_FLOAT, _INT64 = 1, 7  # TensorProto.DataType
_INT, _INTS = 2, 7  # AttributeProto.AttributeType


@dataclass(frozen=True)
class Node:
    operator: str
    inputs: Tuple[str, ...]
    outputs: Tuple[str, ...]
    attributes: Mapping[str, Attribute] = field(default_factory=dict)


@dataclass(frozen=True)
class Port:
    """A float input or output; a side given as a word is free."""

    name: str
    shape: Tuple[Side, ...]


def encode_model(
    name: str,
    nodes: Sequence[Node],
    constants: Mapping[str, npt.NDArray[np.generic]],
    inputs: Sequence[Port],
    outputs: Sequence[Port],
    opset: int,
) -> bytes:
    """Return the bytes of a ModelProto. Constants are float32 or int64 arrays."""
    graph = b"".join(_message(1, _node(node)) for node in nodes)
    graph += _text(2, name)
    graph += b"".join(_message(5, _tensor(key, value)) for key, value in constants.items())
    graph += b"".join(_message(11, _port(port)) for port in inputs)
    graph += b"".join(_message(12, _port(port)) for port in outputs)
    operator_set = _text(1, "") + _number(2, opset)
    model = _number(1, IR_VERSION) + _text(2, "dubwright")
    return model + _message(7, graph) + _message(8, operator_set)


def _node(node: Node) -> bytes:
    parts = [_text(1, name) for name in node.inputs]
    parts += [_text(2, name) for name in node.outputs]
    parts += [_text(4, node.operator)]
    parts += [_message(5, _attribute(key, value)) for key, value in node.attributes.items()]
    return b"".join(parts)


def _attribute(name: str, value: Attribute) -> bytes:
    if isinstance(value, int):
        return _text(1, name) + _number(3, value) + _number(20, _INT)
    return _text(1, name) + b"".join(_number(8, one) for one in value) + _number(20, _INTS)


def _tensor(name: str, value: npt.NDArray[np.generic]) -> bytes:
    kinds = {np.dtype(np.float32): _FLOAT, np.dtype(np.int64): _INT64}
    kind = kinds[value.dtype]
    little = value.astype(value.dtype.newbyteorder("<"))
    sides = b"".join(_number(1, side) for side in value.shape)
    return sides + _number(2, kind) + _text(8, name) + _message(9, little.tobytes())


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
