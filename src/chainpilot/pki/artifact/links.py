"""How the certificates of one input hang together: who signed whom, and whether a stack stands in the right order.

Links are signatures under the right name, never names alone. Validity and trust are not judged here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.identity import Name
from chainpilot.pki.signatures import SOUND_DIGESTS

__all__ = ["MAX_NAMESAKES", "Arrangement", "Flaw", "Stack", "is_its_own_issuer", "issuers_within", "judge_stack"]

MAX_NAMESAKES: Final = 16
"""CAs of one name whose signature is tried at most for a certificate: rollovers leave two or three."""


class Arrangement(Enum):
    """What several certificates in a row are; the values are those of the machine-readable output and stay."""

    STACK = "stack"
    """One leaf with CAs above it: the order matters."""
    AUTHORITIES = "authorities"
    """CAs alone, as a bundle of roots or what cacerts answers: the order means nothing."""
    LEAVES = "leaves"
    """Several leaves, perhaps with their CAs: a collection."""


class Flaw(Enum):
    """What is wrong with a stack; the values are codes of the machine-readable output and stay."""

    LEAF_NOT_FIRST = "leaf_not_first"
    OUT_OF_ORDER = "out_of_order"
    MISSING_LINK = "missing_link"
    STRANGER = "stranger"


@dataclass(frozen=True, slots=True)
class Stack:
    """Several certificates judged together; numbers are places in the sequence that was judged, from 0."""

    arrangement: Arrangement
    chain: tuple[int, ...] = ()
    """The places of leaf, Sub2, Sub1 and so on, as they sign one another; of a STACK only."""
    flaws: tuple[Flaw, ...] = ()
    strangers: tuple[int, ...] = ()
    """Places of certificates that neither belong to the chain nor signed anything here."""
    has_root: bool = False
    """Whether the chain ends in a root, which stations have themselves."""


def is_its_own_issuer(certificate: Certificate) -> bool:
    """Whether it is a root.

    Old web roots are signed over SHA-1, which no library checks any more; there the key identifiers must do, and a
    root's own signature proves nothing anyway.
    """
    if certificate.is_self_signed:
        return True
    wanted = certificate.extensions.authority_key_id
    names_itself = wanted is None or wanted == certificate.extensions.subject_key_id
    is_checked = certificate.signature_hash is None or certificate.signature_hash in SOUND_DIGESTS
    return certificate.is_self_issued and names_itself and not is_checked


def issuers_within(certificates: Sequence[Certificate]) -> tuple[int | None, ...]:
    """For each certificate the place of the one that signed it, itself for a root; None where it isn't there."""
    by_subject: dict[Name, list[int]] = {}
    for place, certificate in enumerate(certificates):
        by_subject.setdefault(certificate.subject_key, []).append(place)
    return tuple(
        _issuer(place, certificates, by_subject.get(certificate.issuer_key, ()))
        for place, certificate in enumerate(certificates)
    )


def judge_stack(certificates: Sequence[Certificate], issuers: Sequence[int | None]) -> Stack | None:
    """What the certificates are together; None for fewer than two different ones.

    Args:
        certificates: in the order they stand.
        issuers: what `issuers_within` answers for them.
    """
    if len(set(certificates)) < 2:
        return None
    leaves = list(dict.fromkeys(certificate for certificate in certificates if not certificate.is_ca))
    if not leaves:
        return Stack(Arrangement.AUTHORITIES)
    if len(leaves) > 1:
        return Stack(Arrangement.LEAVES)
    return _judge(certificates, issuers, certificates.index(leaves[0]))


def _issuer(place: int, certificates: Sequence[Certificate], namesakes: Sequence[int]) -> int | None:
    certificate = certificates[place]
    if is_its_own_issuer(certificate):
        return place
    wanted = certificate.extensions.authority_key_id
    # those whose key identifier fits come first, so that a crowd of namesakes hides nobody
    ordered = sorted(namesakes, key=lambda other: certificates[other].extensions.subject_key_id != wanted)
    for other in ordered[:MAX_NAMESAKES]:
        if other != place and certificate.was_signed_by(certificates[other]):
            return other
    return None


def _judge(certificates: Sequence[Certificate], issuers: Sequence[int | None], leaf: int) -> Stack:
    chain = _climb(issuers, leaf)
    members = [certificates[place] for place in chain]
    strangers = tuple(
        place
        for place, certificate in enumerate(certificates)
        if certificate not in members and not _is_kin(certificate, members)
    )
    has_root = is_its_own_issuer(members[-1])
    return Stack(Arrangement.STACK, chain, tuple(_flaws(chain, strangers, has_root=has_root)), strangers, has_root)


def _flaws(chain: Sequence[int], strangers: Sequence[int], *, has_root: bool) -> Iterator[Flaw]:
    if chain[0] != 0:
        yield Flaw.LEAF_NOT_FIRST
    elif list(chain) != sorted(chain):
        yield Flaw.OUT_OF_ORDER
    if strangers:
        yield Flaw.STRANGER if has_root else Flaw.MISSING_LINK


def _is_kin(certificate: Certificate, chain: Sequence[Certificate]) -> bool:
    """A CA of another path to the same chain: it signed one of the chain, or one of the chain signed it."""
    return any(
        (member.issuer_key == certificate.subject_key and member.was_signed_by(certificate))
        or (certificate.issuer_key == member.subject_key and certificate.was_signed_by(member))
        for member in chain[:MAX_NAMESAKES]
    )


def _climb(issuers: Sequence[int | None], leaf: int) -> tuple[int, ...]:
    chain = [leaf]
    while (above := issuers[chain[-1]]) is not None and above not in chain:
        chain.append(above)
    return tuple(chain)
