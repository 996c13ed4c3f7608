"""OCPP 2.0.1's own messages: their fields and limits.

Plug & Charge and Authorize are `wire.pnc`'s, frames are `wire.ocppj`'s; what a message means is not handled here. A
message bears the name of its action, its answer the same with `Response`; what is only told is answered with an
`EmptyAnswer`.
"""

from typing import TypeVar

from chainpilot.wire import schema
from chainpilot.wire.metering import (
    Location,
    Phase,
    ReadingContext,
)
from chainpilot.wire.ocpp201.devices import (
    Component,
    Evse,
    StatusInfo,
    Variable,
)
from chainpilot.wire.ocpp201.metering import (
    Measurand,
    MeterValue,
    MeterValues,
    SampledValue,
    SignedMeterValue,
    UnitOfMeasure,
)
from chainpilot.wire.ocpp201.network import (
    Apn,
    ApnAuthentication,
    ConnectionData,
    NetworkInterface,
    ProfileVersion,
    SetNetworkProfile,
    SetNetworkProfileResponse,
    SetNetworkProfileStatus,
    Transport,
    Vpn,
    VpnType,
)
from chainpilot.wire.ocpp201.orders import (
    Firmware,
    GetLogResponse,
    GetVariableData,
    GetVariableResult,
    GetVariables,
    GetVariablesResponse,
    GetVariableStatus,
    Reset,
    ResetResponse,
    ResetStatus,
    ResetType,
    SetVariableData,
    SetVariableResult,
    SetVariables,
    SetVariablesResponse,
    SetVariableStatus,
    UpdateFirmware,
    UpdateFirmwareResponse,
)
from chainpilot.wire.ocpp201.reports import (
    Attribute,
    DataType,
    EventData,
    EventNotification,
    EventTrigger,
    Mutability,
    NotifyEvent,
    NotifyReport,
    ReportData,
    VariableAttribute,
    VariableCharacteristics,
)
from chainpilot.wire.ocpp201.station import (
    BootNotification,
    BootNotificationResponse,
    BootReason,
    ChargingStation,
    ConnectorStatus,
    FirmwareStatusNotification,
    Heartbeat,
    HeartbeatResponse,
    LogStatusNotification,
    Modem,
    RegistrationStatus,
    StatusNotification,
    UploadLogStatus,
)
from chainpilot.wire.ocpp201.transactions import (
    AdditionalInfo,
    AuthorizationStatus,
    ChargingState,
    IdToken,
    IdTokenInfo,
    IdTokenType,
    MessageContent,
    MessageFormat,
    StoppedReason,
    Transaction,
    TransactionEvent,
    TransactionEventResponse,
    TransactionEventType,
    TriggerReason,
)
from chainpilot.wire.schema import EmptyAnswer, Message, SchemaBreach
from chainpilot.wire.security import (
    FirmwareStatus,
    GetLog,
    LogParameters,
    LogStatus,
    LogType,
    SecurityEventNotification,
    UpdateFirmwareStatus,
)
from chainpilot.wire.version import OcppVersion

__all__ = [
    "AdditionalInfo",
    "Apn",
    "ApnAuthentication",
    "Attribute",
    "AuthorizationStatus",
    "BootNotification",
    "BootNotificationResponse",
    "BootReason",
    "ChargingState",
    "ChargingStation",
    "Component",
    "ConnectionData",
    "ConnectorStatus",
    "DataType",
    "EmptyAnswer",
    "EventData",
    "EventNotification",
    "EventTrigger",
    "Evse",
    "Firmware",
    "FirmwareStatus",
    "FirmwareStatusNotification",
    "GetLog",
    "GetLogResponse",
    "GetVariableData",
    "GetVariableResult",
    "GetVariableStatus",
    "GetVariables",
    "GetVariablesResponse",
    "Heartbeat",
    "HeartbeatResponse",
    "IdToken",
    "IdTokenInfo",
    "IdTokenType",
    "Location",
    "LogParameters",
    "LogStatus",
    "LogStatusNotification",
    "LogType",
    "Measurand",
    "MessageContent",
    "MessageFormat",
    "MeterValue",
    "MeterValues",
    "Modem",
    "Mutability",
    "NetworkInterface",
    "NotifyEvent",
    "NotifyReport",
    "Phase",
    "ProfileVersion",
    "ReadingContext",
    "RegistrationStatus",
    "ReportData",
    "Reset",
    "ResetResponse",
    "ResetStatus",
    "ResetType",
    "SampledValue",
    "SchemaBreach",
    "SecurityEventNotification",
    "SetNetworkProfile",
    "SetNetworkProfileResponse",
    "SetNetworkProfileStatus",
    "SetVariableData",
    "SetVariableResult",
    "SetVariableStatus",
    "SetVariables",
    "SetVariablesResponse",
    "SignedMeterValue",
    "StatusInfo",
    "StatusNotification",
    "StoppedReason",
    "Transaction",
    "TransactionEvent",
    "TransactionEventResponse",
    "TransactionEventType",
    "Transport",
    "TriggerReason",
    "UnitOfMeasure",
    "UpdateFirmware",
    "UpdateFirmwareResponse",
    "UpdateFirmwareStatus",
    "UploadLogStatus",
    "Variable",
    "VariableAttribute",
    "VariableCharacteristics",
    "Vpn",
    "VpnType",
    "read_answer",
    "read_message",
]

M = TypeVar("M", bound=Message)


def read_message(payload: object, message: type[M]) -> M:
    """The payload of a CALL as `message`; what it raises is told at `schema.read_message`."""
    return schema.read_message(payload, message, OcppVersion.V201)


def read_answer(payload: object, message: type[M]) -> M:
    """The payload of a CALLRESULT as `message`; what it raises is told at `schema.read_answer`."""
    return schema.read_answer(payload, message, OcppVersion.V201)
