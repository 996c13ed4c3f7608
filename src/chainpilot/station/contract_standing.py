"""A contract's chain before the store's anchors: whether it holds, whose leaf it is, what a CSMS is to be asked of it.

Whether the contract may charge is not decided here: that is the agent's, with the CSMS's answer (use case C07).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.chain import Chain, chain_from_stack
from chainpilot.pki.hashdata import hash_data, naming_objection
from chainpilot.pki.verify import Reason, VerifiedChain
from chainpilot.station.judgement import RESULTS, StackRefusal, judge, profiled, read_stack
from chainpilot.station.layout import Layout
from chainpilot.station.model import (
    CaCertificateType,
    CertificateHashData,
    CertificateValidationResult,
    LeafCertificateType,
    ValidationOutcome,
)
from chainpilot.station.ocsp_requests import responder_of, way_of
from chainpilot.station.vault import Look

__all__ = ["ContractQuestion", "ContractStanding", "standing_of"]

_DOMAINS: Final = (CaCertificateType.MO, CaCertificateType.V2G)
_KINDS: Final = (LeafCertificateType.MO, LeafCertificateType.V2G)


@dataclass(frozen=True, slots=True)
class ContractQuestion:
    """A certificate of a contract's chain, as an OCSP responder is asked about it."""

    subject: CertificateHashData
    responder_url: str | None
    """None: it names none, and none is configured."""


@dataclass(frozen=True, slots=True)
class ContractStanding:
    """What the store says of a contract's chain, all of it at one moment."""

    outcome: ValidationOutcome
    chain: Chain | None = None
    """The way to the anchor where one was found; else what was sent; None where that is no chain.

    Where no anchor is known, it is the leaf and what is linked to it by signatures, without a root.
    """
    questions: tuple[ContractQuestion, ...] = ()
    """Leaf, Sub2, Sub1 of a chain that holds: all of them, whether they name a responder or not."""
    objection: str | None = None
    """Why a certificate of a chain that holds can't be asked about at all."""
    ends: datetime | None = None
    """When the first certificate of the way ends, its anchor counted: no answer counts longer. None: no way."""

    @property
    def holds(self) -> bool:
        """Whether the chain leads to an anchor of MO or V2G, everything in it being valid."""
        return self.outcome.result is CertificateValidationResult.VALID and self.ends is not None


def standing_of(look: Look, layout: Layout, text: str, at: datetime) -> ContractStanding:
    """Judge a chain against the anchors of MO and V2G, as verify_certificate does, and tell what belongs to it.

    Raises:
        VaultReadError: a bundle can't be read, and may hold the issuer.
    """
    sent = read_stack(text)
    if isinstance(sent, StackRefusal):
        return ContractStanding(sent.outcome)
    verdict = judge(look, layout, sent, _DOMAINS, at)
    if not isinstance(verdict, VerifiedChain):
        return _refused(sent, verdict, at)
    way = way_of(verdict)
    objections = (f"{one.subject}: {why}" for one, _ in way if (why := naming_objection(one)) is not None)
    return ContractStanding(
        profiled(layout, verdict.leaf, _KINDS),
        verdict.chain,
        tuple(ContractQuestion(hash_data(one, issuer), responder_of(one, layout)) for one, issuer in way),
        next(objections, None),
        min(one.not_after for one in (*verdict.chain.certificates, verdict.anchor)),
    )


def _refused(sent: Chain, outcome: ValidationOutcome, at: datetime) -> ContractStanding:
    """A leaf whose own time is over, or hasn't begun, is no good whoever issued it: nobody need be asked."""
    if outcome.cause is not Reason.ISSUER_NOT_FOUND:
        return ContractStanding(outcome, sent)
    if (untimely := _untimely(sent.leaf, at)) is not None:
        return ContractStanding(untimely, sent)
    return ContractStanding(outcome, chain_from_stack(sent.certificates))


def _untimely(leaf: Certificate, at: datetime) -> ValidationOutcome | None:
    if leaf.valid_at(at):
        return None
    if at > leaf.not_after:
        cause, why = Reason.EXPIRED, f"{leaf.subject}: ended {leaf.not_after.isoformat()}"
    else:
        cause, why = Reason.NOT_YET_VALID, f"{leaf.subject}: begins {leaf.not_before.isoformat()}"
    return ValidationOutcome(RESULTS[cause], why, cause)
