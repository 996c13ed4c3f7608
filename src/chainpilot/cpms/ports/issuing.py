"""What a CA of the operator's own needs: a key that signs, records of what it issued, a place for its list."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Protocol

from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import RevocationReason
from chainpilot.pki.keys import PublicKey, SpkiHash

__all__ = ["Issuance", "IssuingRecords", "KeyUnavailable", "Revocation", "SigningKey"]


class KeyUnavailable(OwnError):
    """A CA's key can't sign now; `why` is a clause without a secret, and tells what helps."""

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(why)


class SigningKey(Protocol):
    """A CA's private key, wherever it is."""

    @property
    def public_key(self) -> PublicKey:
        """Its public half."""
        ...

    def sign(self, data: bytes) -> bytes:
        """The signature over `data` by the key's own algorithm, as `pki.keys.signing_hash` chooses the digest.

        Raises KeyUnavailable.
        """
        ...

    def close(self) -> None:
        """Let go of what holds it."""
        ...


@dataclass(frozen=True, slots=True)
class Revocation:
    """That a certificate counts no more."""

    at: datetime
    reason: RevocationReason
    by: str


@dataclass(frozen=True, slots=True)
class Issuance:
    """One certificate that a CA signed."""

    ca_key: SpkiHash
    """The CA, known by its key whatever the configuration calls it."""
    certificate: Certificate
    request_digest: str = field(repr=False)
    """SHA-256 of the request's DER, hex: the same request gets the same certificate."""
    issued_at: datetime
    revocation: Revocation | None = None

    @property
    def serial(self) -> str:
        """The serial number as lower-case hex."""
        return f"{self.certificate.serial_number:x}"

    def revoked(self, revocation: Revocation) -> "Issuance":
        """The same, revoked."""
        return replace(self, revocation=revocation)


class IssuingRecords(Protocol):
    """The records of all CAs of the operator's own. Every method is one transaction, on disk when it returns.

    Raises LedgerFailed.
    """

    async def issued_for(self, ca_key: SpkiHash, request_digest: str) -> Issuance | None:
        """What the CA issued for that request."""
        ...

    async def keep(self, issuance: Issuance) -> Issuance:
        """Write it down; what is on record for its request then: this one, or one that came before it."""
        ...

    async def issuance(self, ca_key: SpkiHash, serial: str) -> Issuance | None:
        """The certificate with that serial number (lower-case hex)."""
        ...

    async def issued(self, ca_key: SpkiHash) -> tuple[Issuance, ...]:
        """All that the CA issued, newest first; the last thousands."""
        ...

    async def revoke(self, ca_key: SpkiHash, serial: str, revocation: Revocation) -> bool:
        """Write a revocation down; False if it was revoked before, and then nothing changed."""
        ...

    async def revoked(self, ca_key: SpkiHash, ending_after: datetime) -> tuple[Issuance, ...]:
        """What is revoked and ends after that moment."""
        ...

    async def next_list_number(self, ca_key: SpkiHash) -> int:
        """A number that no list of this CA has had, greater than all before."""
        ...
