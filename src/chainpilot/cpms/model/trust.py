"""CA certificates as the back office keeps them: where one came from, who decided about it, and what was decided.

A record is of one certificate in one trust domain: the same root may be an anchor for V2G and merely proposed for MO.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum
from types import MappingProxyType
from typing import Final, NewType

from chainpilot.errors import OwnError
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.trust import TrustDomain

__all__ = [
    "TRUST_DECISIONS",
    "Fingerprint",
    "FingerprintError",
    "ImpossibleTrustDecision",
    "TrustChange",
    "TrustDecision",
    "TrustRecord",
    "TrustSource",
    "TrustState",
    "parse_fingerprint",
]

Fingerprint = NewType("Fingerprint", str)
"""SHA-256 of a certificate's DER, 64 lower-case hex digits; made by `parse_fingerprint`."""

_DIGITS: Final = 64
_HEX: Final = re.compile(r"[0-9a-f]+")


class FingerprintError(OwnError):
    """What was given names no certificate beyond doubt. Fields: `given`, `why` a sentence."""

    def __init__(self, given: str, why: str) -> None:
        self.given = given
        self.why = why
        super().__init__(why)


def parse_fingerprint(text: str) -> Fingerprint:
    """A whole SHA-256 fingerprint, in hex of either case, with colons or spaces as tools print them.

    A prefix is refused: whoever makes a certificate can choose its first digits (32 bits take seconds).
    Raises FingerprintError.
    """
    digits = text.strip().lower().removeprefix("sha256").lstrip(":= ")
    digits = digits.replace(":", "").replace(" ", "")
    if not _HEX.fullmatch(digits):
        raise FingerprintError(
            text, "a fingerprint is 64 hex digits: openssl x509 -noout -fingerprint -sha256 shows it"
        )
    if len(digits) != _DIGITS:
        why = f"{len(digits)} hex digits; the whole SHA-256 fingerprint of {_DIGITS} is needed, a part proves nothing"
        raise FingerprintError(text, why)
    return Fingerprint(digits)


class TrustState(Enum):
    """What is known of a CA certificate in a domain."""

    PROPOSED = "proposed"
    """Seen, and nothing more: no anchor. A sub-CA that leads to an anchor is known as an issuer all the same."""
    APPROVED = "approved"
    """An anchor."""
    REJECTED = "rejected"
    """Decided against; proposed again, it stays so."""
    WITHDRAWN = "withdrawn"
    """Was an anchor, or its source took the proposal back; proposed again, it stays so."""


class TrustDecision(Enum):
    """What somebody decides about a record."""

    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"


TRUST_DECISIONS: Final[Mapping[tuple[TrustState, TrustDecision], TrustState]] = MappingProxyType(
    {
        (TrustState.PROPOSED, TrustDecision.APPROVE): TrustState.APPROVED,
        (TrustState.PROPOSED, TrustDecision.REJECT): TrustState.REJECTED,
        (TrustState.PROPOSED, TrustDecision.WITHDRAW): TrustState.WITHDRAWN,
        (TrustState.APPROVED, TrustDecision.WITHDRAW): TrustState.WITHDRAWN,
        (TrustState.REJECTED, TrustDecision.APPROVE): TrustState.APPROVED,
        (TrustState.WITHDRAWN, TrustDecision.APPROVE): TrustState.APPROVED,
        (TrustState.WITHDRAWN, TrustDecision.REJECT): TrustState.REJECTED,
    }
)
"""What each decision leads to; a pair that isn't here is refused with a sentence."""

_REFUSALS: Final = {
    (TrustState.APPROVED, TrustDecision.APPROVE): "it is an anchor already",
    (TrustState.APPROVED, TrustDecision.REJECT): "it is an anchor: withdraw it",
    (TrustState.REJECTED, TrustDecision.REJECT): "it is rejected already",
    (TrustState.REJECTED, TrustDecision.WITHDRAW): "it is rejected, so it is no anchor",
    (TrustState.WITHDRAWN, TrustDecision.WITHDRAW): "it is withdrawn already",
}


class ImpossibleTrustDecision(OwnError):
    """The record's state doesn't admit the decision. Fields: `state`, `decision`."""

    def __init__(self, state: TrustState, decision: TrustDecision) -> None:
        self.state = state
        self.decision = decision
        super().__init__(_REFUSALS[state, decision])


class TrustSource(Enum):
    """Where a certificate came from."""

    CONFIGURATION = "configuration"
    """A file that [trust] lists: an anchor without a record, until somebody decides otherwise."""
    FILE = "file"
    CACERTS = "cacerts"
    ROOT_POOL = "root-pool"
    """OPCP's rootCerts."""
    WEBHOOK = "webhook"
    SIGNATURE = "signature"
    """An anchor signed its successor (only who decided, never where one came from)."""
    OPERATOR = "operator"
    """A person (only who decided, never where one came from)."""


@dataclass(frozen=True, slots=True)
class TrustRecord:
    """One CA certificate in one domain, and the last that was decided about it."""

    certificate: Certificate
    domain: TrustDomain
    state: TrustState
    source: TrustSource
    seen_from: str
    """Which file, PKI or address it came from, in words."""
    seen_at: datetime
    changed_at: datetime
    changed_by: str
    """Who: a person, or what acted by itself."""
    why: str = ""
    notice: str = ""
    """What its source said of it later, such as that it was revoked; nothing follows from it by itself."""
    version: int = 0

    @property
    def fingerprint(self) -> Fingerprint:
        """SHA-256 of the certificate."""
        return Fingerprint(self.certificate.fingerprint)

    def after(self, decision: TrustDecision, at: datetime, by: str, why: str) -> "TrustRecord":
        """This record once somebody has decided. Raises ImpossibleTrustDecision."""
        state = TRUST_DECISIONS.get((self.state, decision))
        if state is None:
            raise ImpossibleTrustDecision(self.state, decision)
        return replace(self, state=state, changed_at=at, changed_by=by, why=why, version=self.version + 1)


@dataclass(frozen=True, slots=True)
class TrustChange:
    """One line of the history: what became of a record, when, by whom and why."""

    fingerprint: Fingerprint
    domain: TrustDomain
    before: TrustState | None
    """None: it was not known before, or is an anchor of the configuration."""
    after: TrustState
    source: TrustSource
    """What acted."""
    at: datetime
    by: str
    why: str
