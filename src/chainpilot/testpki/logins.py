"""Who may use the test PKI's EST server: password, bearer token, or a TLS client certificate. NEVER for production.

That a client certificate leads to one of our CAs is TLS's to check, and that its holder has the key. What somebody who
is logged in may ask for is not handled here.
"""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from ssl import SSLObject
from typing import Final, Protocol

from aiohttp import web

from chainpilot.pki.certificate import Certificate, CertificateError, load_certificate

__all__ = ["BasicLogin", "BearerLogin", "Login", "Visitor", "client_certificate", "visitor"]

_DATE: Final = "%Y-%m-%d %H:%M"


class Login(Protocol):
    """One secret that opens the door."""

    def admits(self, authorization: str | None) -> bool:
        """Whether an Authorization field carries it."""
        ...


class BasicLogin:
    """One user name and password (RFC 7617), kept and compared as digests so that time tells nothing."""

    __slots__ = ("_expected",)

    def __init__(self, user: str, password: str) -> None:
        self._expected = hashlib.sha256(f"{user}:{password}".encode()).digest()

    def admits(self, authorization: str | None) -> bool:
        """Whether an Authorization field carries this login."""
        scheme, _, packed = (authorization or "").partition(" ")
        if scheme.lower() != "basic":
            return False
        try:
            given = base64.b64decode(packed.strip(), validate=True)
        except (binascii.Error, ValueError):
            return False
        return hmac.compare_digest(hashlib.sha256(given).digest(), self._expected)


class BearerLogin:
    """One bearer token (RFC 6750 section 2.1), kept and compared as a digest."""

    __slots__ = ("_expected",)

    def __init__(self, token: str) -> None:
        self._expected = hashlib.sha256(token.encode()).digest()

    def admits(self, authorization: str | None) -> bool:
        """Whether an Authorization field carries this token."""
        scheme, _, token = (authorization or "").partition(" ")
        if scheme.lower() != "bearer":
            return False
        given = hashlib.sha256(token.strip().encode("utf-8", "surrogateescape")).digest()
        return hmac.compare_digest(given, self._expected)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody at the EST server."""

    is_admitted: bool
    certificate: Certificate | None = None
    """The TLS client certificate, when it counts now."""
    objection: str = ""
    """Why a client certificate that was shown doesn't count, as a sentence."""


def client_certificate(request: web.Request) -> Certificate | None:
    """The certificate that the client has shown in the TLS handshake; None when it has shown none."""
    tls = request.transport.get_extra_info("ssl_object") if request.transport is not None else None
    der = tls.getpeercert(binary_form=True) if isinstance(tls, SSLObject) else None
    try:
        return load_certificate(der) if der else None
    except CertificateError:
        return None


def visitor(certificate: Certificate | None, revoked: datetime | None, *, by_secret: bool, at: datetime) -> Visitor:
    """Somebody judged at `at` (UTC).

    Args:
        certificate: shown in the TLS handshake.
        revoked: when it was revoked, None if it wasn't.
        by_secret: whether a password or token was right, which admits by itself.
        at: now (UTC); the handshake leaves it to us, so that the test PKI's clock counts and not the machine's.
    """
    objection = _objection(certificate, revoked, at) if certificate is not None else ""
    counts = certificate is not None and not objection
    return Visitor(by_secret or counts, certificate if counts else None, objection)


def _objection(certificate: Certificate, revoked: datetime | None, at: datetime) -> str:
    if revoked is not None:
        return f"the client certificate was revoked on {revoked:{_DATE}} UTC"
    if at > certificate.not_after:
        return f"the client certificate has expired on {certificate.not_after:{_DATE}} UTC"
    if at < certificate.not_before:
        return f"the client certificate is valid from {certificate.not_before:{_DATE}} UTC only"
    return ""
