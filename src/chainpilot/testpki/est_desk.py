"""What the test PKI's EST server answers, without HTTP. NEVER for production: whoever logs in gets any name.

Logins and sockets are not handled here.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from cryptography import x509

from chainpilot.pki.certificate import Certificate, CertificateError
from chainpilot.pki.csr import Csr
from chainpilot.pki.der import DerError
from chainpilot.testpki.hierarchy import LABELS
from chainpilot.testpki.issuer import IssueError, Issuer
from chainpilot.testpki.logins import Visitor
from chainpilot.testpki.register import IssuedRecord, Register, csr_fingerprint
from chainpilot.testpki.requested import alternative_names, requested_names
from chainpilot.wire.est.messages import HttpResponse
from chainpilot.wire.est.paths import RFC7030, routes
from chainpilot.wire.est.server import (
    CacertsOperation,
    CsrAttrsOperation,
    EnrollOperation,
    ReenrollOperation,
    read_request,
    write_cacerts,
    write_csrattrs,
    write_issued,
    write_pending,
    write_refusal,
)

__all__ = ["PENDING_SECONDS", "EstDesk"]

PENDING_SECONDS: Final = 1
"""What Retry-After says when a request is kept waiting."""
_BY_SECRET: Final = Visitor(is_admitted=True)


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

    def answer(
        self,
        method: str,
        path: str,
        content_type: str | None,
        body: bytes,
        *,
        at: datetime,
        visitor: Visitor = _BY_SECRET,
    ) -> HttpResponse:
        """The answer to a request of somebody who has logged in, at `at` (UTC)."""
        match read_request(method, path, content_type, body, self._routes):
            case CacertsOperation(label=label):
                names = LABELS[label].cacerts
                return write_cacerts([self._issuers[name].certificate for name in names])
            case EnrollOperation(label=label, csr=csr):
                return self._enroll(label, csr, at)
            case ReenrollOperation(label=label, csr=csr):
                refusal = self._no_renewal(label, csr, visitor)
                return refusal or self._enroll(label, csr, at, renewed=visitor.certificate)
            case CsrAttrsOperation(label=label):
                return write_csrattrs(LABELS[label].keys)
            case HttpResponse() as refusal:
                return refusal

    def _no_renewal(self, label: str, csr: Csr, visitor: Visitor) -> HttpResponse | None:
        """Why the request renews nothing, RFC 7030 section 4.2.2; None when it does.

        Its ChangeSubjectName attribute isn't taken: a certificate's new name is a new certificate.
        """
        # 1: the certificate is at hand, by TLS, which has proved possession of its key (section 3.3.2)
        current = visitor.certificate
        if current is None:
            why = visitor.objection or "simplereenroll needs the certificate to be renewed as TLS client certificate"
            return write_refusal(403, why)
        # 2: this CA has issued it
        if not current.was_signed_by(self._issuers[LABELS[label].authority].certificate):
            return write_refusal(403, f"the client certificate was not issued by the CA under {label}")
        # 3: it keeps its subject
        if csr.subject_name != current.subject_name:
            return write_refusal(400, "the request's subject is not the client certificate's")
        # 4: and its alternative names
        try:
            if requested_names(csr) != alternative_names(current):
                return write_refusal(400, "the request's subject alternative names are not the client certificate's")
        except DerError as error:
            return write_refusal(400, str(error))
        return None

    def _enroll(self, label: str, csr: Csr, at: datetime, renewed: Certificate | None = None) -> HttpResponse:
        fingerprint = csr_fingerprint(csr.der)
        known = self._register.find(label, fingerprint)
        if known is not None and self._repost_safe and known.certificate != renewed:
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
