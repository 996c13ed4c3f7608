"""The settings that a CSMS may ask for or change: one table for the keys of OCPP 1.6 and the variables of 2.0.1.

How a change is carried out is `standing`'s and `configuration`'s; where the values are kept is `settings`'.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, Flag, auto
from typing import Final

from chainpilot.station.agent.settings import forms
from chainpilot.station.agent.settings.forms import BOOLEAN, MAX_SECONDS, TEXT, WORDS, Form, whole
from chainpilot.station.agent.settings.values import MAX_HEARTBEAT
from chainpilot.wire.ocpp201 import Component, Variable

__all__ = ["BY_KEY", "COMPONENTS", "FIELDS", "TABLE", "Access", "Setting", "Source", "VariableName", "variable"]

_MAX_REPEATS: Final = 20
"""Doublings: the wait of five minutes has become ten years by then."""
_MAX_ATTEMPTS: Final = 1000
"""Tries of one network before the next."""


class Access(Flag):
    """What a CSMS may do with a setting."""

    READ = auto()
    WRITE = auto()
    READ_WRITE = READ | WRITE


class Source(Enum):
    """Where a setting's value is: the attribute of that name."""

    SETTINGS = "settings"
    """What can be set, and what follows from it."""
    NETWORK = "network"
    """The network of the connection that the CSMS accepted last."""
    STATION = "station"
    """What this station is and can do."""
    STORE = "store"
    """What the store holds now; the attribute is called."""


@dataclass(frozen=True, slots=True)
class VariableName:
    """A variable of OCPP 2.0.1, as its standard writes it."""

    component: str
    variable: str
    instance: str | None = None
    """Of the variable; asking without one means this one."""

    def __str__(self) -> str:
        """The two names with a dot, for people and for security events."""
        return f"{self.component}.{self.variable}"


@dataclass(frozen=True, slots=True)
class Setting:
    """One row."""

    name: str
    """Of the attribute that holds it."""
    form: Form
    access: Access
    key: str | None = None
    """Of OCPP 1.6; None: 1.6 has none."""
    variables: tuple[VariableName, ...] = ()
    """Of OCPP 2.0.1; none: 2.0.1 has none."""
    source: Source = Source.SETTINGS
    bears_on_security: bool = False
    """A change is told as ReconfigurationOfSecurityParameters (A01.11)."""


_R: Final = Access.READ
_W: Final = Access.WRITE
_RW: Final = Access.READ_WRITE


def _iso(name: str) -> VariableName:
    return VariableName("ISO15118Ctrlr", name)


def _security(name: str) -> VariableName:
    return VariableName("SecurityCtrlr", name)


def _comm(name: str, instance: str | None = None) -> VariableName:
    return VariableName("OCPPCommCtrlr", name, instance)


_COUNT: Final = whole(0, 2**31 - 1)
"""What we count ourselves."""

TABLE: Final[tuple[Setting, ...]] = (
    Setting("pnc_enabled", BOOLEAN, _RW, "ISO15118PnCEnabled", (_iso("PnCEnabled"),)),
    Setting(
        "contract_validation_offline",
        BOOLEAN,
        _RW,
        "ContractValidationOffline",
        (_iso("ContractValidationOffline"),),
    ),
    Setting(
        "central_contract_validation_allowed",
        BOOLEAN,
        _RW,
        "CentralContractValidationAllowed",
        (_iso("CentralContractValidationAllowed"),),
    ),
    Setting(
        "v2g_certificate_installation_enabled", BOOLEAN, _RW, variables=(_iso("V2GCertificateInstallationEnabled"),)
    ),
    Setting(
        "contract_certificate_installation_enabled",
        BOOLEAN,
        _RW,
        variables=(_iso("ContractCertificateInstallationEnabled"),),
    ),
    Setting("secc_id", forms.SECC_ID, _RW, variables=(_iso("SeccId"),)),
    Setting("country", forms.COUNTRY, _RW, variables=(_iso("CountryName"),)),
    Setting(
        "organisation",
        forms.ORGANISATION,
        _RW,
        "CpoName",
        (_security("OrganizationName"), _iso("OrganizationName")),
        bears_on_security=True,
    ),
    Setting(
        "cert_signing_wait_minimum",
        whole(0, MAX_SECONDS),
        _RW,
        "CertSigningWaitMinimum",
        (_security("CertSigningWaitMinimum"),),
    ),
    Setting(
        "cert_signing_repeat_times",
        whole(0, _MAX_REPEATS),
        _RW,
        "CertSigningRepeatTimes",
        (_security("CertSigningRepeatTimes"),),
    ),
    Setting(
        "additional_root_certificate_check",
        BOOLEAN,
        _R,
        "AdditionalRootCertificateCheck",
        (_security("AdditionalRootCertificateCheck"),),
    ),
    Setting(
        "certificate_signed_max_chain_size",
        _COUNT,
        _R,
        "CertificateSignedMaxChainSize",
        (_security("MaxCertificateChainSize"),),
    ),
    Setting("certificate_store_max_length", _COUNT, _R, "CertificateStoreMaxLength"),
    Setting("installed_certificates", _COUNT, _R, variables=(_security("CertificateEntries"),), source=Source.STORE),
    Setting("password", forms.HEX_PASSWORD, _W, "AuthorizationKey", bears_on_security=True),
    Setting(
        "password",
        forms.BASIC_AUTH_PASSWORD,
        _W,
        variables=(_security("BasicAuthPassword"),),
        bears_on_security=True,
    ),
    Setting("security_profile", whole(0, 3), _RW, "SecurityProfile", bears_on_security=True),
    # 2.0.1 changes it by a network profile of its own (use cases A05, B09)
    Setting("security_profile", whole(0, 3), _R, variables=(_security("SecurityProfile"),)),
    Setting("identity", TEXT, _R, variables=(_security("Identity"),), source=Source.STATION),
    Setting("priority", forms.SLOTS, _RW, variables=(_comm("NetworkConfigurationPriority"),), bears_on_security=True),
    Setting(
        "network_profile_connection_attempts",
        whole(1, _MAX_ATTEMPTS),
        _RW,
        variables=(_comm("NetworkProfileConnectionAttempts"),),
    ),
    Setting("active_network", _COUNT, _R, variables=(_comm("ActiveNetworkProfile"),)),
    Setting("message_timeout", _COUNT, _R, variables=(_comm("MessageTimeout", "Default"),), source=Source.NETWORK),
    Setting("file_transfer_protocols", WORDS, _R, variables=(_comm("FileTransferProtocols"),), source=Source.STATION),
    Setting("heartbeat_interval", whole(1, MAX_HEARTBEAT), _RW, "HeartbeatInterval", (_comm("HeartbeatInterval"),)),
    Setting(
        "web_socket_ping_interval",
        whole(0, MAX_SECONDS),
        _RW,
        "WebSocketPingInterval",
        (_comm("WebSocketPingInterval"),),
    ),
    Setting("feature_profiles", WORDS, _R, "SupportedFeatureProfiles", source=Source.STATION),
)

BY_KEY: Final[Mapping[str, Setting]] = {setting.key.lower(): setting for setting in TABLE if setting.key is not None}
"""By 1.6's key in small letters: keys are compared without regard to case."""
COMPONENTS: Final[frozenset[str]] = frozenset(name.component.lower() for setting in TABLE for name in setting.variables)
"""2.0.1's components in small letters."""
FIELDS: Final[Mapping[str, Form]] = {
    **{
        setting.name: setting.form
        for setting in TABLE
        if Access.WRITE in setting.access and setting.name not in {"security_profile", "priority"}
    },
    "password": forms.ANY_PASSWORD,
}
"""Values of Settings that a CSMS may change by themselves, and the form in which memory keeps them.

The two left out are changed with the networks, and kept with them.
"""
_BY_VARIABLE: Final[Mapping[tuple[str, str], tuple[VariableName, Setting]]] = {
    (name.component.lower(), name.variable.lower()): (name, setting) for setting in TABLE for name in setting.variables
}


def variable(component: Component, asked: Variable) -> tuple[VariableName, Setting] | None:
    """The variable's name in full and its row; None: there is none. It stands once, at the station itself."""
    found = _BY_VARIABLE.get((component.name.lower(), asked.name.lower()))
    if found is None or asked.instance is None:
        return found
    instance = found[0].instance
    return found if instance is not None and instance.lower() == asked.instance.lower() else None
