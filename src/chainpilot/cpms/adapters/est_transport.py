"""What the EST client needs of TLS and of httpx: one bounded exchange over an authenticated connection.

Which request is sent, and what its answer means, is not handled here.
"""

import ssl
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx

from chainpilot.cpms.config import ClientCertificate, PkiConfig
from chainpilot.errors import OwnError
from chainpilot.pki.trust import TrustAnchors
from chainpilot.wire.est.messages import HttpRequest, HttpResponse

__all__ = [
    "BROKEN_OFF",
    "Carrier",
    "EstSetupError",
    "Progress",
    "client_context",
    "origin_of",
    "show_certificate",
    "words_of",
]

_NEVER_SENT: Final = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.UnsupportedProtocol,
    httpx.ProxyError,
)
"""What httpx raises before the first byte of a request is written; TLS failures come as ConnectError."""
_CONNECTING: Final = "connection."
"""How httpcore's steps before the first byte of a request begin: TCP, TLS."""
_MAX_WORDS: Final = 300
"""Characters of a library's words kept in a sentence."""
_MAX_CONNECTIONS: Final = 8
"""To one server at once; a worker posts one CSR after the other."""
_KEEP_ALIVE_SECONDS: Final = 5.0
"""How long a connection waits for the next request; only where a POST may be repeated.

A PKI that closes it at that moment leaves the outcome of the next POST unknown; so where a certificate may cost money
every request gets a connection of its own.
"""
_TLS_WORDS: Final = {
    "UNSUPPORTED_PROTOCOL": "it speaks no TLS 1.2 or later (RFC 8996)",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks no TLS 1.2 or later (RFC 8996)",
    "WRONG_VERSION_NUMBER": "what listens there speaks no TLS",
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it wants a client certificate (client_certificate, client_key)",
    "SSLV3_ALERT_HANDSHAKE_FAILURE": "it breaks the handshake off; it may want a client certificate",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it refuses our client certificate",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "it says that our client certificate has expired",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it refuses our client certificate",
    "TLSV1_ALERT_UNKNOWN_CA": "it doesn't know the CA of our client certificate",
}
"""OpenSSL's reasons that have a plain meaning; the alerts come from the server."""
BROKEN_OFF: Final = (
    "it breaks the TLS handshake off without a word; it may want a client certificate, "
    "or speak no TLS 1.2 or later (RFC 8996)"
)
_CLOSED: Final = "UNEXPECTED_EOF_WHILE_READING"
_HANDSHAKE_ALERTS: Final = frozenset(reason for reason in _TLS_WORDS if "ALERT" in reason)


class EstSetupError(OwnError):
    """A PKI's configuration can't be used. Fields: `name` of the PKI, `why` a sentence without any secret."""

    def __init__(self, pki: str, why: str) -> None:
        super().__init__(f"[pki.{pki}]: {why}")
        self.name = pki
        self.why = why


class Progress:
    """Whether a request may have reached the peer; httpcore tells its steps to `note`.

    From `begin` to `answered` it may have, unless the last we heard is that the connection was still being made: a
    transport that tells nothing, or in other words than today's, makes us more careful, not less.
    """

    __slots__ = ("_begun", "_connecting", "_written")

    def __init__(self) -> None:
        self._begun = False
        self._connecting = False
        self._written = False

    def begin(self) -> None:
        """A request is handed to the transport."""
        self._begun, self._connecting, self._written = True, False, False

    def answered(self) -> None:
        """Its answer is there whole: nothing is open any more."""
        self._begun = False

    async def note(self, event: str, _details: object) -> None:
        """Take one step of the transport, such as `connection.start_tls.started`."""
        self._connecting = event.startswith(_CONNECTING)
        self._written = self._written or not self._connecting

    def may_have_arrived(self, error: Exception) -> bool:
        """Whether a request may have been read although `error` came instead of its answer.

        With TLS 1.3 a server refuses a client certificate after we have begun to write, and reads none of it: what
        comes behind the handshake can't be read before that is over (RFC 8446 section 4.4.2.4).
        """
        if not self._begun or _tls_reason(error) in _HANDSHAKE_ALERTS:
            return False
        return self._written or not (self._connecting or isinstance(error, _NEVER_SENT))


class Carrier:
    """Carries requests to one origin, over TLS alone, and follows no redirect.

    Args:
        context: its TLS.
        seconds: for each step of an exchange; the whole is bounded by the caller.
        keeps: connections are kept for the next request.
        transport: in place of TLS over TCP, for tests that play what no server can be made to do.
    """

    def __init__(
        self,
        context: ssl.SSLContext,
        seconds: float,
        *,
        keeps: bool = False,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._client = httpx.AsyncClient(
            verify=context,
            transport=transport,
            headers={
                "User-Agent": "chainpilot",
                "Accept-Encoding": "identity",
                "Connection": "keep-alive" if keeps else "close",
            },
            timeout=httpx.Timeout(seconds, connect=seconds / 3, pool=seconds / 3),
            limits=httpx.Limits(
                max_connections=_MAX_CONNECTIONS,
                max_keepalive_connections=_MAX_CONNECTIONS if keeps else 0,
                keepalive_expiry=_KEEP_ALIVE_SECONDS,
            ),
            follow_redirects=False,
            trust_env=False,
        )

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def carry(
        self,
        origin: str,
        request: HttpRequest,
        progress: Progress,
        *,
        limit: int,
        authorization: str | None = None,
    ) -> HttpResponse:
        """Send and read; of a body over `limit` bytes only so much that its excess shows. Raises what httpx raises."""
        login = [("Authorization", authorization)] if authorization is not None else []
        message = self._client.build_request(
            request.method,
            f"{origin}{request.url_path}",
            headers=[*request.headers, *login],
            content=request.body or None,
            extensions={"trace": progress.note},
        )
        progress.begin()
        response = await self._client.send(message, stream=True)
        body = bytearray()
        try:
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > limit:
                    break
        finally:
            await response.aclose()
        progress.answered()
        return HttpResponse(response.status_code, tuple(response.headers.multi_items()), bytes(body[: limit + 1]))


def origin_of(config: PkiConfig) -> str:
    """The URL that EST paths are appended to, without a slash at its end.

    Raises:
        EstSetupError: it isn't https, or carries a login, a query or a fragment.
    """
    parts = urlsplit(config.url)
    if parts.scheme != "https" or not parts.hostname:
        raise EstSetupError(config.name, "its url must be https://host[:port]")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise EstSetupError(config.name, "its url must hold no login, query or fragment")
    return f"https://{parts.netloc}{parts.path.rstrip('/')}"


def client_context(
    pki: str, anchors: TrustAnchors | None, client: ClientCertificate | None = None, *, key: str = "tls_ca"
) -> ssl.SSLContext:
    """TLS 1.2 or later with the server's name and chain checked, before anything else is said.

    Args:
        pki: its name in the configuration.
        anchors: what the server's certificate must lead to; None: the system's.
        client: the certificate to show.
        key: that names the anchors.

    Raises:
        EstSetupError: no anchors are given, where None would be the system's; the client certificate can't be used.
    """
    if anchors is not None and not len(anchors):
        raise EstSetupError(pki, f"{key} names no CA")
    context = ssl.create_default_context(cadata="".join(anchor.to_pem() for anchor in anchors) if anchors else None)
    if anchors is not None and any(not anchor.is_self_signed for anchor in anchors):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a sub-CA named here is an anchor (x509.md duty 9)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 sets it, earlier ones don't; real PKIs' servers lack what it demands (x509.md duty 9)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    if client is not None:
        show_certificate(pki, client, context)
    return context


def show_certificate(pki: str, client: ClientCertificate, context: ssl.SSLContext) -> None:
    """Let the context show the certificate from now on; it is tried in another one before. Raises EstSetupError."""
    try:
        for one in (ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), context):
            one.load_cert_chain(client.file, client.key, partial(_no_password, client.key))
    except ssl.SSLError as error:
        why = f"{client.key} is not the key of {client.file}, or one of them can't be read ({error.reason})"
        raise EstSetupError(pki, why) from error
    except OSError as error:
        raise EstSetupError(pki, f"{client.file} or {client.key} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise EstSetupError(pki, str(error)) from error


def _no_password(file: Path) -> str:
    """Asked for where a key is encrypted; OpenSSL would ask at the terminal, and a service wait there for ever."""
    raise ValueError(f"{file} is encrypted; it is read without a password")


def words_of(error: Exception) -> str:
    """What went wrong, for people; of an exception nobody expected only its kind, since its text may hold anything."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its TLS certificate is not accepted: {cause.verify_message}"
    reason = _tls_reason(error)
    if reason in _TLS_WORDS:
        return _TLS_WORDS[reason]
    if reason == _CLOSED and isinstance(error, httpx.ConnectError | ssl.SSLError):
        return BROKEN_OFF
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return f"no answer in time ({type(error).__name__})"
    if isinstance(error, httpx.TransportError):
        return f"{type(error).__name__}: {error}"[:_MAX_WORDS]
    return f"the exchange failed ({type(error).__name__})"


def _tls_reason(error: Exception) -> str:
    """OpenSSL's word for what broke the connection, empty where it wasn't TLS."""
    reasons = (cause.reason for cause in _causes(error) if isinstance(cause, ssl.SSLError) and hasattr(cause, "reason"))
    return next(filter(None, reasons), "")


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    while cause is not None:
        yield cause
        cause = cause.__cause__ or cause.__context__
