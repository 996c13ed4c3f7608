"""What `est_http` needs of TLS and of httpx's ways to fail.

Which request is sent is not handled here.
"""

import ssl
from typing import Final
from urllib.parse import urlsplit

import httpx

from chainpilot.cpms.config import PkiConfig
from chainpilot.errors import OwnError
from chainpilot.wire.est.paths import PRESETS, EstPaths

__all__ = ["EstSetupError", "Progress", "client_context", "login_of", "origin_of", "paths_of", "words_of"]

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


class EstSetupError(OwnError):
    """A PKI's configuration can't be used. Fields: `pki` its name, `why` a sentence without any secret."""

    def __init__(self, pki: str, why: str) -> None:
        super().__init__(f"[pki.{pki}]: {why}")
        self.pki = pki
        self.why = why


class Progress:
    """Whether a request may have reached the peer; httpcore tells its steps to `note`.

    It may have, unless the last we heard is that the connection was still being made: a transport that tells nothing,
    or in other words than today's, makes us more careful, not less.
    """

    __slots__ = ("_connecting", "_written")

    def __init__(self) -> None:
        self._connecting = False
        self._written = False

    async def note(self, event: str, _details: object) -> None:
        """Take one step of the transport, such as `connection.start_tls.started`."""
        self._connecting = event.startswith(_CONNECTING)
        self._written = self._written or not self._connecting

    def may_have_arrived(self, error: Exception) -> bool:
        """Whether the request may have been read although `error` came instead of an answer."""
        return self._written or not (self._connecting or isinstance(error, _NEVER_SENT))


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


def paths_of(config: PkiConfig) -> EstPaths:
    """The paths under the origin. Raises EstSetupError, PathError."""
    templates = PRESETS.get(config.preset)
    if templates is None:
        raise EstSetupError(config.name, f"there is no preset {config.preset}")
    return templates.fill(label=config.label)


def login_of(config: PkiConfig) -> httpx.BasicAuth | None:
    """The login sent with every request once TLS stands; None when none is configured. Raises EstSetupError."""
    if not config.username:
        return None
    if ":" in config.username:
        raise EstSetupError(config.name, "a user name with a colon can't be sent (RFC 7617 section 2)")
    return httpx.BasicAuth(config.username, config.password)


def client_context(config: PkiConfig) -> ssl.SSLContext:
    """TLS 1.2 or later with the server's name and chain checked, before anything else is said.

    Raises:
        EstSetupError: no anchors are given; None would be the system's.
    """
    anchors = config.tls_anchors
    if anchors is not None and not len(anchors):
        raise EstSetupError(config.name, "tls_ca names no CA")
    context = ssl.create_default_context(cadata="".join(anchor.to_pem() for anchor in anchors) if anchors else None)
    if anchors is not None and any(not anchor.is_self_signed for anchor in anchors):
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # a sub-CA named here is an anchor (x509.md duty 9)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # Python 3.13 sets it, earlier ones don't; real PKIs' servers lack what it demands (x509.md duty 9)
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def words_of(error: Exception) -> str:
    """What went wrong, for people; of an exception nobody expected only its kind, since its text may hold anything."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its TLS certificate is not accepted: {cause.verify_message}"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return f"no answer in time ({type(error).__name__})"
    if isinstance(error, httpx.TransportError):
        return f"{type(error).__name__}: {error}"[:_MAX_WORDS]
    return f"the exchange failed ({type(error).__name__})"
