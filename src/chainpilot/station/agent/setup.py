"""What an operator or firmware sets for a station's agent, and the checks that need nothing but the values.

Reading them from a file is `station.config_file`'s and the command line's; what the CSMS may change of them later is
`configuration`'s.
"""

import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from chainpilot.errors import OwnError
from chainpilot.pki.identity import IdentityError, parse_station_id
from chainpilot.pki.trust import LeafUse
from chainpilot.station.agent.settings.values import Network, Settings
from chainpilot.station.layout import StoreConfig
from chainpilot.station.model import Secret
from chainpilot.wire.version import OcppVersion

__all__ = ["FIRST_SLOT", "VERSIONS", "StationConfig", "StationConfigError", "address", "initial_settings"]

VERSIONS: Final = (OcppVersion.V201, OcppVersion.V16)
"""That the agent speaks, the best liked first."""
FIRST_SLOT: Final = 1
"""Of the network that the operator set (OCPP B09 numbers slots from 1 or 0, as it likes)."""
_SECURE_PROFILES: Final = (2, 3)


class StationConfigError(OwnError):
    """A station can't be run like this; `key` is the setting, `why` the objection."""

    def __init__(self, key: str, why: str) -> None:
        super().__init__(f"{key}: {why}")
        self.key = key
        self.why = why


@dataclass(frozen=True, slots=True, kw_only=True)
class StationConfig:
    """What is set for one station."""

    station_id: str
    csms_url: str
    """`wss://host:port/ocpp`; the station's id is appended where it isn't the last part already."""
    password: Secret
    """Basic authentication of security profiles 1 and 2."""
    store: StoreConfig
    organisation: str
    """O in every signing request."""
    country: str
    """C in every signing request, two capital letters."""
    secc_name: str
    """CN of the SECC certificate: an EVSEID or SECCID."""
    enrols: tuple[LeafUse, ...] = ()
    """What the station asks for by itself where it has no leaf; else it waits until the CSMS triggers it."""
    security_profile: int = 2
    allow_insecure: bool = False
    """Whether profiles 0 and 1 are taken, which prove nobody's name; for a closed network or a rehearsal."""
    profile3_url: str | None = None
    """Where security profile 3 is served; None: at `csms_url`."""
    profile_urls: Mapping[int, str] = field(default_factory=lambda: MappingProxyType({}))
    """Where other profiles are served, by profile."""
    versions: tuple[OcppVersion, ...] = VERSIONS
    """Of OCPP that are offered, the best liked first."""
    state_dir: Path | None = None
    """Where the agent keeps what it must not forget, readable by its user alone; None: in memory, for rehearsals."""
    assume_time_ok: bool = False
    """For a clock known to be right: what was noted of it makes it untrusted no more (docs/reference/clock.md)."""
    use_ssl_default_verify_paths: bool = False
    """Whether the system's anchors count for the CSMS beside the store's (seed 002)."""
    vendor: str = "chainpilot"
    model: str = "station"
    serial_number: str | None = None
    firmware_version: str | None = None
    settings: Settings = field(default_factory=Settings)
    """What the CSMS may change later; where it has, its value holds. Names and networks above win over these."""

    def __post_init__(self) -> None:
        """Refuse what makes no station.

        Raises:
            StationConfigError: a name, a profile or a URL makes no sense.
        """
        try:
            parse_station_id(self.station_id)
        except IdentityError as error:
            raise StationConfigError("station_id", error.why) from error
        if self.security_profile not in range(4):
            raise StationConfigError("security_profile", f"{self.security_profile} is not 0, 1, 2 or 3")
        if self.security_profile not in _SECURE_PROFILES and not self.allow_insecure:
            why = f"{self.security_profile} proves nobody's name; allow_insecure = true takes it all the same"
            raise StationConfigError("security_profile", why)
        if not self.versions:
            raise StationConfigError("versions", "at least one version of OCPP is needed")
        _check_url("csms_url", self.csms_url)
        if self.profile3_url is not None:
            _check_url("profile3_url", self.profile3_url)
        for profile, url in self.profile_urls.items():
            _check_url(f"profile_urls.{profile}", url)
        if self.state_dir is not None:
            _check_apart(self.state_dir, self.store.certs_dir)

    @property
    def urls(self) -> Mapping[int, str]:
        """Where each profile is served, as far as it was said."""
        third = {3: self.profile3_url} if self.profile3_url else {}
        return {self.security_profile: self.csms_url, **third, **self.profile_urls}


def address(url: str, station_id: str) -> str:
    """The URL to dial (OCPP-J 1.6 section 3.1.1): the station's id is its last part."""
    parts = urllib.parse.urlsplit(url)
    quoted = urllib.parse.quote(station_id, safe="")
    path = parts.path.rstrip("/")
    if path.rpartition("/")[2] not in (quoted, station_id):
        path = f"{path}/{quoted}"
    return urllib.parse.urlunsplit(parts._replace(path=path))


def initial_settings(config: StationConfig) -> Settings:
    """The settings that hold until the CSMS changes one."""
    network = Network(config.urls[config.security_profile], config.security_profile)
    return replace(
        config.settings,
        organisation=config.organisation,
        country=config.country,
        secc_id=config.secc_name,
        password=config.password,
        networks=MappingProxyType({FIRST_SLOT: network}),
        priority=(FIRST_SLOT,),
        additional_root_certificate_check=config.store.additional_root_certificate_check,
        certificate_store_max_length=config.store.max_certificates,
    )


def _check_apart(state: Path, certs: Path) -> None:
    """What is the agent's alone can't lie among what others read."""
    one, other = state.absolute(), certs.absolute()
    if one == other or other in one.parents or one in other.parents:
        raise StationConfigError("state_dir", f"{state} and the certificates directory {certs} must lie apart")


def _check_url(key: str, text: str) -> None:
    try:
        url = urllib.parse.urlsplit(text)
        is_url = url.scheme in {"ws", "wss"} and bool(url.hostname) and url.username is None
    except ValueError:
        is_url = False
    if not is_url:
        raise StationConfigError(
            key, "not a ws:// or wss:// URL with a host and without a login, such as wss://csms.example/ocpp"
        )
