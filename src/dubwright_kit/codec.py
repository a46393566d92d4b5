"""Frozen dataclasses to JSON values and back, by their type hints. Standard library only."""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Mapping as AbcMapping
from typing import Any, Type, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


def to_json(value: Any) -> Any:
    """Return ``value`` with dataclasses as dicts and tuples as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: to_json(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, AbcMapping):
        return {str(key): to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [to_json(item) for item in value]
    return value


def from_json(kind: Type[T], data: Any) -> T:
    """Build the dataclass ``kind`` from what :func:`to_json` wrote.

    Unknown keys are ignored (a newer side may say more); a missing key without a default raises
    ``TypeError``.
    """
    result: T = _build(kind, data)
    return result


def _build(hint: Any, data: Any) -> Any:
    if dataclasses.is_dataclass(hint):
        if not isinstance(data, AbcMapping):
            raise TypeError(f"expected an object for {getattr(hint, '__name__', hint)}")
        hints = get_type_hints(hint)
        names = {f.name for f in dataclasses.fields(hint) if f.init}
        kwargs = {key: _build(hints[key], item) for key, item in data.items() if key in names}
        return hint(**kwargs)  # type: ignore[operator]  # a dataclass type, checked above
    origin = get_origin(hint)
    args = get_args(hint)
    if origin is Union or origin is getattr(types, "UnionType", Union):  # "X | None", from 3.10
        if data is None:
            return None
        inner = [arg for arg in args if arg is not type(None)]
        return _build(inner[0], data)
    if origin is tuple:
        if len(args) == 2 and args[1] is Ellipsis:
            return tuple(_build(args[0], item) for item in data)
        return tuple(_build(arg, item) for arg, item in zip(args, data))
    if origin in (list,):
        return [_build(args[0], item) for item in data]
    if hint is float and isinstance(data, int) and not isinstance(data, bool):
        return float(data)
    return data
