"""What a station tells of itself in OCPP 1.6, and how it is answered.

The fields and limits are those of the standard's JSON schemas.
"""

from datetime import datetime
from enum import Enum
from typing import Annotated

from msgspec import Meta

from chainpilot.wire.schema import Message, String20, String25, String50, String255
from chainpilot.wire.security import FirmwareStatus

__all__ = [
    "BootNotification",
    "BootNotificationResponse",
    "ChargePointErrorCode",
    "ChargePointStatus",
    "DiagnosticsStatus",
    "DiagnosticsStatusNotification",
    "FirmwareStatusNotification",
    "Heartbeat",
    "HeartbeatResponse",
    "LogStatusNotification",
    "RegistrationStatus",
    "SignedFirmwareStatusNotification",
    "StatusNotification",
    "UnsignedFirmwareStatus",
    "UploadLogStatus",
]

_Connector = Annotated[int, Meta(ge=0)]
"""0 is the station itself (OCPP 1.6 section 6.47)."""


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


class BootNotification(Message, frozen=True):
    """A station has started (OCPP 1.6 section 6.3)."""

    charge_point_vendor: String20
    charge_point_model: String20
    charge_point_serial_number: String25 | None = None
    charge_box_serial_number: String25 | None = None
    firmware_version: String50 | None = None
    iccid: String20 | None = None
    imsi: String20 | None = None
    meter_type: String25 | None = None
    meter_serial_number: String25 | None = None


class RegistrationStatus(Enum):
    """Whether a station may go to work."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class BootNotificationResponse(Message, frozen=True):
    """The time, and how often to call (OCPP 1.6 section 6.4)."""

    current_time: datetime
    interval: int
    """Seconds between heartbeats; until the next BootNotification if the status is not Accepted."""
    status: RegistrationStatus


class Heartbeat(Message, frozen=True):
    """A station is still there (OCPP 1.6 section 6.29)."""


class HeartbeatResponse(Message, frozen=True):
    """The time (OCPP 1.6 section 6.30)."""

    current_time: datetime


class StatusNotification(Message, frozen=True):
    """A connector's state (OCPP 1.6 section 6.47)."""

    connector_id: _Connector
    error_code: ChargePointErrorCode
    status: ChargePointStatus
    info: String50 | None = None
    timestamp: datetime | None = None
    vendor_id: String255 | None = None
    vendor_error_code: String50 | None = None


class DiagnosticsStatus(Enum):
    """How far an upload of diagnostics has come."""

    IDLE = "Idle"
    UPLOADED = "Uploaded"
    UPLOAD_FAILED = "UploadFailed"
    UPLOADING = "Uploading"


class DiagnosticsStatusNotification(Message, frozen=True):
    """How far an upload of diagnostics has come (OCPP 1.6 section 6.17)."""

    status: DiagnosticsStatus


class UnsignedFirmwareStatus(Enum):
    """How far an update without signature has come."""

    DOWNLOADED = "Downloaded"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOADING = "Downloading"
    IDLE = "Idle"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLING = "Installing"
    INSTALLED = "Installed"


class FirmwareStatusNotification(Message, frozen=True):
    """How far an update without signature has come (OCPP 1.6 section 6.19)."""

    status: UnsignedFirmwareStatus


class UploadLogStatus(Enum):
    """How far an upload of a log has come."""

    BAD_MESSAGE = "BadMessage"
    IDLE = "Idle"
    NOT_SUPPORTED_OPERATION = "NotSupportedOperation"
    PERMISSION_DENIED = "PermissionDenied"
    UPLOADED = "Uploaded"
    UPLOAD_FAILURE = "UploadFailure"
    UPLOADING = "Uploading"


class LogStatusNotification(Message, frozen=True):
    """How far an upload of a log has come (security whitepaper, use case N01)."""

    status: UploadLogStatus
    request_id: int | None = None
    """That of the GetLog."""


class SignedFirmwareStatusNotification(Message, frozen=True):
    """How far an update with signature has come (security whitepaper, use case L01)."""

    status: FirmwareStatus
    request_id: int | None = None
    """That of the SignedUpdateFirmware."""
