"""Messages that the security whitepaper took from OCPP 2.0.1 into 1.6 as they are: security events, logs and firmware.

The answers that differ are the versions' own.
"""

from datetime import datetime
from enum import Enum
from typing import ClassVar

from chainpilot.wire.schema import Message, String50, String255, String512

__all__ = [
    "FirmwareStatus",
    "GetLog",
    "LogParameters",
    "LogStatus",
    "LogType",
    "SecurityEventNotification",
    "UpdateFirmwareStatus",
]


class SecurityEventNotification(Message, frozen=True):
    """Something happened that bears on security (use case A04)."""

    type: String50
    """A word of the standard's list of security events, or the vendor's own."""
    timestamp: datetime
    tech_info: String255 | None = None


class LogType(Enum):
    """Which log."""

    DIAGNOSTICS_LOG = "DiagnosticsLog"
    SECURITY_LOG = "SecurityLog"


class LogParameters(Message, frozen=True):
    """Where a log goes, and from when to when it reaches; without a moment it is open at that end."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"remote_location"})

    remote_location: String512
    """A URL, which may hold a user's name and password."""
    oldest_timestamp: datetime | None = None
    latest_timestamp: datetime | None = None


class GetLog(Message, frozen=True):
    """CSMS to station: upload a log (use case N01)."""

    log: LogParameters
    log_type: LogType
    request_id: int
    retries: int | None = None
    retry_interval: int | None = None
    """Seconds."""


class LogStatus(Enum):
    """Whether a station uploads the log."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    ACCEPTED_CANCELED = "AcceptedCanceled"


class FirmwareStatus(Enum):
    """How far an update has come."""

    DOWNLOADED = "Downloaded"
    DOWNLOAD_FAILED = "DownloadFailed"
    DOWNLOADING = "Downloading"
    DOWNLOAD_SCHEDULED = "DownloadScheduled"
    DOWNLOAD_PAUSED = "DownloadPaused"
    IDLE = "Idle"
    INSTALLATION_FAILED = "InstallationFailed"
    INSTALLING = "Installing"
    INSTALLED = "Installed"
    INSTALL_REBOOTING = "InstallRebooting"
    INSTALL_SCHEDULED = "InstallScheduled"
    INSTALL_VERIFICATION_FAILED = "InstallVerificationFailed"
    INVALID_SIGNATURE = "InvalidSignature"
    SIGNATURE_VERIFIED = "SignatureVerified"


class UpdateFirmwareStatus(Enum):
    """Whether a station takes an update."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    ACCEPTED_CANCELED = "AcceptedCanceled"
    INVALID_CERTIFICATE = "InvalidCertificate"
    REVOKED_CERTIFICATE = "RevokedCertificate"
