"""How a station of OCPP 2.0.1 is told where its CSMS is: SetNetworkProfile.

The fields and limits are those of the JSON schemas of part 3. The password of Basic authentication is not among them in
2.0.1: it is set as the variable BasicAuthPassword.
"""

from enum import Enum
from typing import Annotated, ClassVar

from msgspec import Meta

from chainpilot.wire.ocpp201.devices import StatusInfo
from chainpilot.wire.schema import Message, String20, String255, String512

__all__ = [
    "Apn",
    "ApnAuthentication",
    "ConnectionData",
    "NetworkInterface",
    "ProfileVersion",
    "SetNetworkProfile",
    "SetNetworkProfileResponse",
    "SetNetworkProfileStatus",
    "Transport",
    "Vpn",
    "VpnType",
]


class ApnAuthentication(Enum):
    """How a station logs in to a mobile network."""

    CHAP = "CHAP"
    NONE = "NONE"
    PAP = "PAP"
    AUTO = "AUTO"


class Apn(Message, frozen=True):
    """A way into a mobile network."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"apn_password", "sim_pin"})

    apn: String512
    apn_authentication: ApnAuthentication
    apn_user_name: String20 | None = None
    apn_password: String20 | None = None
    sim_pin: int | None = None
    preferred_network: Annotated[str, Meta(max_length=6)] | None = None
    """Country and network, MCC and MNC."""
    use_only_preferred_network: bool | None = None
    """Left out: false."""


class VpnType(Enum):
    """What kind of tunnel."""

    IKEV2 = "IKEv2"
    IPSEC = "IPSec"
    L2TP = "L2TP"
    PPTP = "PPTP"


class Vpn(Message, frozen=True):
    """A tunnel to the CSMS."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"password", "key"})

    server: String512
    user: String20
    password: String20
    key: String255
    type: VpnType
    group: String20 | None = None


class ProfileVersion(Enum):
    """Which OCPP is spoken; OCPP20 stands for 2.0.1 too."""

    OCPP12 = "OCPP12"
    OCPP15 = "OCPP15"
    OCPP16 = "OCPP16"
    OCPP20 = "OCPP20"


class Transport(Enum):
    """What OCPP is carried by."""

    JSON = "JSON"
    SOAP = "SOAP"


class NetworkInterface(Enum):
    """Which way out of the station."""

    WIRED0 = "Wired0"
    WIRED1 = "Wired1"
    WIRED2 = "Wired2"
    WIRED3 = "Wired3"
    WIRELESS0 = "Wireless0"
    WIRELESS1 = "Wireless1"
    WIRELESS2 = "Wireless2"
    WIRELESS3 = "Wireless3"


class ConnectionData(Message, frozen=True):
    """Where a CSMS is and how it is reached."""

    HIDDEN: ClassVar[frozenset[str]] = frozenset({"ocpp_csms_url"})

    ocpp_version: ProfileVersion
    ocpp_transport: Transport
    ocpp_csms_url: String512
    """A URL, which may hold a user's name and password."""
    message_timeout: int
    """Seconds."""
    security_profile: int
    ocpp_interface: NetworkInterface
    apn: Apn | None = None
    vpn: Vpn | None = None


class SetNetworkProfile(Message, frozen=True):
    """Keep this in a slot (use case B09)."""

    configuration_slot: int
    connection_data: ConnectionData


class SetNetworkProfileStatus(Enum):
    """Whether a profile was kept."""

    ACCEPTED = "Accepted"
    REJECTED = "Rejected"
    FAILED = "Failed"


class SetNetworkProfileResponse(Message, frozen=True):
    """Whether it was."""

    status: SetNetworkProfileStatus
    status_info: StatusInfo | None = None
