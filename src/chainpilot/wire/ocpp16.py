"""OCPP 1.6's own messages that we serve: their fields and limits, and the code that answers a breach.

Plug & Charge is `wire.pnc`'s, frames are `wire.ocppj`'s; what a message means is not handled here.
A member that is null counts as left out, as `wire.pnc` reads DataTransfer.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from functools import cache
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta, Struct
from msgspec.inspect import Field, IntType, NoneType, StructType, Type, UnionType, type_info

from chainpilot.errors import PeerError
from chainpilot.wire.ocppj.frames import ErrorCode

__all__ = [
    "BootNotification",
    "ChargePointErrorCode",
    "ChargePointStatus",
    "Heartbeat",
    "SchemaBreach",
    "StatusNotification",
    "read_message",
]

_String20 = Annotated[str, Meta(max_length=20)]
_String25 = Annotated[str, Meta(max_length=25)]
_String50 = Annotated[str, Meta(max_length=50)]
_String255 = Annotated[str, Meta(max_length=255)]
_Connector = Annotated[int, Meta(ge=0)]
"""0 is the station itself (OCPP 1.6 section 6.47)."""


class SchemaBreach(PeerError):
    """A payload is not of its message's schema. `code` answers it; `why` quotes names we know and no value."""

    def __init__(self, code: ErrorCode, why: str) -> None:
        super().__init__(f"{code.value}: {why}")
        self.code = code
        self.why = why


class ChargePointErrorCode(Enum):
    """OCPP 1.6 section 7.6."""

    CONNECTOR_LOCK_FAILURE = "ConnectorLockFailure"
    EV_COMMUNICATION_ERROR = "EVCommunicationError"
    GROUND_FAILURE = "GroundFailure"
    HIGH_TEMPERATURE = "HighTemperature"
    INTERNAL_ERROR = "InternalError"
    LOCAL_LIST_CONFLICT = "LocalListConflict"
    NO_ERROR = "NoError"
    OTHER_ERROR = "OtherError"
    OVER_CURRENT_FAILURE = "OverCurrentFailure"
    OVER_VOLTAGE = "OverVoltage"
    POWER_METER_FAILURE = "PowerMeterFailure"
    POWER_SWITCH_FAILURE = "PowerSwitchFailure"
    READER_FAILURE = "ReaderFailure"
    RESET_FAILURE = "ResetFailure"
    UNDER_VOLTAGE = "UnderVoltage"
    WEAK_SIGNAL = "WeakSignal"


class ChargePointStatus(Enum):
    """OCPP 1.6 section 7.7."""

    AVAILABLE = "Available"
    PREPARING = "Preparing"
    CHARGING = "Charging"
    SUSPENDED_EVSE = "SuspendedEVSE"
    SUSPENDED_EV = "SuspendedEV"
    FINISHING = "Finishing"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class BootNotification(Struct, frozen=True, rename="camel"):
    """A station has started (OCPP 1.6 section 6.9)."""

    charge_point_vendor: _String20
    charge_point_model: _String20
    charge_point_serial_number: _String25 | None = None
    charge_box_serial_number: _String25 | None = None
    firmware_version: _String50 | None = None
    iccid: _String20 | None = None
    imsi: _String20 | None = None
    meter_type: _String25 | None = None
    meter_serial_number: _String25 | None = None


class Heartbeat(Struct, frozen=True):
    """A station is still there (OCPP 1.6 section 6.29)."""


class StatusNotification(Struct, frozen=True, rename="camel"):
    """A connector's state (OCPP 1.6 section 6.47)."""

    connector_id: _Connector
    error_code: ChargePointErrorCode
    status: ChargePointStatus
    info: _String50 | None = None
    timestamp: datetime | None = None
    vendor_id: _String255 | None = None
    vendor_error_code: _String50 | None = None


Message = TypeVar("Message", bound=Struct)


def read_message(payload: object, message: type[Message]) -> Message:
    """The payload of a CALL as `message`.

    Raises:
        SchemaBreach: FormationViolation for another shape or a member nobody knows, ProtocolError for a missing one
            ("payload is incomplete"), TypeConstraintViolation for a value of another JSON type,
            PropertyConstraintViolation for one over its limit or no word of its enumeration (OCPP-J 1.6 table 7).
    """
    if not isinstance(payload, dict):
        raise SchemaBreach(ErrorCode.FORMATION_VIOLATION, "the payload is no JSON object")
    given = {name: value for name, value in payload.items() if value is not None}
    fields = _fields_of(message)
    if not given.keys() <= fields.keys():
        raise SchemaBreach(ErrorCode.FORMATION_VIOLATION, f"a member that {message.__name__} does not have")
    for name, field in fields.items():
        if name in given:
            _check(name, given[name], field.type)
        elif field.required:
            raise SchemaBreach(ErrorCode.PROTOCOL_ERROR, f"{name} is missing")
    try:
        return msgspec.convert(given, message)
    except msgspec.ValidationError as error:  # its text quotes the value
        over = next((name for name in fields if f"`$.{name}`" in str(error)), "a member")
        why = f"{over} is over its limit or no word of its enumeration"
        raise SchemaBreach(ErrorCode.PROPERTY_CONSTRAINT_VIOLATION, why) from None


@cache
def _fields_of(message: type[Struct]) -> Mapping[str, Field]:
    described = type_info(message)
    fields = described.fields if isinstance(described, StructType) else ()
    return {field.encode_name: field for field in fields}


def _check(name: str, value: object, kind: Type) -> None:
    """The JSON type alone: every field here is an integer or written as a string."""
    if isinstance(kind, UnionType):
        kind = next(member for member in kind.types if not isinstance(member, NoneType))
    wanted = int if isinstance(kind, IntType) else str
    if not isinstance(value, wanted) or isinstance(value, bool):
        raise SchemaBreach(ErrorCode.TYPE_CONSTRAINT_VIOLATION, f"{name} is of another JSON type")
