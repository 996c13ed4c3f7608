"""Security events: their types in OCPP 2.0.1's words and in 1.6's, and which of them must reach the CSMS.

OCPP 2.0.1 part 2 appendix 1, and the 1.6 security whitepaper's table; ocpp-test-cases.md section 3.3.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final

import msgspec

from chainpilot.wire.version import OcppVersion

__all__ = [
    "MAX_TECH_INFO",
    "MAX_TYPE",
    "EventType",
    "OtherEventType",
    "SecurityEvent",
    "SecurityEventType",
    "is_critical",
    "is_sendable",
    "read_event_type",
    "word_of",
]

MAX_TECH_INFO: Final = 255
"""Characters of techInfo."""


MAX_TYPE: Final = 50
"""Characters of type, in either version."""


class SecurityEventType(Enum):
    """What happened, in OCPP 2.0.1's words."""

    FIRMWARE_UPDATED = "FirmwareUpdated"
    FAILED_TO_AUTHENTICATE_AT_CSMS = "FailedToAuthenticateAtCsms"
    CSMS_FAILED_TO_AUTHENTICATE = "CsmsFailedToAuthenticate"
    SETTING_SYSTEM_TIME = "SettingSystemTime"
    STARTUP_OF_THE_DEVICE = "StartupOfTheDevice"
    RESET_OR_REBOOT = "ResetOrReboot"
    SECURITY_LOG_WAS_CLEARED = "SecurityLogWasCleared"
    RECONFIGURATION_OF_SECURITY_PARAMETERS = "ReconfigurationOfSecurityParameters"
    MEMORY_EXHAUSTION = "MemoryExhaustion"
    INVALID_MESSAGES = "InvalidMessages"
    ATTEMPTED_REPLAY_ATTACKS = "AttemptedReplayAttacks"
    TAMPER_DETECTION_ACTIVATED = "TamperDetectionActivated"
    INVALID_FIRMWARE_SIGNATURE = "InvalidFirmwareSignature"
    INVALID_FIRMWARE_SIGNING_CERTIFICATE = "InvalidFirmwareSigningCertificate"
    INVALID_CSMS_CERTIFICATE = "InvalidCsmsCertificate"
    INVALID_CHARGING_STATION_CERTIFICATE = "InvalidChargingStationCertificate"
    INVALID_TLS_VERSION = "InvalidTLSVersion"
    INVALID_TLS_CIPHER_SUITE = "InvalidTLSCipherSuite"
    MAINTENANCE_LOGIN_ACCEPTED = "MaintenanceLoginAccepted"
    MAINTENANCE_LOGIN_FAILED = "MaintenanceLoginFailed"


@dataclass(frozen=True, slots=True)
class OtherEventType:
    """A type that this version has no name for: a newer one noted the event, and was replaced before it was told."""

    value: str


EventType = SecurityEventType | OtherEventType

_WORDS_16: Final = {
    SecurityEventType.FAILED_TO_AUTHENTICATE_AT_CSMS: "FailedToAuthenticateAtCentralSystem",
    SecurityEventType.CSMS_FAILED_TO_AUTHENTICATE: "CentralSystemFailedToAuthenticate",
    SecurityEventType.INVALID_CSMS_CERTIFICATE: "InvalidCentralSystemCertificate",
    SecurityEventType.INVALID_CHARGING_STATION_CERTIFICATE: "InvalidChargePointCertificate",
}
_CRITICAL_16: Final = frozenset(
    {
        SecurityEventType.FIRMWARE_UPDATED,
        SecurityEventType.SETTING_SYSTEM_TIME,
        SecurityEventType.STARTUP_OF_THE_DEVICE,
        SecurityEventType.RESET_OR_REBOOT,
        SecurityEventType.SECURITY_LOG_WAS_CLEARED,
        SecurityEventType.MEMORY_EXHAUSTION,
        SecurityEventType.TAMPER_DETECTION_ACTIVATED,
    }
)
_CRITICAL: Final = _CRITICAL_16 | {
    SecurityEventType.INVALID_FIRMWARE_SIGNATURE,
    SecurityEventType.INVALID_FIRMWARE_SIGNING_CERTIFICATE,
    SecurityEventType.INVALID_CSMS_CERTIFICATE,
    SecurityEventType.INVALID_CHARGING_STATION_CERTIFICATE,
    SecurityEventType.INVALID_TLS_VERSION,
    SecurityEventType.INVALID_TLS_CIPHER_SUITE,
    SecurityEventType.MAINTENANCE_LOGIN_ACCEPTED,
    SecurityEventType.MAINTENANCE_LOGIN_FAILED,
}
"""OCPP 2.0.1 with its errata, and all of 1.6's."""


class SecurityEvent(msgspec.Struct, frozen=True):
    """One event; what it tells holds no secret, since it goes into logs and to the CSMS."""

    type: EventType
    at: datetime
    """Timezone-aware UTC."""
    tech_info: str | None = None


def read_event_type(word: str) -> EventType:
    """The type of that word in 2.0.1's list, or as it stands."""
    try:
        return SecurityEventType(word)
    except ValueError:
        return OtherEventType(word)


def word_of(kind: EventType, version: OcppVersion) -> str:
    """The type's word in that version of OCPP."""
    if isinstance(kind, OtherEventType) or version is not OcppVersion.V16:
        return kind.value
    return _WORDS_16.get(kind, kind.value)


def is_sendable(kind: EventType) -> bool:
    """Whether the messages take its word: a CSMS has to take any of that length, the vendor's own too."""
    return 0 < len(kind.value) <= MAX_TYPE and kind.value.isprintable()


def is_critical(kind: EventType, version: OcppVersion | None = None) -> bool:
    """Whether a station of that version must tell its CSMS of the event (use case A04); None: of any version."""
    return kind in (_CRITICAL_16 if version is OcppVersion.V16 else _CRITICAL)
