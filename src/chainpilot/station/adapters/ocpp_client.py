"""The WebSocket to a CSMS: dialled with the store's anchors and client certificate, refused in plain words.

Security profiles 0 to 3 of the OCPP 1.6 security whitepaper. What is said over the socket is the agent's; when to dial
again, and with which of several passwords, roots and certificates, is the app's.
"""

import asyncio
import base64
import logging
import ssl
import urllib.parse
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from chainpilot.errors import OwnError, PeerError, UndecidedError
from chainpilot.link.websocket import WebSocket
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate
from chainpilot.station.adapters.keepalive import keep_alive
from chainpilot.station.agent.events.types import SecurityEventType
from chainpilot.station.agent.itinerary import Mean
from chainpilot.station.model import CaCertificateType, CertificateInfo, LeafCertificateType, Secret
from chainpilot.station.service import EvseSecurity
from chainpilot.station.vault import VaultBusy, VaultError
from chainpilot.wire.ocppj.frames import MAX_FRAME
from chainpilot.wire.version import OcppVersion

__all__ = [
    "CsmsSocket",
    "DialRefused",
    "DialUndecided",
    "ProfileNotReady",
    "Target",
    "anchor_of",
    "dial",
    "in_words",
    "tls_context",
]

OPEN_SECONDS: Final = 30.0
"""For TCP, TLS and the HTTP upgrade together: a station on a poor modem needs a dozen round trips."""
PING_SECONDS: Final = 90.0
"""Pings are most of a CSMS's steady load (stack.md)."""
_HOSTNAME_MISMATCH: Final = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_SCHEMES: Final = {0: "ws", 1: "ws", 2: "wss", 3: "wss"}
"""By security profile."""
_VERSION_FAULTS: Final = frozenset(
    {"UNSUPPORTED_PROTOCOL", "TLSV1_ALERT_PROTOCOL_VERSION", "WRONG_SSL_VERSION", "NO_PROTOCOLS_AVAILABLE"}
)
"""OpenSSL's reasons for a server that speaks no TLS of ours."""
_CIPHER_FAULTS: Final = frozenset(
    {
        "NO_SHARED_CIPHER",
        "NO_CIPHERS_AVAILABLE",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "TLSV1_ALERT_INSUFFICIENT_SECURITY",
        "UNKNOWN_CIPHER_RETURNED",
        "WRONG_CIPHER_RETURNED",
    }
)
"""OpenSSL's reasons for a server with which no cipher suite was found."""
_CLIENT_FAULTS: Final = frozenset(
    {
        "SSLV3_ALERT_BAD_CERTIFICATE",
        "SSLV3_ALERT_CERTIFICATE_EXPIRED",
        "SSLV3_ALERT_CERTIFICATE_REVOKED",
        "SSLV3_ALERT_CERTIFICATE_UNKNOWN",
        "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE",
        "TLSV13_ALERT_CERTIFICATE_REQUIRED",
        "TLSV1_ALERT_ACCESS_DENIED",
        "TLSV1_ALERT_DECRYPT_ERROR",
        "TLSV1_ALERT_UNKNOWN_CA",
    }
)
"""OpenSSL's reasons for a server that doesn't take our client certificate."""
_EVENTS: Final = SecurityEventType


class DialRefused(PeerError):
    """The CSMS is not who it should be, or doesn't let us in; `why` says it in plain words.

    `blame` is what another of its kind may help with, `event` the security event that it is.
    """

    def __init__(self, why: str, *, blame: Mean | None = None, event: SecurityEventType | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.blame = blame
        self.event = event


class DialUndecided(UndecidedError):
    """The CSMS can't be reached now; `why`, `blame` and `event` as DialRefused's."""

    def __init__(self, why: str, *, blame: Mean | None = None, event: SecurityEventType | None = None) -> None:
        super().__init__(why)
        self.why = why
        self.blame = blame
        self.event = event


class ProfileNotReady(OwnError):
    """The store or the configuration lacks what the security profile needs; `why` says what."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why
        self.blame: Mean | None = None
        self.event: SecurityEventType | None = None


@dataclass(frozen=True, slots=True)
class Target:
    """Where to dial, and how to prove who we are."""

    url: str
    profile: int
    """Security profile 0 to 3."""
    station_id: str
    password: Secret
    versions: tuple[OcppVersion, ...] = (OcppVersion.V16,)
    """Offered, the best liked first."""
    anchors: tuple[Certificate, ...] | None = None
    """CSMS roots that count; None: all of the store's."""
    client: CertificateInfo | None = None
    """The client certificate to show in profile 3; None: the one in use."""
    use_ssl_default_verify_paths: bool = False
    """Whether the system's anchors count beside the store's (seed 002)."""
    ping_seconds: float = PING_SECONDS
    """Between two WebSocket pings; 0: none."""

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return urllib.parse.urlsplit(self.url).netloc

    @property
    def address(self) -> str:
        """The URL without what may be a secret in it, for people."""
        return urllib.parse.urlsplit(self.url)._replace(query="", fragment="").geturl()

    @property
    def login(self) -> str:
        """The Authorization header of profiles 1 and 2."""
        # an AuthorizationKey may spell bytes that are no UTF-8 (OCPP-J 1.6 section 6.2): see `standing.passwords`
        pair = f"{self.station_id}:{self.password.value}".encode("utf-8", "surrogateescape")
        return f"Basic {base64.b64encode(pair).decode('ascii')}"

    @property
    def identity(self) -> str:
        """Who we say we are, and by what we prove it, for people. Of a file only its name: the CSMS is told too."""
        match self.profile:
            case 0:
                return self.station_id
            case 3:
                file = self.client and Path(self.client.certificate_single or self.client.certificate or "").name
                return f"{self.station_id} or its client certificate{f' {file}' if file else ''}"
            case _:
                return f"{self.station_id} or its password"


class CsmsSocket(WebSocket):
    """An open WebSocket, and what was found out while it was opened."""

    def __init__(self, connection: ClientConnection, version: OcppVersion) -> None:
        super().__init__(connection)
        self.version = version
        tls = connection.transport.get_extra_info("ssl_object")
        self.is_verified = tls is not None
        """Whether TLS proved who the CSMS is."""
        self.anchor = anchor_of(tls) if tls is not None else None
        """What its chain ends at; None where that can't be told."""


class _Connection(ClientConnection):
    """Tells why TLS ended: where a client certificate is refused, TLS 1.3 says so only after its handshake."""

    _lost: Exception | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        """Keep what asyncio says of the end."""
        self._lost = exc
        super().connection_lost(exc)

    async def handshake(self, *args: Any, **options: Any) -> None:
        """Raise that instead of the library's guess."""
        try:
            await super().handshake(*args, **options)
        except InvalidHandshake as error:
            if isinstance(self._lost, ssl.SSLError):
                raise self._lost from error
            raise


class _Dialler(connect):
    """Follows no redirect: the CSMS's address is configuration, and a password must not travel elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """No redirect is one we follow."""
        return exc


async def dial(target: Target, security: EvseSecurity) -> CsmsSocket:
    """Open the WebSocket as the target's security profile asks.

    Raises:
        ProfileNotReady: the store lacks an anchor or a client certificate, or the URL doesn't fit the profile.
        DialRefused: another name, an untrusted certificate, 401, no version of OCPP that we speak.
        DialUndecided: unreachable, too slow, or broken off under the handshake.
    """
    context = await asyncio.to_thread(tls_context, security, target)
    headers = {"Authorization": target.login} if target.profile in (1, 2) else {}
    quiet = logging.getLogger("chainpilot.station.websocket")
    quiet.setLevel(logging.WARNING)  # the library's debug lines show every header, the password's too
    try:
        connection = await _Dialler(
            target.url,
            subprotocols=[Subprotocol(one.value) for one in target.versions],
            additional_headers=headers,
            user_agent_header=None,
            compression=None,
            proxy=None,
            open_timeout=OPEN_SECONDS,
            ping_interval=target.ping_seconds or None,
            max_size=MAX_FRAME,
            create_connection=_Connection,
            logger=quiet,
            ssl=context,
        )
    except Exception as error:  # the border of house style rule 4: one family leaves, whatever the library raises
        raise in_words(error, target) from error
    keep_alive(connection)
    agreed = next((one for one in target.versions if one.value == connection.subprotocol), None)
    if agreed is None:
        await connection.close(1002, "no version of OCPP was agreed on")
        offered = ", ".join(one.value for one in target.versions)
        raise DialRefused(f"the CSMS at {target.place} doesn't speak {offered}")
    return CsmsSocket(connection, agreed)


def tls_context(security: EvseSecurity, target: Target) -> ssl.SSLContext | None:
    """A fresh context for one connection: the store's anchors now, its client leaf now; None without TLS.

    The CSMS's name is checked against its alternative names, else its common name; TLS is 1.2 or newer. Touches files,
    so an event loop calls it by `to_thread`.

    Raises:
        ProfileNotReady: no anchor, no usable client certificate, or a URL of another profile.
    """
    scheme = urllib.parse.urlsplit(target.url).scheme
    if scheme != _SCHEMES.get(target.profile):
        raise ProfileNotReady(f"security profile {target.profile} doesn't go with a URL that begins {scheme}://")
    if scheme == "ws":
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = True
    _trust(context, security, target)
    if target.profile == 3:
        _present_client_certificate(context, security, target)
    return context


def _trust(context: ssl.SSLContext, security: EvseSecurity, target: Target) -> None:
    if target.use_ssl_default_verify_paths:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    anchors = target.anchors
    if anchors is None:
        anchors = _anchors(security, is_needed=not target.use_ssl_default_verify_paths)
    if anchors:
        context.load_verify_locations(cadata="".join(anchor.to_pem() for anchor in anchors))
    if any(not anchor.is_self_signed for anchor in anchors):  # a root that its predecessor signed (OCPP M05.FR.11)
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN


def _anchors(security: EvseSecurity, *, is_needed: bool) -> tuple[Certificate, ...]:
    try:
        anchors = security.trust_anchors(CaCertificateType.CSMS)
    except (VaultError, VaultBusy) as error:
        raise ProfileNotReady(f"the CSMS roots can't be read: {error}") from error
    if len(anchors) or not is_needed:
        return tuple(anchors)
    refused = "".join(f"; {certificate.subject} doesn't count: {why}" for certificate, why in anchors.refused)
    raise ProfileNotReady(f"no CSMS root is installed, so no CSMS can be trusted{refused}")


def _present_client_certificate(context: ssl.SSLContext, security: EvseSecurity, target: Target) -> None:
    info = target.client
    if info is None:
        result = security.get_leaf_certificate_info(LeafCertificateType.CSMS)
        info = result.info
        if info is None:
            raise ProfileNotReady(f"security profile 3 needs a client certificate: {result.reason}")
    password = info.password or ""
    try:
        # a password is always at hand: without one OpenSSL would ask on the terminal
        context.load_cert_chain(info.certificate or info.certificate_single or "", info.key, lambda: password)
    except (OSError, ssl.SSLError) as error:
        unusable = ProfileNotReady(f"the client certificate can't be used: {error}")
        unusable.blame = Mean.CLIENT  # the one before it may be
        raise unusable from error


def anchor_of(tls: Any) -> Certificate | None:
    """The end of the chain that OpenSSL verified over that `SSLObject`; None where that can't be told.

    Python 3.13 has a method for it; before, only the object inside has.
    """
    public = getattr(tls, "get_verified_chain", None)
    inner = getattr(getattr(tls, "_sslobj", None), "get_verified_chain", None)
    try:
        found: Iterable[Any] = (public or inner or tuple)() or ()
        last = list(found)[-1:]
        der = [one if isinstance(one, bytes) else ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in last]
        return load_certificate(der[0]) if der else None
    except (ValueError, AttributeError, TypeError, CertificateError):
        return None


def in_words(error: Exception, target: Target) -> DialRefused | DialUndecided:
    """Why a WebSocket to the target wasn't opened, from what `websockets` raised: for whoever dials by himself too."""
    where = f"the CSMS at {target.place}"
    tls = _tls_fault(error)
    match tls or error:
        case ssl.SSLCertVerificationError() as fault:
            return _distrust_in_words(fault, where)
        case ssl.SSLError() as fault:
            return _tls_in_words(fault, where)
        case InvalidStatus() as answered:
            return _status_in_words(answered.response.status_code, target)
        case InvalidHandshake():
            rejected = "; it may not accept our client certificate" if target.profile == 3 else ""
            why = f"broke the handshake off ({type(error).__name__}){rejected}"
            blame = Mean.CLIENT if target.profile == 3 else None
            return DialUndecided(f"{where} {why}", blame=blame)
        case TimeoutError():
            why = f"didn't answer within {OPEN_SECONDS:g} s"
        case OSError() as fault:
            why = f"can't be reached ({fault.strerror or type(error).__name__})"
        case _:
            why = f"can't be dialled ({type(error).__name__})"
    return DialUndecided(f"{where} {why}")


def _tls_fault(error: BaseException) -> ssl.SSLError | None:
    """OpenSSL's own word, also where the library wrapped it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLError):
            return cause
        cause = cause.__cause__ or cause.__context__
    return None


def _distrust_in_words(error: ssl.SSLCertVerificationError, where: str) -> DialRefused:
    why = f"we don't trust ({error.verify_message})"
    if error.verify_code in _HOSTNAME_MISMATCH:
        why = "for another name"
    event = _EVENTS.INVALID_CSMS_CERTIFICATE
    return DialRefused(f"{where} presents a certificate {why}; not connected", blame=Mean.ROOT, event=event)


def _tls_in_words(error: ssl.SSLError, where: str) -> DialRefused | DialUndecided:
    reason = error.reason or "broken off"
    why = f"{where} and we came to no TLS connection ({reason})"
    if reason in _CLIENT_FAULTS:
        why = f"{where} refuses our client certificate ({reason})"
        return DialRefused(why, blame=Mean.CLIENT, event=_EVENTS.FAILED_TO_AUTHENTICATE_AT_CSMS)
    if reason in _VERSION_FAULTS:
        return DialUndecided(f"{why}: it speaks no TLS 1.2 or newer", event=_EVENTS.INVALID_TLS_VERSION)
    if reason in _CIPHER_FAULTS:
        return DialUndecided(why, event=_EVENTS.INVALID_TLS_CIPHER_SUITE)
    return DialUndecided(why)


def _status_in_words(status: int, target: Target) -> DialRefused | DialUndecided:
    where = f"the CSMS at {target.address}"
    if status == 401:
        blame: Mean | None = Mean.CLIENT if target.profile == 3 else Mean.LOGIN
        event = _EVENTS.FAILED_TO_AUTHENTICATE_AT_CSMS
        return DialRefused(f"{where} refuses the station {target.identity} (401)", blame=blame, event=event)
    if status in {403, 404}:
        blame = Mean.CLIENT if target.profile == 3 else None
        return DialRefused(f"{where} doesn't know the station {target.station_id} ({status})", blame=blame)
    if status >= 500 or status == 429:
        return DialUndecided(f"{where} is busy or broken ({status})")
    return DialRefused(f"{where} answers {status} instead of opening a WebSocket")
