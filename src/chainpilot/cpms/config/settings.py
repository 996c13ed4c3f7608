"""The validated configuration: files read, names resolved, secrets out of every repr."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path

from chainpilot.cpms.enrolment import CsrProfile, Policy
from chainpilot.cpms.model import SecurityProfile
from chainpilot.cpms.ocsp import Targets
from chainpilot.cpms.trust import ListPolicy, TrustPolicy
from chainpilot.errors import OwnError
from chainpilot.pkcs11.reference import KeyReference
from chainpilot.pkcs11.settings import TokenSettings
from chainpilot.pki.trust import LeafUse, TrustAnchors, TrustDomain
from chainpilot.wire.est.oauth import ClientCredentials, TokenBody
from chainpilot.wire.est.paths import EstPaths

__all__ = [
    "ClientCertificate",
    "ConfigError",
    "CpmsConfig",
    "DatabaseConfig",
    "KeyOnToken",
    "ListenerConfig",
    "LocalCaConfig",
    "OAuthConfig",
    "OcspConfig",
    "PkiConfig",
    "RevocationConfig",
    "RootPoolConfig",
    "ServerCertificate",
    "ServerConfig",
    "WebhookConfig",
]


class ConfigError(OwnError):
    """The configuration can't be used. Fields: `key` dotted, empty for the whole; `why` a sentence."""

    def __init__(self, key: str, why: str) -> None:
        self.key = key
        self.why = why
        super().__init__(f"{key}: {why}" if key else why)


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """What holds for every connection."""

    heartbeat_interval: int = 300
    """Seconds, told to stations with BootNotification."""
    max_frame: int = 65536
    """Bytes; a longer message closes the connection with 1009. The largest message of issue here has about 12000."""
    ping_interval: float = 60.0
    """Seconds; pings are most of the steady load, so 60 to 120."""
    call_timeout: float = 30.0
    """Seconds a station has for an answer."""
    data_transfer: bool = True
    """Serve the two extensions that OCPP 1.6 carries in DataTransfer; False: their vendors are unknown here."""


@dataclass(frozen=True, slots=True)
class ServerCertificate:
    """Where a certificate of the back office's own is, and its key."""

    file: Path
    """PEM stack, leaf first."""
    key: Path


@dataclass(frozen=True, slots=True)
class ListenerConfig:
    """One address that stations connect to, with one security profile and, from profile 2 on, its own TLS context."""

    name: str
    profile: SecurityProfile
    host: str
    port: int
    """0: any free one."""
    certificates: tuple[ServerCertificate, ...] = ()
    """One or two, of different kinds of key; none without TLS."""
    static_rsa: bool = True
    """Whether the RSA suites without forward secrecy are offered, as OCPP demands."""
    client_anchors: TrustAnchors = field(default_factory=TrustAnchors)
    """What a station's client certificate must lead to; empty unless the profile is mutual TLS."""


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """Where the records are."""

    file: Path


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """Where the certificate is that we show a PKI, and its key."""

    file: Path
    """PEM stack, leaf first."""
    key: Path


@dataclass(frozen=True, slots=True)
class OAuthConfig:
    """Where the tokens for a PKI come from (OAuth2 client credentials)."""

    url: str
    credentials: ClientCredentials
    body: TokenBody = TokenBody.JSON
    tls_anchors: TrustAnchors | None = None
    """What the token service's TLS certificate must lead to; None: the system's."""


@dataclass(frozen=True, slots=True)
class PkiConfig:
    """One PKI reached over EST. Of the logins `username`, `token` and `oauth` one at most is set."""

    name: str
    url: str
    paths: EstPaths
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    """Sent as Bearer (RFC 6750)."""
    oauth: OAuthConfig | None = None
    client: ClientCertificate | None = None
    """Shown in the TLS handshake, beside whatever login."""
    tls_anchors: TrustAnchors | None = None
    """What the PKI's own TLS certificate must lead to; None: the system's."""
    repost_safe: bool = False
    timeout: float = 30.0
    """Seconds for one request, connecting included."""
    csr_profile: CsrProfile = CsrProfile.ANY
    """What the common name of a SECC's request must be."""


@dataclass(frozen=True, slots=True)
class RevocationConfig:
    """What revocation lists are to judgements, and where more of them are."""

    policy: ListPolicy = ListPolicy.CHECK
    urls: tuple[str, ...] = ()
    allow_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that lists may be fetched from although they are not public."""


@dataclass(frozen=True, slots=True)
class RootPoolConfig:
    """A pool of roots that is asked for proposals."""

    url: str
    token: str = field(repr=False)
    types: tuple[TrustDomain, ...]
    tls_anchors: TrustAnchors | None
    """What its TLS certificate must lead to; None: the system's."""
    hours: int = 24
    timeout: float = 30.0
    """Seconds for one request, connecting included."""


@dataclass(frozen=True, slots=True)
class WebhookConfig:
    """Where a root pool tells what changed."""

    host: str
    port: int
    """0: any free one."""
    path: str
    secret: str = field(repr=False)
    certificate: ServerCertificate | None = None
    """None: without TLS, on the loopback for a proxy of the operator's."""


@dataclass(frozen=True, slots=True)
class KeyOnToken:
    """A CA's key that lies on a PKCS#11 token."""

    settings: TokenSettings
    reference: KeyReference

    def __str__(self) -> str:
        """For sentences, in the place of a path."""
        return f"the token {self.settings.token}"


@dataclass(frozen=True, slots=True)
class LocalCaConfig:
    """A CA of the operator's own."""

    name: str
    certificate: Path
    """PEM stack: the issuing CA first, then the CAs above it."""
    key: Path | KeyOnToken
    days: int = 365
    crl_file: Path | None = None
    crl_days: int = 7
    crl_url: str = ""
    """Written into what it issues; empty: nothing is."""


@dataclass(frozen=True, slots=True)
class OcspConfig:
    """Which OCSP responders are asked for stations, and how long."""

    targets: Targets = field(default_factory=Targets)
    allow_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    """Networks that are no public ones, where a responder may stand all the same."""
    timeout: float = 5.0
    """Seconds for one request."""


@dataclass(frozen=True, slots=True)
class CpmsConfig:
    """Everything `Cpms` is built from."""

    listeners: tuple[ListenerConfig, ...]
    database: DatabaseConfig
    pkis: Mapping[str, PkiConfig] = field(default_factory=dict)
    cas: Mapping[str, LocalCaConfig] = field(default_factory=dict)
    issue: Mapping[LeafUse, str] = field(default_factory=dict)
    """Which PKI or CA of the operator's own signs which use."""
    anchors: Mapping[TrustDomain, TrustAnchors] = field(default_factory=dict)
    server: ServerConfig = field(default_factory=ServerConfig)
    policy: Policy = field(default_factory=Policy)
    ocsp: OcspConfig = field(default_factory=OcspConfig)
    allow_test_pki: bool = False
    """Roots of a test PKI may be put into stations; those among the anchors were admitted before."""
    trust: TrustPolicy = field(default_factory=TrustPolicy)
    revocation: RevocationConfig = field(default_factory=RevocationConfig)
    roots: RootPoolConfig | None = None
    webhook: WebhookConfig | None = None
