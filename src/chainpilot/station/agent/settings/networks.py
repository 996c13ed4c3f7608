"""What a network profile must be before it is kept, and what must be there before it is tried.

Use cases A05 and B09. Which networks there are, and in which order they are tried, is `standing`'s; connecting is the
adapters'.
"""

import re
from typing import Final, Protocol
from urllib.parse import SplitResult, urlsplit

from chainpilot.station.agent.settings.refusals import ReasonCode, SettingRefused
from chainpilot.station.agent.settings.values import MAX_NETWORKS, Network
from chainpilot.wire.ocpp201 import ConnectionData, ProfileVersion, Transport
from chainpilot.wire.version import OcppVersion

__all__ = [
    "LAST_SLOT",
    "MAX_MESSAGE_TIMEOUT",
    "MAX_URL",
    "Facts",
    "check_url",
    "demand_prerequisites",
    "read_network",
    "scheme_of",
    "with_scheme",
]

LAST_SLOT: Final = MAX_NETWORKS
"""Slots count from 0, as operators do, or from 1, as most CSMSs do; no more than MAX_NETWORKS are kept either way."""
MAX_URL: Final = 512
"""Characters of ocppCsmsUrl (OCPP 2.0.1 part 2, NetworkConnectionProfileType)."""
MAX_MESSAGE_TIMEOUT: Final = 600
"""Seconds: an answer that takes longer than ten minutes won't come."""
_URI: Final = re.compile(r"[A-Za-z0-9\-._~:/?#\[\]@!$&'()*+,;=%]+")
"""The characters of a URI (RFC 3986 section 2); any other would have to be escaped."""
_VERSIONS: Final = {ProfileVersion.OCPP16: OcppVersion.V16, ProfileVersion.OCPP20: OcppVersion.V201}


class Facts(Protocol):
    """What only the store knows. Synchronous: the agent calls it by `to_thread`.

    All raise an OwnError or UndecidedError where they can't tell now, and then what depends on it is refused.
    """

    def has_csms_root(self) -> bool:
        """Whether a root is installed by which a CSMS can be trusted now."""
        ...

    def has_client_certificate(self) -> bool:
        """Whether a client certificate with its key is valid now."""
        ...

    def installed_certificates(self) -> int:
        """How many certificates the store holds."""
        ...


def scheme_of(profile: int) -> str:
    """The scheme of URLs of that security profile: 0 and 1 have no TLS."""
    return "wss" if profile >= 2 else "ws"


def with_scheme(url: str, profile: int) -> str:
    """The same URL for that security profile."""
    return f"{scheme_of(profile)}://{url.partition('://')[2]}"


def check_url(url: str, profile: int) -> None:
    """Raise SettingRefused unless the URL can be dialled with that security profile."""
    if len(url) > MAX_URL:
        raise _bad_url(f"it is longer than {MAX_URL} characters")
    parts, port = _parts_of(url)
    if parts.scheme != scheme_of(profile):
        raise _bad_url(f"security profile {profile} goes with {scheme_of(profile)}:// alone")
    if not parts.hostname or port == 0:
        raise _bad_url("it names no host and port")
    if "@" in parts.netloc:
        raise _bad_url("it holds a login; the password is a setting of its own")
    if "?" in url or "#" in url:
        raise _bad_url("the station's id stands at its end, so it has neither a query nor a fragment")


def _parts_of(url: str) -> tuple[SplitResult, int | None]:
    if not _URI.fullmatch(url):
        raise _bad_url("it is empty, or has characters that no URL has")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad_url("its host or its port can't be read") from error
    return parts, port


def _bad_url(why: str) -> SettingRefused:
    return SettingRefused(ReasonCode.INVALID_URL, f"the CSMS's URL: {why}")


def read_network(data: ConnectionData) -> Network:
    """The network that SetNetworkProfile describes.

    The interface is the operating system's to choose, so any may be named.

    Raises:
        SettingRefused: it is none that this agent can use (B09.FR.02).
    """
    version = _VERSIONS.get(data.ocpp_version)
    if version is None:
        raise _unusable("this station speaks OCPP 1.6 and 2.0.1 alone")
    if data.ocpp_transport is not Transport.JSON:
        raise _unusable("this station speaks OCPP over JSON alone")
    if data.vpn is not None or data.apn is not None:
        what = "VPN" if data.vpn is not None else "APN"
        raise _unusable(f"this station's operating system sets up tunnels and modems; {what} data can't be used")
    if not 0 <= data.security_profile <= 3:
        raise _unusable("a security profile is 0, 1, 2 or 3")
    if not 1 <= data.message_timeout <= MAX_MESSAGE_TIMEOUT:
        raise _unusable(f"a message's timeout is 1 to {MAX_MESSAGE_TIMEOUT} seconds")
    check_url(data.ocpp_csms_url, data.security_profile)
    return Network(
        url=data.ocpp_csms_url,
        security_profile=data.security_profile,
        version=version,
        message_timeout=data.message_timeout,
    )


def _unusable(why: str) -> SettingRefused:
    return SettingRefused(ReasonCode.INVALID_NETWORK_CONF, why)


def demand_prerequisites(profile: int, facts: Facts, *, has_password: bool) -> None:
    """Raise SettingRefused unless everything is there that a connection of that profile needs (A05.02 to A05.04)."""
    if profile in {1, 2} and not has_password:
        raise _missing(profile, "a password, and none is set")
    if profile >= 2 and not facts.has_csms_root():
        raise _missing(profile, "a CSMS root certificate, and none is installed")
    if profile == 3 and not facts.has_client_certificate():
        raise _missing(profile, "a client certificate, and there is none that can be used")


def _missing(profile: int, what: str) -> SettingRefused:
    return SettingRefused(ReasonCode.MISSING_PARAM, f"security profile {profile} needs {what}")
