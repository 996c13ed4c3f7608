"""What a station of OCPP 2.0.1 is made of: EVSEs, components, variables, and the reason beside a status."""

from chainpilot.wire.schema import Message, String20, String50, String512

__all__ = [
    "Component",
    "Evse",
    "StatusInfo",
    "Variable",
]


class Evse(Message, frozen=True):
    """An EVSE or one connector of it."""

    id: int
    connector_id: int | None = None


class Component(Message, frozen=True):
    """A part of a station."""

    name: String50
    instance: String50 | None = None
    evse: Evse | None = None


class Variable(Message, frozen=True):
    """A property of a component."""

    name: String50
    instance: String50 | None = None


class StatusInfo(Message, frozen=True):
    """Why a status is as it is."""

    reason_code: String20
    additional_info: String512 | None = None
