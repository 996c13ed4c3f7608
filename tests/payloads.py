"""Payloads of native OCPP messages made from the JSON schemas inside PyPI's `ocpp`, and every way to spoil one."""

import copy
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any

import ocpp
from hypothesis import strategies as st
from jsonschema import Draft4Validator, Draft6Validator
from msgspec.inspect import (
    BoolType,
    DateTimeType,
    EnumType,
    FloatType,
    IntType,
    NoneType,
    StrType,
    StructType,
    Type,
    UnionType,
    VarTupleType,
    type_info,
)

from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.schema import EmptyAnswer, Message
from chainpilot.wire.version import OcppVersion

__all__ = ["ALL", "CALLED", "JSON", "Known", "Site", "changed", "example", "messages", "sites", "spoilt"]

_FOLDERS = {OcppVersion.V16: "v16", OcppVersion.V201: "v201"}
_ROOMS = {OcppVersion.V16: ocpp16, OcppVersion.V201: ocpp201}
_BY_CSMS = {
    OcppVersion.V16: ("ChangeConfiguration", "GetConfiguration", "Reset", "GetLog", "SignedUpdateFirmware"),
    OcppVersion.V201: ("SetVariables", "GetVariables", "SetNetworkProfile", "Reset", "GetLog", "UpdateFirmware"),
}
_BY_STATION = {
    OcppVersion.V16: (
        "BootNotification",
        "Heartbeat",
        "StatusNotification",
        "Authorize",
        "StartTransaction",
        "StopTransaction",
        "MeterValues",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "SecurityEventNotification",
        "LogStatusNotification",
        "SignedFirmwareStatusNotification",
    ),
    OcppVersion.V201: (
        "BootNotification",
        "Heartbeat",
        "StatusNotification",
        "MeterValues",
        "TransactionEvent",
        "NotifyReport",
        "NotifyEvent",
        "SecurityEventNotification",
        "LogStatusNotification",
        "FirmwareStatusNotification",
    ),
}
MOMENT = "2026-06-01T12:00:00Z"


@dataclass(frozen=True, slots=True)
class Known:
    """One message of one version, and its schema."""

    version: OcppVersion
    action: str
    message: type[Message]
    answers: bool

    @property
    def schema(self) -> dict[str, Any]:
        """The standard's, without references."""
        return _schema(self.version, self.action, self.answers)

    @property
    def answer(self) -> "Known":
        """The answer that belongs to the call."""
        wanted = (self.version, self.action)
        return next(known for known in ALL if known.answers and (known.version, known.action) == wanted)

    def accepts(self, payload: object) -> bool:
        """Whether the standard's schema does; it does not look at the form of moments."""
        schema = self.schema
        validator = Draft4Validator if "draft-04" in schema["$schema"] else Draft6Validator
        return bool(validator(schema).is_valid(payload))

    def __str__(self) -> str:
        return f"{self.version.value}-{self.action}{'-answer' if self.answers else ''}"


@cache
def _schema(version: OcppVersion, action: str, answers: bool) -> dict[str, Any]:
    end = "Response" if answers else "Request" if version is OcppVersion.V201 else ""
    path = Path(ocpp.__file__).parent / _FOLDERS[version] / "schemas" / f"{action}{end}.json"
    schema: dict[str, Any] = json.loads(path.read_text("utf-8-sig"))
    resolved: dict[str, Any] = _resolved(schema, schema.get("definitions", {}))
    return resolved


def _resolved(value: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(value, list):
        return [_resolved(entry, definitions) for entry in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return _resolved(definitions[value["$ref"].rpartition("/")[2]], definitions)
    return {name: _resolved(part, definitions) for name, part in value.items() if name != "definitions"}


def _known() -> Iterator[Known]:
    for version, room in _ROOMS.items():
        for action in _BY_STATION[version] + _BY_CSMS[version]:
            yield Known(version, action, getattr(room, action), answers=False)
            yield Known(version, action, getattr(room, f"{action}Response", EmptyAnswer), answers=True)


ALL = list(_known())
"""Every message and answer we know."""
CALLED = [known for known in ALL if not known.answers]
"""The calls among them."""


@dataclass(frozen=True, slots=True)
class Site:
    """One place in a payload: the path there, the rule that holds, whether it must be there."""

    path: tuple[str | int, ...]
    rule: dict[str, Any]
    required: bool


def example(rule: dict[str, Any], name: str = "") -> Any:
    """A good value with every member the rule knows but customData."""
    if "enum" in rule:
        return rule["enum"][0]
    match rule["type"]:
        case "object":
            members = rule.get("properties", {})
            return {name: example(part, name) for name, part in members.items() if name != "customData"}
        case "array":
            return [example(rule["items"])]
        case "string":
            return MOMENT if rule.get("format") == "date-time" else "x" * min(3, rule.get("maxLength", 3))
        case "boolean":
            return True
        case _:
            return 7


def sites(rule: dict[str, Any], path: tuple[str | int, ...] = (), *, required: bool = True) -> Iterator[Site]:
    """Every place of `example(rule)`, the whole first."""
    yield Site(path, rule, required)
    if rule["type"] == "object":
        for name, part in rule.get("properties", {}).items():
            if name != "customData":
                yield from sites(part, (*path, name), required=name in rule.get("required", ()))
    elif rule["type"] == "array":
        yield from sites(rule["items"], (*path, 0))


LEAVE_OUT = object()
_NO_OBJECTS: list[Any] = [[], "x", 1, None, True]


def changed(payload: Any, path: tuple[str | int, ...], value: object) -> Any:
    """A copy with something else in that place, or nothing."""
    if not path:
        return value
    payload = copy.deepcopy(payload)
    place: Any = payload
    for step in path[:-1]:
        place = place[step]
    if value is LEAVE_OUT:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    return payload


def spoilt(schema: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Payloads with one defect each, and its kind: shape, missing, count, type or property."""
    good = example(schema)
    for site in sites(schema):
        if not site.path:
            yield from (("shape", nothing) for nothing in _NO_OBJECTS)
        elif site.required and isinstance(site.path[-1], str):
            yield from (("missing", changed(good, site.path, nothing)) for nothing in (LEAVE_OUT, None))
        for kind, value in _spoilt_values(site.rule, example(site.rule)):
            if site.path or kind != "type":
                yield kind, changed(good, site.path, value)


def _spoilt_values(rule: dict[str, Any], good: Any) -> Iterator[tuple[str, Any]]:
    wrong = {"object": [[], "x", 7], "array": [{}, "x", 7], "string": [{}, [], 7, True], "boolean": ["true", 1, []]}
    for value in wrong.get(rule["type"], ["7", True, [], {}]):
        yield "type", value
    if rule["type"] == "integer":
        yield "type", 7.5
    if rule["type"] == "object":
        yield "shape", {**good, "colour": "red"}
    if rule["type"] == "array" and rule.get("minItems"):
        yield "count", []
    if rule["type"] == "array" and rule.get("maxItems"):
        yield "count", good * (rule["maxItems"] + 1)
    if "maxLength" in rule:
        yield "property", "x" * (rule["maxLength"] + 1)
    if "enum" in rule:
        yield from (("property", word) for word in ("", "s3cr3t", rule["enum"][0].upper() + " "))
    if rule.get("format") == "date-time":
        yield from (("property", word) for word in ("", "noon", "2026-13-01T00:00:00Z", "2026-06-01"))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
"""Whatever JSON can say, and numbers it cannot."""

_OFFSETS = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_MOMENTS = st.builds(
    lambda since, offset: (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=since)).astimezone(offset),
    st.integers(0, 2**45),  # a thousand years
    _OFFSETS,
)


def messages(message: type[Message]) -> st.SearchStrategy[Any]:
    """Messages of this class within their limits."""
    described = type_info(message)
    assert isinstance(described, StructType)
    return _contents(described)


def _contents(kind: Type) -> st.SearchStrategy[Any]:
    match kind:
        case UnionType(types):
            (only,) = (member for member in types if not isinstance(member, NoneType))
            return st.none() | _contents(only)
        case StructType(cls, fields):
            made: dict[str, st.SearchStrategy[Any]] = {}
            for field in fields:
                filled = _contents(field.type)
                made[field.name] = filled if field.required else st.just(field.default) | filled
            return st.builds(cls, **made)
        case VarTupleType(item, few, many):
            return st.lists(_contents(item), min_size=few or 0, max_size=min(many or 3, 3)).map(tuple)
        case _:
            return _plain_contents(kind)


def _plain_contents(kind: Type) -> st.SearchStrategy[Any]:
    match kind:
        case EnumType(cls):
            return st.sampled_from(cls)
        case StrType():
            return st.text(max_size=min(kind.max_length or 40, 40))
        case DateTimeType():
            return _MOMENTS
        case IntType(ge=least):
            return st.integers(min_value=least if least is not None else -(2**31), max_value=2**31 - 1)
        case FloatType():
            return st.floats(allow_nan=False, allow_infinity=False)
        case BoolType():
            return st.booleans()
    raise AssertionError(kind)
