"""What an operator may write. An unknown key is refused with a sentence that names the nearest known one."""

from collections.abc import Mapping
from difflib import get_close_matches
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictBool, model_validator

from chainpilot.cpms.trust import MAX_URLS, ListPolicy

__all__ = [
    "CaInput",
    "Document",
    "IssueInput",
    "ListenerInput",
    "OAuthInput",
    "OcspInput",
    "PathsInput",
    "PkiInput",
    "PolicyInput",
    "RevocationInput",
    "RootsInput",
    "ServerInput",
    "TrustInput",
    "WebhookInput",
]

_HTTPS: Final = r"^https://[^\s/]+(/\S*)?$"
_PATH: Final = r"^/[^\s#]*$"


class _Section(BaseModel):
    """A table of the document."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    never_inline: ClassVar[Mapping[str, str]] = {}
    """Keys that people try, and what to write instead."""

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown(cls, data: object) -> object:
        if not isinstance(data, Mapping):
            return data
        known = {field.alias or name for name, field in cls.model_fields.items()}
        for key in data:
            if key in cls.never_inline:
                raise ValueError(cls.never_inline[key])
            if key not in known:
                near = get_close_matches(str(key), known, n=1, cutoff=0.5)
                hint = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(known)) or 'none'}"
                raise ValueError(f"the key {key} is not known; {hint}")
        return data


class ServerInput(_Section):
    """[server]: what holds for every connection."""

    heartbeat_interval: int = Field(default=300, ge=1, le=86400)
    max_frame: int = Field(default=65536, ge=16384, le=1 << 20)
    ping_interval: float = Field(default=60.0, ge=1, le=3600)
    data_transfer: bool = True
    call_timeout: float = Field(default=30.0, gt=0, le=300)


def _as_list(given: object) -> object:
    return [given] if isinstance(given, str | Path) else given


OneOrTwo = Annotated[list[Path], Field(max_length=2), BeforeValidator(_as_list)]
"""One path, or a list of one or two."""


class ListenerInput(_Section):
    """[[listener]]: one address with one security profile."""

    name: str = Field(min_length=1, max_length=64)
    profile: Literal[0, 1, 2, 3]
    allow_insecure: StrictBool = False
    host: str = "0.0.0.0"  # noqa: S104 - stations come from outside; one without TLS needs allow_insecure
    port: int = Field(default=8443, ge=0, le=65535)
    certificate: OneOrTwo = []
    key: OneOrTwo = []
    static_rsa: bool = True
    client_ca: Path | None = None


class DatabaseInput(_Section):
    """[database]: where the records are."""

    file: Path


class PathsInput(_Section):
    """[pki.NAME.paths]: the operations' paths, where no preset has them."""

    cacerts: str = Field(pattern=_PATH)
    simpleenroll: str = Field(pattern=_PATH)
    simplereenroll: str | None = Field(default=None, pattern=_PATH)
    csrattrs: str | None = Field(default=None, pattern=_PATH)


class OAuthInput(_Section):
    """[pki.NAME.oauth]: where the PKI's tokens come from."""

    never_inline: ClassVar[Mapping[str, str]] = {
        "client_secret": "a secret is never written here: name its file in client_secret_file, "
        "or set the environment variable CHAINPILOT_PKI_<NAME>_CLIENT_SECRET",
    }

    url: str = Field(pattern=_HTTPS)
    client_id: str = Field(min_length=1)
    client_secret_file: Path | None = None
    audience: str = ""
    scope: str = ""
    body: Literal["json", "form"] = "json"
    tls_ca: Path | None = None


class PkiInput(_Section):
    """[pki.NAME]: one PKI reached over EST."""

    never_inline: ClassVar[Mapping[str, str]] = {
        "password": "a password is never written here: name its file in password_file, "
        "or set the environment variable CHAINPILOT_PKI_<NAME>_PASSWORD",
        "token": "a token is never written here: name its file in token_file, "
        "or set the environment variable CHAINPILOT_PKI_<NAME>_TOKEN",
        "client_secret": "it belongs into [pki.NAME.oauth], as the file client_secret_file",
        "caDomain": "it is called ca here; the preset opnc sends it as caDomain",
        "iso15118Version": "it is called iso here; the preset opnc sends it as iso15118Version",
    }

    url: str = Field(pattern=_HTTPS)
    preset: Literal["rfc7030", "opcp", "opcp-short", "opnc"] | None = None
    paths: PathsInput | None = None
    label: str | None = None
    ca: str | None = Field(default=None, pattern=r"^([A-Za-z0-9_]+-)?(mo|cpo|oem|cps|veh)$")
    iso: Literal["ISO15118-2", "ISO15118-20"] | None = None
    algorithm: Literal["secp256r1", "secp521r1", "ed448"] | None = None
    username: str = ""
    password_file: Path | None = None
    token_file: Path | None = None
    oauth: OAuthInput | None = None
    client_certificate: Path | None = None
    client_key: Path | None = None
    tls_ca: Path | None = None
    repost_safe: bool = False
    timeout: float = Field(default=30.0, gt=0, le=300)
    csr_profile: Literal["evseid", "seccid", "any"] = "any"


class IssueInput(_Section):
    """[issue]: which PKI signs which use."""

    v2g: str | None = None
    csms: str | None = None


class TrustInput(_Section):
    """[trust]: files of anchors per domain, and what approves others."""

    v2g: list[Path] = []
    mo: list[Path] = []
    csms: list[Path] = []
    mf: list[Path] = []
    allow_test_pki: StrictBool = False
    approve_cross_signed: StrictBool = False
    withdraw_reported: StrictBool = False


class RevocationInput(_Section):
    """[revocation]: what revocation lists are to judgements."""

    policy: ListPolicy = ListPolicy.CHECK
    urls: list[str] = Field(default=[], max_length=MAX_URLS)
    allow_networks: list[IPv4Network | IPv6Network] = []


class RootsInput(_Section):
    """[roots]: a pool of roots that is asked for proposals (OPCP)."""

    never_inline: ClassVar[Mapping[str, str]] = {
        "token": "a token is never written here: name its file in token_file, "
        "or set the environment variable CHAINPILOT_ROOTS_TOKEN",
    }

    url: str = Field(pattern=_HTTPS)
    types: list[Literal["V2G", "MO"]] = Field(default=["V2G", "MO"], min_length=1)
    token_file: Path | None = None
    tls_ca: Path | None = None
    hours: int = Field(default=24, ge=1, le=24 * 30)
    timeout: float = Field(default=30.0, gt=0, le=300)


class WebhookInput(_Section):
    """[webhook]: where a root pool tells what changed."""

    never_inline: ClassVar[Mapping[str, str]] = {
        "secret": "a secret is never written here: name its file in secret_file, "
        "or set the environment variable CHAINPILOT_WEBHOOK_SECRET",
    }

    host: str = "127.0.0.1"
    port: int = Field(default=8090, ge=0, le=65535)
    path: str = Field(default="/events", pattern=r"^/[A-Za-z0-9/_.~-]*$", max_length=200)
    secret_file: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class CaInput(_Section):
    """[ca.NAME]: a CA of the operator's own, for stations' client certificates."""

    never_inline: ClassVar[Mapping[str, str]] = {
        "pin": "a PIN is never written here: name its file in pin_file",
    }

    certificate: Path
    key: str = Field(min_length=1)
    pkcs11_module: Path | None = None
    pin_file: Path | None = None
    days: int = Field(default=365, ge=1, le=3650)
    crl_file: Path | None = None
    crl_days: int = Field(default=7, ge=1, le=90)
    crl_url: str = Field(default="", max_length=2000)


class PolicyInput(_Section):
    """[policy]: the operator's rules."""

    requests_per_hour: int = Field(default=20, ge=1, le=1000)
    csr_per_station_per_day: int = Field(default=50, ge=1, le=10_000)
    csr_fleet_per_hour: int = Field(default=1000, ge=1, le=1_000_000)
    allow_insecure_csr: StrictBool = False
    issue_attempts: int = Field(default=60, ge=1, le=1000)
    deliver_attempts: int = Field(default=8, ge=1, le=100)
    read_back_attempts: int = Field(default=3, ge=1, le=100)
    calls_per_station: int = Field(default=100, ge=1, le=10_000)
    call_attempts: int = Field(default=5, ge=1, le=100)
    call_days: int = Field(default=7, ge=1, le=365)
    raise_profile: bool = True


class OcspInput(_Section):
    """[ocsp]: which responders are asked for stations."""

    allow_hosts: list[str] = []
    allow_networks: list[str] = []
    responders: dict[str, str] = {}
    timeout: float = Field(default=5.0, gt=0, le=20)


class TokensInput(_Section):
    """[tokens]: nothing to say yet; keys come with contract authorization, and are refused until then."""


class Document(_Section):
    """The whole file."""

    server: ServerInput = ServerInput()
    listener: list[ListenerInput] = Field(min_length=1)
    database: DatabaseInput
    pki: dict[str, PkiInput] = {}
    issue: IssueInput = IssueInput()
    ca: dict[str, CaInput] = {}
    trust: TrustInput = TrustInput()
    revocation: RevocationInput = RevocationInput()
    roots: RootsInput | None = None
    webhook: WebhookInput | None = None
    policy: PolicyInput = PolicyInput()
    ocsp: OcspInput = OcspInput()
    tokens: TokensInput = TokensInput()
