"""What a person or a program may want of a station: the objects behind the CSMS's own calls.

Values only, written to the ledger as JSON and fit for an API. The words are those of OCPP 2.0.1 where both versions
have the thing; what a version says instead is decided when the station is asked (`chainpilot.cpms.calls`).
"""

from datetime import datetime
from enum import Enum
from typing import Any, ClassVar

import msgspec

from chainpilot.cpms.model.enrolments import EnrolmentId
from chainpilot.pki.hashdata import CertificateHashData
from chainpilot.wire import ocpp201
from chainpilot.wire.pnc.words import CertificateUse, MessageTrigger
from chainpilot.wire.security import LogType

__all__ = [
    "ChangeConfiguration",
    "ChangePassword",
    "DeleteCertificate",
    "Demand",
    "GetConfiguration",
    "GetInstalledCertificateIds",
    "GetLog",
    "GetVariables",
    "InstallCertificate",
    "Reset",
    "ResetTime",
    "SendCertificate",
    "SetNetworkProfile",
    "SetVariables",
    "SignedUpdateFirmware",
    "TriggerMessage",
    "VariableName",
    "VariableValue",
    "demand_from_json",
    "demand_to_json",
]


class _Demand(msgspec.Struct, frozen=True, tag_field="kind"):
    """What `HIDDEN` names is in no repr: it is a secret, or may hold one."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset()

    def __repr__(self) -> str:
        shown = ", ".join(f"{name}={content!r}" for name, content in self.__rich_repr__())
        return f"{type(self).__name__}({shown})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        return [(name, getattr(self, name)) for name in self.__struct_fields__ if name not in self.HIDDEN]


class TriggerMessage(_Demand, frozen=True, tag="TriggerMessage"):
    """Send that message now; for certificates: make a key and ask for one (use cases A02, F06)."""

    requested_message: MessageTrigger


class InstallCertificate(_Demand, frozen=True, tag="InstallCertificate"):
    """Trust this root (use case M05)."""

    certificate_type: CertificateUse
    certificate: str
    """PEM, one certificate."""


class DeleteCertificate(_Demand, frozen=True, tag="DeleteCertificate"):
    """Remove one certificate (use case M04); named by itself or by its hash data, of any algorithm.

    The station's list is read first and its own words are echoed.
    """

    certificate: str | None = None
    """PEM, one self-signed certificate: of any other the hash data can't be told from itself alone."""
    certificate_hash_data: CertificateHashData | None = None
    certificate_type: CertificateUse | None = None
    """Where to look; None: everywhere."""


class GetInstalledCertificateIds(_Demand, frozen=True, tag="GetInstalledCertificateIds"):
    """Tell what is installed (use case M03)."""

    certificate_types: tuple[CertificateUse, ...] = ()
    """Empty: all."""


class SendCertificate(_Demand, frozen=True, tag="SendCertificate"):
    """Send the certificate of an enrolment, again if the station had it (use cases A02, A03)."""

    enrolment_id: EnrolmentId


class ChangePassword(_Demand, frozen=True, tag="ChangePassword"):
    """Take a new password, which is made when the station is there to take it (use case A01)."""


class ChangeConfiguration(_Demand, frozen=True, tag="ChangeConfiguration"):
    """Set a key of OCPP 1.6. No value is in any repr."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"value"})

    key: str
    value: str


class GetConfiguration(_Demand, frozen=True, tag="GetConfiguration"):
    """Tell keys of OCPP 1.6."""

    keys: tuple[str, ...] = ()
    """Empty: all."""


class VariableName(msgspec.Struct, frozen=True):
    """A variable of OCPP 2.0.1's device model."""

    component: str
    variable: str
    component_instance: str | None = None
    variable_instance: str | None = None

    def __str__(self) -> str:
        component = self.component + (f"[{self.component_instance}]" if self.component_instance else "")
        return f"{component}.{self.variable}" + (f"[{self.variable_instance}]" if self.variable_instance else "")


class VariableValue(_Demand, frozen=True):
    """A variable's actual value. It is in no repr."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"value"})

    name: VariableName
    value: str


class SetVariables(_Demand, frozen=True, tag="SetVariables"):
    """Set variables of OCPP 2.0.1 (use case B05)."""

    variables: tuple[VariableValue, ...]


class GetVariables(_Demand, frozen=True, tag="GetVariables"):
    """Tell variables of OCPP 2.0.1 (use case B06)."""

    variables: tuple[VariableName, ...]


class SetNetworkProfile(_Demand, frozen=True, tag="SetNetworkProfile"):
    """Keep a way to the CSMS in a slot of OCPP 2.0.1 (use case B09)."""

    configuration_slot: int
    connection_data: ocpp201.ConnectionData


class ResetTime(Enum):
    """When a station starts again."""

    NOW = "Immediate"
    """1.6: Hard."""
    IDLE = "OnIdle"
    """Once nobody charges; 1.6: Soft."""


class Reset(_Demand, frozen=True, tag="Reset"):
    """Start again (use cases B11, B12)."""

    time: ResetTime = ResetTime.IDLE


class GetLog(_Demand, frozen=True, tag="GetLog"):
    """Upload a log (use case N01)."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"remote_location"})

    log_type: LogType
    remote_location: str
    """A URL, which may hold a user's name and password."""
    oldest_timestamp: datetime | None = None
    latest_timestamp: datetime | None = None
    retries: int | None = None
    retry_interval: int | None = None
    """Seconds."""


class SignedUpdateFirmware(_Demand, frozen=True, tag="SignedUpdateFirmware"):
    """Install an image that its maker has signed (use case L01)."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"location"})

    location: str
    """A URL, which may hold a user's name and password."""
    retrieve_date_time: datetime
    signing_certificate: str
    """PEM."""
    signature: str
    """Base64, over the whole image."""
    install_date_time: datetime | None = None
    retries: int | None = None
    retry_interval: int | None = None
    """Seconds."""


Demand = (
    TriggerMessage
    | InstallCertificate
    | DeleteCertificate
    | GetInstalledCertificateIds
    | SendCertificate
    | ChangePassword
    | ChangeConfiguration
    | GetConfiguration
    | SetVariables
    | GetVariables
    | SetNetworkProfile
    | Reset
    | GetLog
    | SignedUpdateFirmware
)


def demand_to_json(demand: Demand) -> str:
    """As JSON with its `kind`."""
    return msgspec.json.encode(demand).decode()


def demand_from_json(text: str | bytes) -> Demand:
    """From JSON. Raises msgspec.ValidationError, msgspec.DecodeError."""
    demand: Demand = msgspec.json.decode(text, type=Demand)
    return demand
