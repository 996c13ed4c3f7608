"""OCPP 1.6's own messages, those of its security whitepaper included: their fields and limits.

Plug & Charge is `wire.pnc`'s, frames are `wire.ocppj`'s; what a message means is not handled here. A message bears the
name of its action, its answer the same with `Response`; what is only told is answered with an `EmptyAnswer`.
"""

from chainpilot.wire import schema
from chainpilot.wire.metering import (
    Location,
    Phase,
    ReadingContext,
)
from chainpilot.wire.ocpp16.orders import (
    ANSWERS,
    ChangeConfiguration,
    ChangeConfigurationResponse,
    ConfigurationStatus,
    GetConfiguration,
    GetConfigurationResponse,
    GetLogResponse,
    KeyValue,
    Reset,
    ResetResponse,
    ResetStatus,
    ResetType,
    SignedFirmware,
    SignedUpdateFirmware,
    SignedUpdateFirmwareResponse,
)
from chainpilot.wire.ocpp16.station import (
    BootNotification,
    BootNotificationResponse,
    ChargePointErrorCode,
    ChargePointStatus,
    DiagnosticsStatus,
    DiagnosticsStatusNotification,
    FirmwareStatusNotification,
    Heartbeat,
    HeartbeatResponse,
    LogStatusNotification,
    RegistrationStatus,
    SignedFirmwareStatusNotification,
    StatusNotification,
    UnsignedFirmwareStatus,
    UploadLogStatus,
)
from chainpilot.wire.ocpp16.transactions import (
    AuthorizationStatus,
    Authorize,
    AuthorizeResponse,
    IdTagInfo,
    Measurand,
    MeterValue,
    MeterValues,
    SampledValue,
    StartTransaction,
    StartTransactionResponse,
    StopReason,
    StopTransaction,
    StopTransactionResponse,
    TransactionData,
    Unit,
    ValueFormat,
)
from chainpilot.wire.schema import EmptyAnswer, M, SchemaBreach
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
    "ANSWERS",
    "AuthorizationStatus",
    "Authorize",
    "AuthorizeResponse",
    "BootNotification",
    "BootNotificationResponse",
    "ChangeConfiguration",
    "ChangeConfigurationResponse",
    "ChargePointErrorCode",
    "ChargePointStatus",
    "ConfigurationStatus",
    "DiagnosticsStatus",
    "DiagnosticsStatusNotification",
    "EmptyAnswer",
    "FirmwareStatus",
    "FirmwareStatusNotification",
    "GetConfiguration",
    "GetConfigurationResponse",
    "GetLog",
    "GetLogResponse",
    "Heartbeat",
    "HeartbeatResponse",
    "IdTagInfo",
    "KeyValue",
    "Location",
    "LogParameters",
    "LogStatus",
    "LogStatusNotification",
    "LogType",
    "Measurand",
    "MeterValue",
    "MeterValues",
    "Phase",
    "ReadingContext",
    "RegistrationStatus",
    "Reset",
    "ResetResponse",
    "ResetStatus",
    "ResetType",
    "SampledValue",
    "SchemaBreach",
    "SecurityEventNotification",
    "SignedFirmware",
    "SignedFirmwareStatusNotification",
    "SignedUpdateFirmware",
    "SignedUpdateFirmwareResponse",
    "StartTransaction",
    "StartTransactionResponse",
    "StatusNotification",
    "StopReason",
    "StopTransaction",
    "StopTransactionResponse",
    "TransactionData",
    "Unit",
    "UnsignedFirmwareStatus",
    "UpdateFirmwareStatus",
    "UploadLogStatus",
    "ValueFormat",
    "read_answer",
    "read_message",
]


def read_message(payload: object, message: type[M]) -> M:
    """The payload of a CALL as `message`; what it raises is told at `schema.read_message`."""
    return schema.read_message(payload, message, OcppVersion.V16)


def read_answer(payload: object, message: type[M]) -> M:
    """The payload of a CALLRESULT as `message`; what it raises is told at `schema.read_answer`."""
    return schema.read_answer(payload, message, OcppVersion.V16)
