"""What the test PKI's EST server answers, without HTTP. NEVER for production: whoever logs in gets any name.

Logins and sockets are not handled here.
"""

from collections.abc import Mapping
from datetime import datetime

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
    write_refusal,
)

__all__ = ["EstDesk"]


class EstDesk:
    """The CAs behind the EST labels.

    Args:
        issuers: every CA by its name.
        register: where issued certificates are written down before they are handed out.
        repost_safe: the same CSR gets the same certificate again; otherwise every POST issues anew, as a PKI does
            that takes money for each.
    """

    def __init__(self, issuers: Mapping[str, Issuer], register: Register, *, repost_safe: bool) -> None:
        self._issuers = issuers
        self._register = register
        self._repost_safe = repost_safe
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
        return write_issued(certificate)
