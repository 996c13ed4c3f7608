"""What a CSMS asks of a station in OCPP 1.6 beside Plug & Charge, and what the station answers.

The fields and limits are those of the standard's JSON schemas. `security.GetLog` is asked as in 2.0.1.
"""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, ClassVar, Final

from msgspec import Meta

from chainpilot.wire.schema import Message, String50, String255, String512
from chainpilot.wire.security import GetLog, LogStatus, UpdateFirmwareStatus

__all__ = [
    "ANSWERS",
    "ChangeConfiguration",
    "ChangeConfigurationResponse",
    "ConfigurationStatus",
    "GetConfiguration",
    "GetConfigurationResponse",
    "GetLogResponse",
    "KeyValue",
    "Reset",
    "ResetResponse",
    "ResetStatus",
    "ResetType",
    "SignedFirmware",
    "SignedUpdateFirmware",
    "SignedUpdateFirmwareResponse",
]

_Value = Annotated[str, Meta(max_length=500)]
_CertificateText = Annotated[str, Meta(max_length=5500)]
_SignatureText = Annotated[str, Meta(max_length=800)]


class ChangeConfiguration(Message, frozen=True):
    """Set a configuration key (OCPP 1.6 section 6.9).

    No value is in any repr: AuthorizationKey's is the station's password, and vendors' keys hold others.
    """

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"value"})

    key: String50
    value: _Value


class ConfigurationStatus(Enum):
    """What became of a setting."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    REBOOT_REQUIRED = "RebootRequired"
    NOT_SUPPORTED = "NotSupported"


class ChangeConfigurationResponse(Message, frozen=True):
    """What became of it (OCPP 1.6 section 6.10)."""

    status: ConfigurationStatus


class GetConfiguration(Message, frozen=True):
    """Tell configuration keys, all of them if none is named (OCPP 1.6 section 6.23)."""

    key: tuple[String50, ...] = ()


class KeyValue(Message, frozen=True):
    """One configuration key; no value is in any repr, since a station may tell what it should keep to itself."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"value"})

    key: String50
    readonly: bool
    value: _Value | None = None


class GetConfigurationResponse(Message, frozen=True):
    """The keys known and those unknown (OCPP 1.6 section 6.24)."""

    configuration_key: tuple[KeyValue, ...] = ()
    unknown_key: tuple[String50, ...] = ()


class ResetType(Enum):
    """Whether a station ends what it is doing first."""

    HARD = "Hard"
    SOFT = "Soft"


class Reset(Message, frozen=True):
    """Start again (OCPP 1.6 section 6.39)."""

    type: ResetType


class ResetStatus(Enum):
    """Whether a station starts again."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"


class ResetResponse(Message, frozen=True):
    """Whether it does (OCPP 1.6 section 6.40)."""

    status: ResetStatus


class GetLogResponse(Message, frozen=True):
    """Whether the log is uploaded, and under what name (security whitepaper, use case N01)."""

    status: LogStatus
    filename: String255 | None = None


class SignedFirmware(Message, frozen=True):
    """An image, and who vouches for it."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"location"})

    location: String512
    """A URL, which may hold a user's name and password."""
    retrieve_date_time: datetime
    signing_certificate: _CertificateText
    """PEM."""
    signature: _SignatureText
    """Base64."""
    install_date_time: datetime | None = None


class SignedUpdateFirmware(Message, frozen=True):
    """Install an image (security whitepaper, use case L01)."""

    request_id: int
    firmware: SignedFirmware
    retries: int | None = None
    retry_interval: int | None = None
    """Seconds."""


class SignedUpdateFirmwareResponse(Message, frozen=True):
    """Whether it is installed (security whitepaper, use case L01)."""

    status: UpdateFirmwareStatus


ANSWERS: Final[Mapping[type[Message], type[Message]]] = {
    ChangeConfiguration: ChangeConfigurationResponse,
    GetConfiguration: GetConfigurationResponse,
    Reset: ResetResponse,
    GetLog: GetLogResponse,
    SignedUpdateFirmware: SignedUpdateFirmwareResponse,
}
"""What a CSMS may ask a station, by what answers it; each bears the name of its action."""
