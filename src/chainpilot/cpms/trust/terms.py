"""The operator's rules of trust, and what proposing and deciding end in."""

from dataclasses import dataclass

from chainpilot.cpms.model import TrustRecord
from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate

__all__ = ["Proposals", "TrustPolicy", "TrustRefused"]


class TrustRefused(OwnError):
    """A decision about a certificate can't be taken. Fields: `fingerprint`, `why` a sentence, `is_unknown`."""

    def __init__(self, fingerprint: str, why: str, *, is_unknown: bool = False) -> None:
        self.fingerprint = fingerprint
        self.why = why
        self.is_unknown = is_unknown
        super().__init__(f"{fingerprint}: {why}")


@dataclass(frozen=True, slots=True)
class TrustPolicy:
    """The operator's rules of trust."""

    allow_test_pki: bool = False
    approve_cross_signed: bool = False
    """A root becomes an anchor by itself when an anchor of its domain signed its name and key."""
    withdraw_reported: bool = False
    """An anchor is withdrawn by itself when the root pool reports it revoked."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """What became of certificates that were proposed."""

    added: tuple[TrustRecord, ...] = ()
    """New; those that an anchor's signature approved among them say so."""
    known: tuple[TrustRecord, ...] = ()
    """Known before, and as they were: what is rejected stays rejected."""
    refused: tuple[tuple[Certificate, str], ...] = ()
    """Not kept, each with the reason as a sentence."""
