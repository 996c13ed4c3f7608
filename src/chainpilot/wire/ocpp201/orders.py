"""What a CSMS asks of a station in OCPP 2.0.1 beside Plug & Charge, and what the station answers.

The fields and limits are those of the JSON schemas of part 3. `security.GetLog` is asked as in 1.6, SetNetworkProfile
is `network`'s.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from chainpilot.wire.ocpp201.devices import Component, StatusInfo, Variable
from chainpilot.wire.ocpp201.network import SetNetworkProfile, SetNetworkProfileResponse
from chainpilot.wire.ocpp201.reports import Attribute
from chainpilot.wire.schema import Message, String255, String512
from chainpilot.wire.security import GetLog, LogStatus, UpdateFirmwareStatus

__all__ = [
    "ANSWERS",
    "Firmware",
    "GetLogResponse",
    "GetVariableData",
    "GetVariableResult",
    "GetVariableStatus",
    "GetVariables",
    "GetVariablesResponse",
    "Reset",
    "ResetResponse",
    "ResetStatus",
    "ResetType",
    "SetVariableData",
    "SetVariableResult",
    "SetVariableStatus",
    "SetVariables",
    "SetVariablesResponse",
    "UpdateFirmware",
    "UpdateFirmwareResponse",
]


class SetVariableData(Message, frozen=True):
    """One value to set. It is in no repr: BasicAuthPassword's is the station's password, and vendors have others."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"attribute_value"})

    attribute_value: Annotated[str, Meta(max_length=1000)]
    component: Component
    variable: Variable
    attribute_type: Attribute | None = None
    """Left out: Actual."""


class SetVariables(Message, frozen=True):
    """Set values of variables (use case B05)."""

    set_variable_data: Annotated[tuple[SetVariableData, ...], Meta(min_length=1)]


class SetVariableStatus(Enum):
    """What became of a value to set."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"
    REBOOT_REQUIRED = "RebootRequired"


class SetVariableResult(Message, frozen=True):
    """What became of one value."""

    attribute_status: SetVariableStatus
    component: Component
    variable: Variable
    attribute_type: Attribute | None = None
    """Left out: Actual."""
    attribute_status_info: StatusInfo | None = None


class SetVariablesResponse(Message, frozen=True):
    """What became of each value."""

    set_variable_result: Annotated[tuple[SetVariableResult, ...], Meta(min_length=1)]


class GetVariableData(Message, frozen=True):
    """One value to tell."""

    component: Component
    variable: Variable
    attribute_type: Attribute | None = None
    """Left out: Actual."""


class GetVariables(Message, frozen=True):
    """Tell values of variables (use case B06)."""

    get_variable_data: Annotated[tuple[GetVariableData, ...], Meta(min_length=1)]


class GetVariableStatus(Enum):
    """Whether a value is told."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    UNKNOWN_COMPONENT = "UnknownComponent"
    UNKNOWN_VARIABLE = "UnknownVariable"
    NOT_SUPPORTED_ATTRIBUTE_TYPE = "NotSupportedAttributeType"


class GetVariableResult(Message, frozen=True):
    """One value; it is in no repr, since a station may tell what it should keep to itself."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"attribute_value"})

    attribute_status: GetVariableStatus
    component: Component
    variable: Variable
    attribute_type: Attribute | None = None
    """Left out: Actual."""
    attribute_value: Annotated[str, Meta(max_length=2500)] | None = None
    attribute_status_info: StatusInfo | None = None


class GetVariablesResponse(Message, frozen=True):
    """Each value, or why it is not told."""

    get_variable_result: Annotated[tuple[GetVariableResult, ...], Meta(min_length=1)]


class ResetType(Enum):
    """Whether a station ends what it is doing first."""

    IMMEDIATE = "Immediate"
    ON_IDLE = "OnIdle"


class Reset(Message, frozen=True):
    """Start again, or one EVSE of the station (use cases B11, B12)."""

    type: ResetType
    evse_id: int | None = None


class ResetStatus(Enum):
    """Whether a station starts again."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    SCHEDULED = "Scheduled"


class ResetResponse(Message, frozen=True):
    """Whether it does."""

    status: ResetStatus
    status_info: StatusInfo | None = None


class GetLogResponse(Message, frozen=True):
    """Whether the log is uploaded, and under what name."""

    status: LogStatus
    filename: String255 | None = None
    status_info: StatusInfo | None = None


class Firmware(Message, frozen=True):
    """An image, and who vouches for it."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"location"})

    location: String512
    """A URL, which may hold a user's name and password."""
    retrieve_date_time: datetime
    install_date_time: datetime | None = None
    signing_certificate: Annotated[str, Meta(max_length=5500)] | None = None
    """PEM."""
    signature: Annotated[str, Meta(max_length=800)] | None = None
    """Base64."""


class UpdateFirmware(Message, frozen=True):
    """Install an image (use cases L01, L02)."""

    request_id: int
    firmware: Firmware
    retries: int | None = None
    retry_interval: int | None = None
    """Seconds."""


class UpdateFirmwareResponse(Message, frozen=True):
    """Whether it is installed."""

    status: UpdateFirmwareStatus
    status_info: StatusInfo | None = None


ANSWERS: Final[Mapping[type[Message], type[Message]]] = {
    SetVariables: SetVariablesResponse,
    GetVariables: GetVariablesResponse,
    SetNetworkProfile: SetNetworkProfileResponse,
    Reset: ResetResponse,
    GetLog: GetLogResponse,
    UpdateFirmware: UpdateFirmwareResponse,
}
"""What a CSMS may ask a station, by what answers it; each bears the name of its action."""
