"""What an issued certificate must be before anything of it goes to a station (est-opcp-ocsp.md section 1)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chainpilot.cpms.enrolment.rights import excess
from chainpilot.cpms.model import Reason, Slot
from chainpilot.cpms.ports import RootStanding
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.chain import Chain, ChainDefect, ChainError, chain_from_bag
from chainpilot.pki.csr import Csr
from chainpilot.pki.identity import Name
from chainpilot.pki.profiles import CSMS_CLIENT_LEAF, SECC_LEAF, Profile, lint
from chainpilot.pki.trust import LeafUse, TrustAnchors, TrustDomain
from chainpilot.pki.verify import Reason as VerifyReason
from chainpilot.pki.verify import Refusal, Rules, VerifiedChain, verify

__all__ = ["Unfit", "check_issued", "check_path", "check_standing"]

_PROFILES: Final[dict[LeafUse, Profile]] = {LeafUse.V2G: SECC_LEAF, LeafUse.CSMS: CSMS_CLIENT_LEAF}
_NO_LISTS: Final = Rules()
_MAX_STRANGERS: Final = 2
"""Roots named in a sentence; a PKI shows one, or two while it rolls over."""
_WORDS: Final = {"2.5.4.3": "CN", "2.5.4.6": "C", "2.5.4.10": "O", "2.5.4.11": "OU", "0.9.2342.19200300.100.1.25": "DC"}


@dataclass(frozen=True, slots=True)
class Unfit:
    """Why the certificates are not delivered."""

    reason: Reason
    detail: str

    @property
    def may_be_stale(self) -> bool:
        """Fresh cacerts could cure it."""
        return self.reason in {Reason.CHAIN_NOT_TRUSTED, Reason.SUB_CA_EXPIRED}


def check_issued(
    csr: Csr,
    slot: Slot,
    answer: Iterable[Certificate],
    cacerts: Iterable[Certificate],
    anchors: TrustAnchors,
    *,
    at: datetime,
    rules: Rules = _NO_LISTS,
) -> VerifiedChain | Unfit:
    """Judge what a CA answered to a request.

    1. one certificate has the request's key
    2. its subject is as asked, with nothing left out or added
    3. it is not a CA
    4. its chain, ordered by signature, leads to an anchor of the domain, all of it valid and, by the rules, not revoked
    5. it fits the profile of its use, and gives no right or name beyond that, whatever else the CA put in

    Args:
        csr: the request.
        slot: what it is for.
        answer: the CA's answer to the request, in any order.
        cacerts: the CA's own certificates, in any order.
        anchors: those of the use's domain.
        at: the time to judge at; a leaf that begins later is judged at its begin.
        rules: the revocation lists that count.
    """
    answer, cacerts = tuple(answer), tuple(cacerts)
    chain = _assemble(csr, answer, cacerts)  # 1
    if isinstance(chain, Unfit):
        return chain
    leaf = chain.leaf
    if _attributes(leaf.subject_name) != _attributes(csr.subject_name):  # 2
        asked, given = _words_of(csr.subject_name), _words_of(leaf.subject_name)
        return Unfit(Reason.LEAF_SUBJECT_MISMATCH, f"asked for {asked}; the certificate says {given}")
    if leaf.is_ca:  # 3
        return Unfit(Reason.LEAF_IS_CA, f"the certificate for {leaf.subject} is a CA's")
    judged = check_path(chain, anchors, at, rules)  # 4
    if isinstance(judged, Unfit):
        return _with_hint(judged, (*answer, *cacerts), anchors)
    misfit = _misfit(leaf, slot.use)  # 5
    return Unfit(Reason.LEAF_PROFILE_MISMATCH, misfit) if misfit is not None else judged


def _misfit(leaf: Certificate, use: LeafUse) -> str | None:
    findings = lint(leaf, _PROFILES[use])
    if findings:
        return "; ".join(f"{finding.rule}: {finding.detail}" for finding in findings)
    beyond = excess(leaf.extensions, use)
    return f"the certificate has {beyond}" if beyond is not None else None


def check_path(chain: Chain, anchors: TrustAnchors, at: datetime, rules: Rules = _NO_LISTS) -> VerifiedChain | Unfit:
    """Does the chain lead to an anchor at `at`, or at its leaf's begin if that is later?"""
    judged = verify(chain, anchors, max(at, chain.leaf.not_before), rules)
    if isinstance(judged, VerifiedChain):
        return judged
    return Unfit(_reason_of(judged), f"{chain.leaf.issuer}: {judged.detail}")


def check_standing(judged: VerifiedChain, domain: TrustDomain, standing: RootStanding) -> VerifiedChain | Unfit:
    """Was any CA of the chain decided against? Its own signatures stay good when it is, so they can't tell."""
    for one in judged.chain.certificates:
        if one.is_ca and (why := standing.objection_to_issuer(one, domain)) is not None:
            return Unfit(Reason.CHAIN_NOT_TRUSTED, f"the chain leads through {one.subject}, and {why}")
    return judged


def _with_hint(unfit: Unfit, shown: Iterable[Certificate], anchors: TrustAnchors) -> Unfit:
    """Name the roots that the PKI shows and we don't trust, so that a person can ask their owner about them."""
    strangers = [one for one in dict.fromkeys(shown) if one.is_ca and one.is_self_signed and one not in anchors.anchors]
    if unfit.reason is not Reason.CHAIN_NOT_TRUSTED or not strangers:
        return unfit
    named = ", ".join(f"{one.subject} (SHA-256 {one.fingerprint})" for one in strangers[:_MAX_STRANGERS])
    hint = f"the PKI shows {named}, which is no anchor of ours: approve it only after checking that fingerprint"
    return Unfit(unfit.reason, f"{unfit.detail}; {hint}")


def _attributes(name: Name) -> Counter[tuple[str, str]]:
    """What a name says, whatever order a CA writes it in."""
    return Counter(attribute for relative in name for attribute in relative)


def _words_of(name: Name) -> str:
    return ", ".join(f"{_WORDS.get(oid, oid)}={text}" for oid, text in sorted(_attributes(name).elements()))


def _assemble(csr: Csr, answer: Iterable[Certificate], cacerts: Iterable[Certificate]) -> Chain | Unfit:
    """An answer and cacerts are bounded each by itself where they are read; only what signed the leaf counts here."""
    answered = tuple(dict.fromkeys(answer))
    leaves = [certificate for certificate in answered if certificate.spki_hash == csr.spki_hash]
    if not leaves:
        detail = f"none of the {len(answered)} certificates answered is for the key of the request"
        return Unfit(Reason.LEAF_KEY_MISMATCH, detail)
    try:
        return chain_from_bag(csr.spki_hash, _with_signers(leaves, (*answered, *cacerts)))
    except ChainError as error:
        too_many = error.defect is ChainDefect.TOO_MANY
        reason = Reason.PKI_ANSWER_UNREADABLE if too_many else Reason.LEAF_KEY_MISMATCH
        return Unfit(reason, error.why)


def _with_signers(leaves: Iterable[Certificate], others: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """The leaves, and of the others those above them: what they signed leads down to a leaf."""
    rising = list(leaves)
    left = [other for other in dict.fromkeys(others) if other.is_ca and not other.is_self_signed]
    for certificate in rising:
        signers = [other for other in left if certificate.was_signed_by(other)]
        left = [other for other in left if other not in signers]
        rising.extend(signers)
    return tuple(rising)


def _reason_of(refusal: Refusal) -> Reason:
    match refusal.reason:
        case VerifyReason.EXPIRED:
            return Reason.SUB_CA_EXPIRED if refusal.depth else Reason.LEAF_EXPIRED
        case VerifyReason.REVOKED:
            return Reason.CHAIN_REVOKED
        case VerifyReason.REVOCATION_UNKNOWN:
            return Reason.REVOCATION_UNKNOWN
        case _:
            return Reason.CHAIN_NOT_TRUSTED
