"""What a judgement of an OCSP answer can be: a signed word on the certificate, or the reason why there is none."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from chainpilot.pki.crl import RevocationReason

__all__ = ["Good", "Indeterminate", "OcspDefect", "OcspVerdict", "Revoked", "Unknown"]


class OcspDefect(Enum):
    """Why an answer tells nothing about the certificate."""

    TOO_LONG = "too long"
    MALFORMED = "malformed"
    CRITICAL_EXTENSION = "unknown critical extension"
    NOT_SUCCESSFUL = "responder gave no answer"
    OTHER_ISSUER = "hash data of another issuer"
    NOT_FOR_THIS = "not for this certificate"
    WRONG_SIGNER = "signer not entitled"
    SIGNER_NOT_VALID = "signer not valid now"
    WEAK_ALGORITHM = "weak algorithm"
    BAD_SIGNATURE = "bad signature"
    NOT_YET = "not yet in force"
    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Good:
    """The certificate is issued and not revoked, says who may say so."""

    produced_at: datetime
    this_update: datetime
    next_update: datetime | None
    until: datetime
    """The last moment at which the answer counts: nextUpdate, or the greatest age of an answer without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """The certificate is revoked, says who may say so."""

    revoked_at: datetime
    reason: RevocationReason
    produced_at: datetime
    this_update: datetime
    next_update: datetime | None
    until: datetime
    """As in `Good`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown:
    """The responder doesn't know the certificate; a signed answer, but never "good"."""

    produced_at: datetime
    this_update: datetime
    next_update: datetime | None
    until: datetime
    """As in `Good`."""


@dataclass(frozen=True, slots=True)
class Indeterminate:
    """There is no believable answer: the kind of defect, and a sentence. Never "good"."""

    why: OcspDefect
    detail: str


OcspVerdict = Good | Revoked | Unknown | Indeterminate
