"""A CSMS's call about settings, divided between the agent and the station's own software, and the two answers joined.

Pure. The station's part is what came, member by member; whether the schema holds is `wire.schema`'s to say, and what is
not by the schema is not divided.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chainpilot.station.agent.settings.keys import BY_KEY, variable
from chainpilot.wire import ocpp16, ocpp201
from chainpilot.wire.schema import Message, SchemaBreach, read_message
from chainpilot.wire.version import OcppVersion

__all__ = ["ACTIONS", "Divided", "divide", "joined", "unknown"]

Payload = dict[str, object]


@dataclass(frozen=True, slots=True)
class Divided:
    """The two parts of a call; None where nothing is left for that side."""

    ours: Payload | None
    theirs: Payload | None
    is_ours: tuple[bool, ...] = ()
    """Of each entry, in the order asked; none where the answer has no order."""


@dataclass(frozen=True, slots=True)
class _Action:
    message: type[Message]
    divide: Callable[[Any, Payload, Collection[str]], Divided]
    join: Callable[[Divided, Payload, Payload], Payload]
    unknown: Callable[[Payload], Payload]


def divide(version: OcppVersion, action: str, payload: object, names: Collection[str]) -> Divided | None:
    """The parts of that call, with the settings of these names the agent's; None where it isn't by its schema."""
    row = ACTIONS[action]
    try:
        asked = read_message(payload, row.message, version)
    except SchemaBreach:
        return None
    return row.divide(asked, payload, names) if isinstance(payload, dict) else None


def joined(action: str, divided: Divided, ours: Payload, theirs: Payload) -> Payload:
    """One answer of both, in the order of the question where each side answered all it was asked."""
    return ACTIONS[action].join(divided, ours, theirs)


def unknown(action: str, theirs: Payload) -> Payload:
    """What the station's part is answered where its software has no handler: it has no such settings."""
    return ACTIONS[action].unknown(theirs)


def _divide_keys(asked: ocpp16.GetConfiguration, payload: Payload, names: Collection[str]) -> Divided:
    known = [setting.key for setting in BY_KEY.values() if setting.key is not None and setting.name in names]
    if not asked.key:
        return Divided({"key": known} if known else None, payload)
    small = {key.lower() for key in known}
    ours = [key for key in asked.key if key.lower() in small]
    theirs = [key for key in asked.key if key.lower() not in small]
    return Divided({"key": ours} if ours else None, {**payload, "key": theirs} if theirs else None)


def _join_keys(divided: Divided, ours: Payload, theirs: Payload) -> Payload:
    """A key that both have is the agent's."""
    del divided
    known = _entries(ours, "configurationKey")
    named = {_key_of(one) for one in known}
    known += [one for one in _entries(theirs, "configurationKey") if _key_of(one) not in named]
    stray = _entries(ours, "unknownKey") + _entries(theirs, "unknownKey")
    answer: Payload = {"configurationKey": known} if known else {}
    return {**answer, "unknownKey": stray} if stray else answer


def _key_of(entry: object) -> str:
    key = entry.get("key") if isinstance(entry, dict) else None
    return key.lower() if isinstance(key, str) else ""


def _divide_key(asked: ocpp16.ChangeConfiguration, payload: Payload, names: Collection[str]) -> Divided:
    setting = BY_KEY.get(asked.key.lower())
    if setting is not None and setting.name in names:
        return Divided(payload, None)
    return Divided(None, payload)


def _never_joined(divided: Divided, ours: Payload, theirs: Payload) -> Payload:
    return ours if divided.ours is not None else theirs


def _divide_variables(member: str, attribute: str) -> Callable[[Any, Payload, Collection[str]], Divided]:
    def parts(asked: Any, payload: Payload, names: Collection[str]) -> Divided:
        is_ours = tuple(_is_named(one, names) for one in getattr(asked, attribute))
        entries = _entries(payload, member)
        ours = [one for one, mine in zip(entries, is_ours, strict=True) if mine]
        theirs = [one for one, mine in zip(entries, is_ours, strict=True) if not mine]
        return Divided(
            {member: ours} if ours else None,
            {**payload, member: theirs} if theirs else None,
            is_ours,
        )

    return parts


def _is_named(asked: ocpp201.GetVariableData | ocpp201.SetVariableData, names: Collection[str]) -> bool:
    """Ours stand at the station as a whole; the same name at an EVSE is somebody else's."""
    component = asked.component
    if component.instance is not None or component.evse is not None:
        return False
    found = variable(component, asked.variable)
    return found is not None and found[1].name in names


def _join_variables(member: str) -> Callable[[Divided, Payload, Payload], Payload]:
    def join(divided: Divided, ours: Payload, theirs: Payload) -> Payload:
        own, other = _entries(ours, member), _entries(theirs, member)
        if len(own) != sum(divided.is_ours) or len(other) != len(divided.is_ours) - len(own):
            return {**theirs, member: own + other}
        turns = iter(own), iter(other)
        return {**theirs, member: [next(turns[0] if mine else turns[1]) for mine in divided.is_ours]}

    return join


def _unknown_variables(asked: str, member: str) -> Callable[[Payload], Payload]:
    def answer(theirs: Payload) -> Payload:
        told = ("component", "variable", "attributeType")
        return {
            member: [
                {"attributeStatus": "UnknownComponent", **{name: one[name] for name in told if name in one}}
                for one in _entries(theirs, asked)
                if isinstance(one, dict)
            ]
        }

    return answer


def _entries(payload: Payload, member: str) -> list[object]:
    value = payload.get(member)
    return list(value) if isinstance(value, list | tuple) else []


ACTIONS: Final[Mapping[str, _Action]] = {
    "GetConfiguration": _Action(
        ocpp16.GetConfiguration,
        _divide_keys,
        _join_keys,
        lambda theirs: {"unknownKey": _entries(theirs, "key")},
    ),
    "ChangeConfiguration": _Action(
        ocpp16.ChangeConfiguration, _divide_key, _never_joined, lambda _: {"status": "NotSupported"}
    ),
    "GetVariables": _Action(
        ocpp201.GetVariables,
        _divide_variables("getVariableData", "get_variable_data"),
        _join_variables("getVariableResult"),
        _unknown_variables("getVariableData", "getVariableResult"),
    ),
    "SetVariables": _Action(
        ocpp201.SetVariables,
        _divide_variables("setVariableData", "set_variable_data"),
        _join_variables("setVariableResult"),
        _unknown_variables("setVariableData", "setVariableResult"),
    ),
}
"""Calls about settings."""
