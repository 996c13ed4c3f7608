"""The way to a server: its address, a connection, TLS. Nothing but the handshake is sent."""

import asyncio
import os
import socket
import ssl
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509

from chainpilot.clock import Clock
from chainpilot.cpms.adapters.est_transport import BROKEN_OFF, words_of
from chainpilot.cpms.checkup.findings import Finding, Grade, Step
from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate

__all__ = ["Server", "connect", "look_up", "shake_hands"]

_ENDS_SOON: Final = timedelta(days=14)
"""So long before its end a server's certificate is warned of."""
_NAMES: Final = frozenset({62, 64})
"""X509_V_ERR_HOSTNAME_MISMATCH and IP_ADDRESS_MISMATCH."""
_NOT_YET: Final = 9
_EXPIRED: Final = 10
_MAX_NAMES: Final = 5
"""Names of a certificate that are told; a provider's certificate may have hundreds."""


class Server:
    """Where it is, and how long to wait for it."""

    __slots__ = ("clock", "context", "host", "port", "seconds")

    def __init__(self, host: str, port: int, context: ssl.SSLContext, seconds: float, clock: Clock) -> None:
        self.host = host
        self.port = port
        self.context = context
        self.seconds = seconds
        self.clock = clock


async def look_up(server: Server) -> Finding:
    """The addresses of its name."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(server.seconds):
            found = await loop.getaddrinfo(server.host, server.port, type=socket.SOCK_STREAM)
    except (OSError, TimeoutError, UnicodeError):
        do = "check the name in url, and this machine's DNS"
        return Finding(Step.ADDRESS, Grade.UNREACHED, f"no address is known for {server.host}", do)
    addresses = list(dict.fromkeys(str(one[4][0]) for one in found))
    return Finding(Step.ADDRESS, Grade.OK, f"{server.host} is {', '.join(addresses)}", facts={"addresses": addresses})


async def connect(server: Server) -> Finding:
    """Whether something listens."""
    begin = server.clock.monotonic()
    try:
        async with asyncio.timeout(server.seconds):
            _, writer = await asyncio.open_connection(server.host, server.port)
    except TimeoutError:
        do = "check the port in url; a firewall may drop what this machine sends there"
        return Finding(Step.CONNECTION, Grade.UNREACHED, f"port {server.port} doesn't answer", do)
    except OSError as error:
        do = "check host and port in url, and whether the server runs"
        return Finding(Step.CONNECTION, Grade.UNREACHED, f"port {server.port}: {_words(error)}", do)
    await _close(writer)
    took = round((server.clock.monotonic() - begin) * 1000)
    return Finding(
        Step.CONNECTION, Grade.OK, f"port {server.port} answers after {took} ms", facts={"milliseconds": took}
    )


def _words(error: OSError) -> str:
    """The system's words; asyncio's own say no more."""
    return os.strerror(error.errno).lower() if error.errno else "no way there"


async def shake_hands(server: Server) -> Finding:
    """TLS as we demand it; where the certificate isn't accepted it is looked at, and told why."""
    try:
        shown, version = await _handshake(server, server.context)
    except ssl.SSLCertVerificationError as error:
        return await _unaccepted(server, error)
    except (OSError, TimeoutError, EOFError) as error:
        do = "check that url is that of an HTTPS server, and that no proxy stands between"
        words = BROKEN_OFF if isinstance(error, ConnectionError) else words_of(error)
        return Finding(Step.TLS, Grade.FAILED, f"no TLS connection: {words}", do)
    if shown is None:
        return Finding(Step.TLS, Grade.OK, version)
    at, facts = server.clock.now(), _facts(shown)
    seen = f"{version}, certificate for {_names(shown)} until {shown.not_after:%Y-%m-%d}"
    if at >= shown.not_after - _ENDS_SOON:
        do = "ask whoever runs the server to renew it in time"
        return Finding(Step.TLS, Grade.WARNING, f"{seen}, in less than {_ENDS_SOON.days} days", do, facts)
    return Finding(Step.TLS, Grade.OK, seen, facts=facts)


async def _handshake(server: Server, context: ssl.SSLContext) -> tuple[Certificate | None, str]:
    async with asyncio.timeout(server.seconds):
        _, writer = await asyncio.open_connection(
            server.host, server.port, ssl=context, server_hostname=server.host, ssl_handshake_timeout=server.seconds
        )
    tls: ssl.SSLObject = writer.get_extra_info("ssl_object")
    shown, version = tls.getpeercert(binary_form=True), tls.version() or "TLS"
    await _close(writer)
    try:
        return load_certificate(shown or b""), version
    except CertificateError:
        return None, version


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError, TimeoutError):
        await writer.wait_closed()


async def _unaccepted(server: Server, error: ssl.SSLCertVerificationError) -> Finding:
    shown = await _look(server)
    if shown is None:
        return Finding(Step.TLS, Grade.FAILED, f"its certificate is not accepted: {error.verify_message}", _OTHER)
    seen, do = _explained(server, error, shown, server.clock.now())
    return Finding(Step.TLS, Grade.FAILED, seen, do, _facts(shown))


async def _look(server: Server) -> Certificate | None:
    """The certificate without believing it; nothing is sent to whoever shows it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        shown, _ = await _handshake(server, context)
    except (OSError, TimeoutError, EOFError):
        return None
    return shown


_OTHER: Final = "name the CA of its certificate in tls_ca, if you know that it is the PKI's"


def _explained(
    server: Server, error: ssl.SSLCertVerificationError, shown: Certificate, at: datetime
) -> tuple[str, str]:
    if error.verify_code in _NAMES:
        seen = f"its certificate is for {_names(shown)}, not for {server.host}"
        return seen, "write the server's own name in url; if it is right, the certificate is wrong or not the PKI's"
    if error.verify_code == _EXPIRED and at > shown.not_after:
        seen = f"its certificate ended on {shown.not_after:%Y-%m-%d %H:%M} UTC; this machine's clock says {at:%Y-%m-%d}"
        return seen, "check this machine's clock; if it is right, the PKI must renew its server's certificate"
    if error.verify_code == _NOT_YET and at < shown.not_before:
        seen = (
            f"its certificate begins on {shown.not_before:%Y-%m-%d %H:%M} UTC; this machine's clock says {at:%Y-%m-%d}"
        )
        return seen, "check this machine's clock, which may be behind"
    if error.verify_code in (_EXPIRED, _NOT_YET):
        return "a CA above its certificate is not valid now", "check this machine's clock, and the CAs in tls_ca"
    seen = (
        f"its certificate was issued by {shown.issuer}, which leads to no CA that counts here ({error.verify_message})"
    )
    return seen, f"{_OTHER}; else somebody else answers in its place"


def _names(shown: Certificate) -> str:
    """Those that count (RFC 9525): DNS names and addresses, else the common name."""
    names = _alternative_names(shown)
    if not names:
        return shown.subject.common_name or "nobody named"
    more = len(names) - _MAX_NAMES
    return ", ".join(names[:_MAX_NAMES]) + (f" and {more} more" if more > 0 else "")


def _alternative_names(shown: Certificate) -> list[str]:
    try:
        extensions = x509.load_der_x509_certificate(shown.der).extensions
        found = extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return [*found.get_values_for_type(x509.DNSName), *map(str, found.get_values_for_type(x509.IPAddress))]
    except (ValueError, x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return []


def _facts(shown: Certificate) -> dict[str, str]:
    return {
        "subject": str(shown.subject),
        "issuer": str(shown.issuer),
        "not_after": shown.not_after.isoformat(),
        "fingerprint": shown.fingerprint,
    }
