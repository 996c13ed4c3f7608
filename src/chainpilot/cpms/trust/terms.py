"""The operator's rules of trust, and what proposing and deciding end in."""

from dataclasses import dataclass

from chainpilot.cpms.model import TrustRecord, TrustState
from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate

__all__ = ["Proposals", "TrustPolicy", "TrustRefused", "why_no_anchor"]


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
    """In a configuration `CpmsConfig.allow_test_pki` says it."""
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


def why_no_anchor(record: TrustRecord) -> str | None:
    """What was decided, as a sentence, where it made no anchor of the certificate; None where it did."""
    match record.state:
        case TrustState.APPROVED:
            return None
        case TrustState.PROPOSED:
            what = f"it is proposed for {record.domain.value}, by {record.seen_from}, and nobody has approved it"
            return f"{what}: check its fingerprint {record.fingerprint} with its owner, and approve it"
        case TrustState.REJECTED | TrustState.WITHDRAWN:
            when = record.changed_at.date().isoformat()
            why = f" ({record.why})" if record.why else ""
            return f"{record.changed_by} has {record.state.value} it for {record.domain.value} on {when}{why}"
