# SPDX-License-Identifier: Apache-2.0
"""Our dataclasses as JSON and back, without a line written for each: the type hints say how.

Bytes become latin-1 strings (every byte one character), enums their value, addresses their text, tuples, lists and
sets lists, mappings with keys that are text, numbers or enums objects. Where a hint allows several types besides None,
the value is wrapped as ``{"is": type, "value": …}``, because text can't tell whether it is a name or an address.

``decode(kind, encode(kind, value)) == value`` for every dataclass of ``evidence`` and ``battery``. A field that is not
in the JSON takes its default, one that is not in the class is passed over: older and newer run folders can be read.

Limits: a class whose hints are not there at run time can't be read; private fields (``_x``) are left out.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeVar, Union, get_args, get_origin

T = TypeVar("T")

_PLAIN = (str, int, float, bool)
_ADDRESSES = (IPv4Address, IPv6Address)
_NOTHING = type(None)


class CodecError(ValueError):
    """JSON that does not fit the type; ``store`` turns it into its own error or a damaged line."""


def encode(kind: Any, value: Any) -> Any:
    """What ``json.dumps`` takes, for a value of type ``kind``."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _encode_union(kind, value)
    if origin is not None:
        return _encode_collection(origin, get_args(kind), value)
    if dataclasses.is_dataclass(kind):
        hints = _hints(kind)
        return {name: encode(hint, getattr(value, name)) for name, hint in hints.items()}
    if issubclass(kind, Enum):
        return value.value
    if issubclass(kind, _ADDRESSES):
        return str(value)
    if kind is bytes:
        return value.decode("latin-1")
    if kind in _PLAIN:
        return value
    raise CodecError(f"no JSON for {kind}")


def encode_part(kind: Any, value: Any, leave_out: frozenset[str]) -> dict[str, Any]:
    """The fields of a dataclass, without some of them."""
    return {name: encode(hint, getattr(value, name)) for name, hint in _hints(kind).items() if name not in leave_out}


def decode(kind: type[T], data: Any, **given: Any) -> T:
    """The value that ``encode`` was given; fields of a dataclass may be ``given`` instead.

    Raises:
        CodecError: the data does not fit.
    """
    try:
        if given:
            return kind(**{**_decode_fields(kind, data), **given})
        return typing.cast("T", _decode(kind, data))
    except (TypeError, ValueError, KeyError, AttributeError, UnicodeError) as problem:
        raise CodecError(f"{getattr(kind, '__name__', kind)}: {problem}") from problem


def _decode(kind: Any, data: Any) -> Any:
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return _decode_union(kind, data)
    if origin is not None:
        return _decode_collection(origin, get_args(kind), data)
    if dataclasses.is_dataclass(kind) and isinstance(kind, type):
        return kind(**_decode_fields(kind, data))
    if issubclass(kind, Enum) or issubclass(kind, _ADDRESSES):
        return kind(data)
    if kind is bytes:
        return data.encode("latin-1")
    if kind is float and type(data) is int:
        return float(data)
    if kind in _PLAIN and type(data) is kind:
        return data
    raise CodecError(f"{data!r} is no {kind}")


def _decode_fields(kind: Any, data: Any) -> dict[str, Any]:
    if not isinstance(data, dict):
        raise CodecError(f"{data!r} is no object")
    return {name: _decode(hint, data[name]) for name, hint in _hints(kind).items() if name in data}


def _encode_union(kind: Any, value: Any) -> Any:
    if value is None:
        return None
    members = _members(kind)
    if len(members) == 1:
        return encode(members[0], value)
    member = next(one for one in members if isinstance(value, get_origin(one) or one))
    return {"is": _name(member), "value": encode(member, value)}


def _decode_union(kind: Any, data: Any) -> Any:
    if data is None:
        return None
    members = _members(kind)
    if len(members) == 1:
        return _decode(members[0], data)
    return _decode({_name(member): member for member in members}[data["is"]], data["value"])


def _encode_collection(origin: Any, inner: tuple[Any, ...], value: Any) -> Any:
    if issubclass(origin, Mapping):
        return {str(encode(inner[0], key)): encode(inner[1], item) for key, item in value.items()}
    if origin is tuple and inner[-1] is not Ellipsis:
        return [encode(hint, item) for hint, item in zip(inner, value, strict=True)]
    # A set has no order of its own; the file should not change from run to run.
    return [encode(inner[0], item) for item in (sorted(value) if issubclass(origin, frozenset | set) else value)]


def _decode_collection(origin: Any, inner: tuple[Any, ...], data: Any) -> Any:
    if issubclass(origin, Mapping):
        return {_decode_key(inner[0], key): _decode(inner[1], item) for key, item in data.items()}
    if not isinstance(data, list):
        raise CodecError(f"{data!r} is no list")
    if origin is tuple and inner[-1] is not Ellipsis:
        return tuple(_decode(hint, item) for hint, item in zip(inner, data, strict=True))
    items = [_decode(inner[0], item) for item in data]
    return items if origin is list else origin(items) if issubclass(origin, frozenset | set) else tuple(items)


def _decode_key(kind: Any, key: str) -> Any:
    return int(key) if kind is int else _decode(kind, key)


def _members(kind: Any) -> list[Any]:
    return [member for member in get_args(kind) if member is not _NOTHING]


def _name(member: Any) -> str:
    return str((get_origin(member) or member).__name__)


def _hints(kind: Any) -> dict[str, Any]:
    """Type of each public field."""
    return _read_hints(kind)


@lru_cache(maxsize=256)
def _read_hints(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if not field.name.startswith("_")}
