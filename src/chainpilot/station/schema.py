"""The interface's values to and from JSON, with exactly the field names of seed 001.

Optional fields that are absent stay out; what is marked *ours* never goes out. Reading is strict: unknown fields,
missing ones, wrong types and texts over their limits are refused with the place.
"""

import dataclasses
import functools
from enum import Enum
from typing import Any, Final, TypeVar, get_args, get_type_hints

import msgspec

from chainpilot.errors import PeerError
from chainpilot.station.model import NEEDED, OURS, Secret

__all__ = ["ShapeError", "from_json", "to_json"]

T = TypeVar("T")
Json = dict[str, Any] | list[Any] | str | int | bool | None

_LIMITS: Final = {
    "issuer_name_hash": 128,
    "issuer_key_hash": 128,
    "serial_number": 40,
    "responder_url": 512,
}
"""Characters at most (seed 001's newest types; OCPP 2.0.1 CertificateHashDataType)."""


class ShapeError(PeerError):
    """JSON has not the shape of the value; `why` says where."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def to_json(value: object) -> Json:
    """The value as JSON objects: enumerations by their strings, tuples as lists, absent optional fields left out."""
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, tuple | list):
        return [to_json(one) for one in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type | Secret):
        told = {field.name: getattr(value, field.name) for field in _told(value)}
        return {name: to_json(one) for name, one in told.items() if one is not None}
    if value is None or isinstance(value, str | int | bool):
        return value
    raise TypeError(f"{type(value).__name__} has no place in the interface")


def from_json(kind: type[T], value: object) -> T:
    """The value that a JSON object tells.

    Raises:
        ShapeError: it is not of that shape, or a text is longer than its limit.
    """
    try:
        read = msgspec.convert(value, kind, strict=True)
    except (msgspec.ValidationError, RecursionError) as error:
        raise ShapeError(str(error)) from error
    _check(value, _shape(kind), "$")
    return read


def _told(value: Any) -> tuple["dataclasses.Field[Any]", ...]:
    return tuple(field for field in dataclasses.fields(value) if not OURS.items() <= field.metadata.items())


def _check(value: object, shape: type | None, place: str) -> None:
    """Limits, and fields that nobody knows; the types are right."""
    if isinstance(value, list):
        for number, one in enumerate(value):
            _check(one, shape, f"{place}[{number}]")
    if not isinstance(value, dict) or shape is None:
        return
    known = _shapes(shape)
    for field in dataclasses.fields(shape):
        if NEEDED.items() <= field.metadata.items() and field.name not in value:
            raise ShapeError(f"missing required field {field.name!r} - at `{place}`")
    for name, one in value.items():
        if name not in known:
            raise ShapeError(f"unknown field {name!r:.60} - at `{place}`")
        limit = _LIMITS.get(name)
        if limit is not None and isinstance(one, str) and len(one) > limit:
            raise ShapeError(f"{name} has {len(one)} characters; at most {limit} are allowed - at `{place}`")
        _check(one, known[name], f"{place}.{name}")


@functools.cache
def _shapes(shape: type) -> dict[str, type | None]:
    """The fields of a value, and what those hold that are values themselves."""
    hints = get_type_hints(shape)
    return {field.name: _shape(hints[field.name]) for field in _told(shape)}


def _shape(kind: object) -> type | None:
    """The value in an optional, or in each place of a list; None for plain texts and numbers."""
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        return kind
    return next((shape for one in get_args(kind) if (shape := _shape(one)) is not None), None)
