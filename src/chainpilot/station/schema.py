"""The interface's values to and from JSON, with exactly the field names of seed 001.

Optional fields that are absent stay out; what is marked *ours* never goes out. Reading is strict: unknown fields,
missing ones, wrong types and texts over their limits are refused with the place.
"""

import dataclasses
from enum import Enum
from typing import Any, Final, TypeVar

import msgspec

from chainpilot.errors import PeerError
from chainpilot.station.model import OURS, CertificateHashData

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
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
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
    _check(value, kind)
    return read


def _told(value: Any) -> tuple["dataclasses.Field[Any]", ...]:
    return tuple(field for field in dataclasses.fields(value) if field.metadata is not OURS)


def _check(value: object, kind: object) -> None:
    """Limits, and fields that nobody knows."""
    if isinstance(value, dict):
        names = {field.name for field in _told(kind)} if dataclasses.is_dataclass(kind) else set(value)
        for name, one in value.items():
            if name not in names:
                raise ShapeError(f"unknown field {name!r}")
            limit = _LIMITS.get(name)
            if limit is not None and isinstance(one, str) and len(one) > limit:
                raise ShapeError(f"{name} has {len(one)} characters; at most {limit} are allowed")
    if isinstance(value, dict | list):
        for one in value.values() if isinstance(value, dict) else value:
            _check(one, CertificateHashData if _is_hash_data(one) else None)


def _is_hash_data(value: object) -> bool:
    return isinstance(value, dict) and "issuer_name_hash" in value
