"""The WebSocket to a CSMS: dialled with the store's anchors and client certificate, refused in plain words.

Security profiles 1 to 3 of the OCPP 1.6 security whitepaper. What is said over the socket is `ocpp_session`; when to
dial again is the app's.
"""

import asyncio
import base64
import logging
import ssl
import urllib.parse
from dataclasses import dataclass
from typing import Final

from websockets.asyncio.client import connect
from websockets.exceptions import InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from chainpilot.errors import OwnError, PeerError, UndecidedError
from chainpilot.link.websocket import WebSocket
from chainpilot.station.model import CaCertificateType, LeafCertificateType, Secret
from chainpilot.station.service import EvseSecurity
from chainpilot.station.vault import VaultBusy, VaultError
from chainpilot.wire.ocppj.frames import MAX_FRAME

__all__ = [
    "SUBPROTOCOL",
    "DialRefused",
    "DialUndecided",
    "ProfileNotReady",
    "Target",
    "dial",
    "tls_context",
]

SUBPROTOCOL: Final = "ocpp1.6"
OPEN_SECONDS: Final = 30.0
"""For TCP, TLS and the HTTP upgrade together: a station on a poor modem needs a dozen round trips."""
PING_SECONDS: Final = 90.0
"""Pings are most of a CSMS's steady load (stack.md)."""
_HOSTNAME_MISMATCH: Final = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""


class DialRefused(PeerError):
    """The CSMS is not who it should be, or doesn't let us in; `why` says it in plain words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class DialUndecided(UndecidedError):
    """The CSMS can't be reached now; `why` says it in plain words."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class ProfileNotReady(OwnError):
    """The store or the configuration lacks what the security profile needs; `why` says what."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Target:
    """Where to dial, and how to prove who we are."""

    url: str
    profile: int
    """Security profile 1, 2 or 3."""
    station_id: str
    password: Secret

    @property
    def place(self) -> str:
        """Host and port, for people."""
        return urllib.parse.urlsplit(self.url).netloc


class _Dialler(connect):
    """Follows no redirect: the CSMS's address is configuration, and a password must not travel elsewhere."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """No redirect is one we follow."""
        return exc


async def dial(target: Target, security: EvseSecurity) -> WebSocket:
    """Open the WebSocket as the target's security profile asks.

    Raises:
        ProfileNotReady: the store lacks an anchor or a client certificate, or the URL doesn't fit the profile.
        DialRefused: another name, an untrusted certificate, 401, no ocpp1.6.
        DialUndecided: unreachable, too slow, or broken off under the handshake.
    """
    context = await asyncio.to_thread(tls_context, security, target)
    headers = {} if target.profile == 3 else {"Authorization": _basic(target)}
    quiet = logging.getLogger("chainpilot.station.websocket")
    quiet.setLevel(logging.WARNING)  # the library's debug lines show every header, the password's too
    try:
        connection = await _Dialler(
            target.url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            additional_headers=headers,
            user_agent_header=None,
            compression=None,
            proxy=None,
            open_timeout=OPEN_SECONDS,
            ping_interval=PING_SECONDS,
            max_size=MAX_FRAME,
            logger=quiet,
            ssl=context,
        )
    except Exception as error:  # the border of house style rule 4: one family leaves, whatever the library raises
        raise _in_words(error, target) from error
    if connection.subprotocol != SUBPROTOCOL:
        await connection.close(1002, "ocpp1.6 was not agreed on")
        raise DialRefused(f"the CSMS at {target.place} doesn't speak {SUBPROTOCOL}")
    return WebSocket(connection)


def tls_context(security: EvseSecurity, target: Target) -> ssl.SSLContext | None:
    """A fresh context for one connection: the store's anchors now, its client leaf now; None for profile 1.

    The CSMS's name is checked against its alternative names, else its common name; TLS is 1.2 or newer. Touches files,
    so an event loop calls it by `to_thread`.

    Raises:
        ProfileNotReady: no anchor, no usable client certificate, or a URL of another profile.
    """
    scheme = urllib.parse.urlsplit(target.url).scheme
    if scheme != ("ws" if target.profile == 1 else "wss") or target.profile not in (1, 2, 3):
        raise ProfileNotReady(f"security profile {target.profile} doesn't go with a URL that begins {scheme}://")
    if target.profile == 1:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.hostname_checks_common_name = True
    context.load_verify_locations(cadata=_anchors(security))
    if target.profile == 3:
        _present_client_certificate(context, security)
    return context


def _anchors(security: EvseSecurity) -> str:
    try:
        anchors = security.trust_anchors(CaCertificateType.CSMS)
    except (VaultError, VaultBusy) as error:
        raise ProfileNotReady(f"the CSMS roots can't be read: {error}") from error
    if len(anchors):
        return "".join(anchor.to_pem() for anchor in anchors)
    refused = "".join(f"; {certificate.subject} doesn't count: {why}" for certificate, why in anchors.refused)
    raise ProfileNotReady(f"no CSMS root is installed, so no CSMS can be trusted{refused}")


def _present_client_certificate(context: ssl.SSLContext, security: EvseSecurity) -> None:
    result = security.get_leaf_certificate_info(LeafCertificateType.CSMS)
    info = result.info
    if info is None:
        raise ProfileNotReady(f"security profile 3 needs a client certificate: {result.reason}")
    try:
        # a password is always at hand: without one OpenSSL would ask on the terminal
        context.load_cert_chain(
            info.certificate or info.certificate_single or "", info.key, lambda: info.password or ""
        )
    except (OSError, ssl.SSLError) as error:
        raise ProfileNotReady(f"the client certificate can't be used: {error}") from error


def _basic(target: Target) -> str:
    pair = f"{target.station_id}:{target.password.value}".encode()
    return f"Basic {base64.b64encode(pair).decode('ascii')}"


def _in_words(error: Exception, target: Target) -> DialRefused | DialUndecided:
    where = f"the CSMS at {target.place}"
    match error:
        case ssl.SSLCertVerificationError():
            return _distrust_in_words(error, where)
        case InvalidStatus():
            return _status_in_words(error.response.status_code, where, target)
        case ssl.SSLError():
            why = f"and we came to no TLS connection ({error.reason or 'broken off'})"
        case InvalidHandshake():
            rejected = "; it may not accept our client certificate" if target.profile == 3 else ""
            why = f"broke the handshake off ({type(error).__name__}){rejected}"
        case TimeoutError():
            why = f"didn't answer within {OPEN_SECONDS:g} s"
        case OSError():
            why = f"can't be reached ({error.strerror or type(error).__name__})"
        case _:
            why = f"can't be dialled ({type(error).__name__})"
    return DialUndecided(f"{where} {why}")


def _distrust_in_words(error: ssl.SSLCertVerificationError, where: str) -> DialRefused:
    if error.verify_code in _HOSTNAME_MISMATCH:
        return DialRefused(f"{where} presents a certificate for another name; not connected")
    return DialRefused(f"{where} presents a certificate we don't trust ({error.verify_message}); not connected")


def _status_in_words(status: int, where: str, target: Target) -> DialRefused | DialUndecided:
    if status == 401:
        proof = "client certificate" if target.profile == 3 else "id or password"
        return DialRefused(f"{where} refuses our {proof} (401)")
    if status in {403, 404}:
        return DialRefused(f"{where} doesn't know the station {target.station_id} ({status})")
    if status >= 500 or status == 429:
        return DialUndecided(f"{where} is busy or broken ({status})")
    return DialRefused(f"{where} answers {status} instead of opening a WebSocket")
