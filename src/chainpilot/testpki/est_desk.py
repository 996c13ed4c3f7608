"""What the test PKI's EST server answers, without HTTP. NEVER for production: whoever logs in gets any name.

Logins and sockets are not handled here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cryptography import x509

from chainpilot.pki.certificate import CertificateError
from chainpilot.pki.csr import Csr
from chainpilot.testpki.hierarchy import LABELS
from chainpilot.testpki.issuer import IssueError, Issuer
from chainpilot.testpki.register import IssuedRecord, Register, csr_fingerprint
from chainpilot.wire.est.messages import HttpResponse
from chainpilot.wire.est.paths import RFC7030, routes
from chainpilot.wire.est.server import (
    CacertsOperation,
    EnrollOperation,
    read_request,
    write_cacerts,
    write_issued,
    write_pending,
    write_refusal,
)

__all__ = ["PENDING_SECONDS", "EstDesk"]

PENDING_SECONDS: Final = 1
"""What Retry-After says when a request is kept waiting."""


class EstDesk:
    """The CAs behind the EST labels.

    Args:
        issuers: every CA by its name.
        register: where issued certificates are written down before they are handed out.
        repost_safe: the same CSR gets the same certificate again; otherwise every POST issues anew, as a PKI does
            that takes money for each.
        pending_first: the first POST of a CSR is put off with 202 and Retry-After (RFC 7030 section 4.2.3), as a PKI
            does that asks somebody; the next one is decided. Who was put off isn't remembered over a restart.
    """

    def __init__(
        self, issuers: Mapping[str, Issuer], register: Register, *, repost_safe: bool, pending_first: bool = False
    ) -> None:
        self._issuers = issuers
        self._register = register
        self._repost_safe = repost_safe
        self._pending_first = pending_first
        self._put_off: set[tuple[str, str]] = set()
        self._routes = routes(RFC7030, LABELS)

    def describe(self, path: str) -> tuple[str, str]:
        """The operation and the label that a path stands for; empty words when it stands for none."""
        route = self._routes.get(path)
        return (route.operation.value, route.label) if route is not None else ("", "")

    def answer(self, method: str, path: str, content_type: str | None, body: bytes, *, at: datetime) -> HttpResponse:
        """The answer to a request of somebody who has logged in, at `at` (UTC)."""
        match read_request(method, path, content_type, body, self._routes):
            case CacertsOperation(label=label):
                names = LABELS[label].cacerts
                return write_cacerts([self._issuers[name].certificate for name in names])
            case EnrollOperation(label=label, csr=csr):
                return self._enroll(label, csr, at)
            case HttpResponse() as refusal:
                return refusal

    def _enroll(self, label: str, csr: Csr, at: datetime) -> HttpResponse:
        fingerprint = csr_fingerprint(csr.der)
        known = self._register.find(label, fingerprint)
        if known is not None and self._repost_safe:
            return write_issued(known.certificate)
        if self._pending_first and known is None and (label, fingerprint) not in self._put_off:
            self._put_off.add((label, fingerprint))
            return write_pending(PENDING_SECONDS, "not decided yet")
        target = LABELS[label]
        count = str(len(self._register.records)).encode()
        try:
            certificate = self._issuers[target.authority].issue_leaf(
                x509.load_der_x509_csr(csr.der).subject,
                csr.public_key,
                target.plan,
                at,
                context=fingerprint.encode() + count,
            )
        except (IssueError, CertificateError, ValueError) as error:
            # a name that a request may hold need not make a certificate that can be written or read again
            return write_refusal(400, str(error))
        self._register.add(IssuedRecord(label, fingerprint, certificate))
        self._put_off.discard((label, fingerprint))
        return write_issued(certificate)
