"""What the back office knows of CAs beyond its anchors."""

from typing import Protocol

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.hashdata import CertificateHashData

__all__ = ["Issuers"]


class Issuers(Protocol):
    """The CAs that may be asked about what they issued: anchors, and CAs that lead to one."""

    def issuer_of(self, subject: CertificateHashData) -> Certificate | None:
        """The CA that hash data name as a certificate's issuer, by algorithm, name hash and key hash; None: unknown."""
        ...

    def known(self) -> tuple[Certificate, ...]:
        """All of them, each once."""
        ...
