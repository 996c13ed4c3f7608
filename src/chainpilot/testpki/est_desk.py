"""What the test PKI's EST server answers, without HTTP. NEVER for production: whoever logs in gets any name.

Logins and sockets are not handled here.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Final

from cryptography import x509

from chainpilot.pki.certificate import Certificate, CertificateError
from chainpilot.pki.csr import Csr
from chainpilot.pki.der import DerError
from chainpilot.testpki.authorities import Authorities
from chainpilot.testpki.est_faults import shuffled
from chainpilot.testpki.faults import TWISTS, Fault, Faults
from chainpilot.testpki.issuer import IssueError, stranger
from chainpilot.testpki.logins import Visitor
from chainpilot.testpki.register import IssuedRecord, Register, csr_fingerprint
from chainpilot.testpki.requested import alternative_names, requested_names
from chainpilot.testpki.twists import Twist
from chainpilot.wire.est.messages import HttpResponse
from chainpilot.wire.est.paths import RFC7030, Operation, Route, routes
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
        authorities: every CA by its name, and the labels.
        register: where issued certificates are written down before they are handed out.
        repost_safe: the same CSR gets the same certificate again; otherwise every POST issues anew, as a PKI does
            that takes money for each.
        faults: what is to go wrong. `pending-first` puts the first POST of a CSR off with 202 and Retry-After (RFC 7030
            section 4.2.3), as a PKI does that asks somebody; the next one is decided. Who was put off isn't remembered
            over a restart.
    """

    def __init__(
        self, authorities: Authorities, register: Register, *, repost_safe: bool, faults: Faults | None = None
    ) -> None:
        self._authorities = authorities
        self._labels = authorities.hierarchy.labels
        self._register = register
        self._repost_safe = repost_safe
        self._faults = faults or Faults()
        self._put_off: set[tuple[str, str]] = set()
        self._routes = routes(RFC7030, self._labels)

    def route(self, path: str) -> Route | None:
        """What a path stands for; None when it stands for nothing."""
        return self._routes.get(path)

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
                return self._cacerts(label, at)
            case EnrollOperation(label=label, csr=csr):
                return self._enroll(Operation.SIMPLEENROLL, label, csr, at)
            case ReenrollOperation(label=label, csr=csr):
                refusal = self._no_renewal(label, csr, visitor)
                renewed = visitor.certificate
                return refusal or self._enroll(Operation.SIMPLEREENROLL, label, csr, at, renewed)
            case CsrAttrsOperation(label=label):
                return write_csrattrs(self._labels[label].keys)
            case HttpResponse() as refusal:
                return refusal

    def _cacerts(self, label: str, at: datetime) -> HttpResponse:
        name = self._labels[label].authority
        bag = list(self._authorities.ca_certificates(name))
        if self._strikes(Fault.MISSING_SUB2, Operation.CACERTS):
            bag.remove(self._authorities[name].certificate)
        if self._strikes(Fault.NEW_ROOT, Operation.CACERTS):
            bag.append(stranger(self._authorities.material, at).certificate)
        answer = write_cacerts(bag)
        return shuffled(answer, bag) if self._strikes(Fault.SHUFFLED_BAG, Operation.CACERTS) else answer

    def _strikes(self, fault: Fault, operation: Operation) -> bool:
        return self._faults.strikes(fault, operation)

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
        signers = self._authorities.generations(self._labels[label].authority)
        if not any(current.was_signed_by(signer.certificate) for signer in signers):
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

    def _enroll(
        self, operation: Operation, label: str, csr: Csr, at: datetime, renewed: Certificate | None = None
    ) -> HttpResponse:
        fingerprint = csr_fingerprint(csr.der)
        known = self._register.find(label, fingerprint)
        if known is not None and self._repost_safe and known.certificate != renewed:
            return self._written(operation, label, known.certificate)
        is_new = known is None and (label, fingerprint) not in self._put_off
        if is_new and self._strikes(Fault.PENDING_FIRST, operation):
            self._put_off.add((label, fingerprint))
            return write_pending(PENDING_SECONDS, "not decided yet")
        twists = [twist for fault, twist in TWISTS.items() if self._strikes(fault, operation)]
        try:
            certificate = self._issue(label, csr, fingerprint, at, twists)
        except (IssueError, CertificateError, ValueError) as error:
            # a name that a request may hold need not make a certificate that can be written or read again
            return write_refusal(400, str(error))
        # what is wrong on purpose is no answer to the same request once the fault is over
        self._register.add(IssuedRecord(label, "" if twists else fingerprint, certificate))
        self._put_off.discard((label, fingerprint))
        return self._written(operation, label, certificate)

    def _issue(self, label: str, csr: Csr, fingerprint: str, at: datetime, twists: Collection[Twist]) -> Certificate:
        target = self._labels[label]
        count = str(len(self._register)).encode()
        return self._authorities[target.authority].issue_leaf(
            x509.load_der_x509_csr(csr.der).subject,
            csr.public_key,
            target.plan,
            at,
            context=fingerprint.encode() + count,
            twists=twists,
        )

    def _written(self, operation: Operation, label: str, certificate: Certificate) -> HttpResponse:
        answer = write_issued(certificate)
        if not self._strikes(Fault.SHUFFLED_BAG, operation):
            return answer
        above = self._authorities.ca_certificates(self._labels[label].authority)
        return shuffled(answer, (certificate, *above))
