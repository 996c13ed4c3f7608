"""What a station tells of itself in OCPP 2.0.1, and how it is answered.

The fields and limits are those of the JSON schemas of part 3. `security.SecurityEventNotification` is told as in 1.6.
"""

from datetime import datetime
from enum import Enum

from chainpilot.wire.ocpp201.devices import StatusInfo
from chainpilot.wire.schema import Message, String20, String25, String50
from chainpilot.wire.security import FirmwareStatus

__all__ = [
    "BootNotification",
    "BootNotificationResponse",
    "BootReason",
    "ChargingStation",
    "ConnectorStatus",
    "FirmwareStatusNotification",
    "Heartbeat",
    "HeartbeatResponse",
    "LogStatusNotification",
    "Modem",
    "RegistrationStatus",
    "StatusNotification",
    "UploadLogStatus",
]


class Modem(Message, frozen=True):
    """The SIM card of a station."""

    iccid: String20 | None = None
    imsi: String20 | None = None


class ChargingStation(Message, frozen=True):
    """What a station is."""

    model: String20
    vendor_name: String50
    serial_number: String25 | None = None
    firmware_version: String50 | None = None
    modem: Modem | None = None


class BootReason(Enum):
    """Why a station has started."""

    APPLICATION_RESET = "ApplicationReset"
    FIRMWARE_UPDATE = "FirmwareUpdate"
    LOCAL_RESET = "LocalReset"
    POWER_UP = "PowerUp"
    REMOTE_RESET = "RemoteReset"
    SCHEDULED_RESET = "ScheduledReset"
    TRIGGERED = "Triggered"
    UNKNOWN = "Unknown"
    WATCHDOG = "Watchdog"


class BootNotification(Message, frozen=True):
    """A station has started (use cases B01 to B04)."""

    charging_station: ChargingStation
    reason: BootReason


class RegistrationStatus(Enum):
    """Whether a station may go to work."""

    ACCEPTED = "Accepted"
    PENDING = "Pending"
    REJECTED = "Rejected"


class BootNotificationResponse(Message, frozen=True):
    """The time, and how often to call."""

    current_time: datetime
    interval: int
    """Seconds between heartbeats; until the next BootNotification if the status is not Accepted."""
    status: RegistrationStatus
    status_info: StatusInfo | None = None


class Heartbeat(Message, frozen=True):
    """A station is still there (use case G02)."""


class HeartbeatResponse(Message, frozen=True):
    """The time."""

    current_time: datetime


class ConnectorStatus(Enum):
    """What a connector is doing."""

    AVAILABLE = "Available"
    OCCUPIED = "Occupied"
    RESERVED = "Reserved"
    UNAVAILABLE = "Unavailable"
    FAULTED = "Faulted"


class StatusNotification(Message, frozen=True):
    """A connector's state (use case G01)."""

    timestamp: datetime
    connector_status: ConnectorStatus
    evse_id: int
    connector_id: int


class UploadLogStatus(Enum):
    """How far an upload of a log has come."""

    BAD_MESSAGE = "BadMessage"
    IDLE = "Idle"
    NOT_SUPPORTED_OPERATION = "NotSupportedOperation"
    PERMISSION_DENIED = "PermissionDenied"
    UPLOADED = "Uploaded"
    UPLOAD_FAILURE = "UploadFailure"
    UPLOADING = "Uploading"
    ACCEPTED_CANCELED = "AcceptedCanceled"


class LogStatusNotification(Message, frozen=True):
    """How far an upload of a log has come (use case N01)."""

    status: UploadLogStatus
    request_id: int | None = None
    """That of the GetLog."""


class FirmwareStatusNotification(Message, frozen=True):
    """How far an update has come (use cases L01, L02)."""

    status: FirmwareStatus
    request_id: int | None = None
    """That of the UpdateFirmware."""
