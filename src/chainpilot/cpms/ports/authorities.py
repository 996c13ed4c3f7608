"""A PKI that signs certificate requests, and what it may answer."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from chainpilot.cpms.model import (
    Reason,
    RetryClass,
)
from chainpilot.errors import PeerError, UndecidedError
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.csr import Csr

__all__ = ["CaPending", "CaRefused", "CaUndecided", "CertificateAuthority", "IssuedBag"]


@dataclass(frozen=True, slots=True)
class IssuedBag:
    """What a CA answered to an enrolment: the leaf is in it, in no place that means anything."""

    certificates: tuple[Certificate, ...]


@dataclass(frozen=True, slots=True)
class CaPending:
    """The CA has not decided (202): the same CSR shall be posted again, not before `retry_at` (UTC)."""

    retry_at: datetime


class CaRefused(PeerError):
    """The CA gave an answer that is no certificate.

    Fields: `reason` its code, `detail` one sentence that quotes the CA, `retry` when another try is worth it,
    `retry_at` (UTC) if the CA named a time, `trace` the CA's own id for the incident if it gave one.
    """

    def __init__(
        self,
        reason: Reason,
        detail: str,
        retry: RetryClass,
        *,
        retry_at: datetime | None = None,
        trace: str | None = None,
    ) -> None:
        self.reason = reason
        self.detail = detail
        self.retry = retry
        self.retry_at = retry_at
        self.trace = trace
        super().__init__(f"{reason.value}: {detail}" + (f" (trace {trace})" if trace else ""))


class CaUndecided(UndecidedError):
    """No answer from the CA came to us. `sent`: the request may have reached it."""

    def __init__(self, detail: str, *, sent: bool) -> None:
        self.detail = detail
        self.sent = sent
        super().__init__(f"{detail} ({'the request may have arrived' if sent else 'nothing was sent'})")


class CertificateAuthority(Protocol):
    """A PKI that signs certificate requests (RFC 7030's two mandatory operations)."""

    repost_safe: bool
    """Posting the same CSR again gives the same certificate, not a second one."""

    async def cacerts(self) -> tuple[Certificate, ...]:
        """The CA's own certificates, in no order. Raises CaRefused, CaUndecided."""
        ...

    async def simpleenroll(self, csr: Csr) -> IssuedBag | CaPending:
        """Ask for a certificate. Raises CaRefused, CaUndecided."""
        ...
