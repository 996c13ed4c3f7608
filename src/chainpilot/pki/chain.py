"""A chain: leaf first, sub-CAs in the order in which each signed the one before, no root.

Order comes from signatures, never from position, subject text or a CA's name (est-opcp-ocsp.md section 1).
Whether the chain leads to an anchor is not judged here.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chainpilot.errors import PeerError
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.keys import SpkiHash

__all__ = ["MAX_CERTIFICATES", "Chain", "ChainDefect", "ChainError", "chain_from_bag", "chain_from_stack"]

MAX_CERTIFICATES: Final = 32
"""Certificates taken at most with one leaf (x509.md duty 1); ISO 15118-2 allows three that aren't roots."""


class ChainDefect(Enum):
    """Why certificates make no chain."""

    EMPTY = "no certificate"
    TOO_MANY = "too many certificates"
    LEAF_NOT_FIRST = "leaf is not first"
    NO_LEAF_FOR_KEY = "no certificate for the key"
    SEVERAL_LEAVES_FOR_KEY = "several certificates for the key"


class ChainError(PeerError):
    """Certificates make no chain: `defect` is the kind, `why` the sentence."""

    def __init__(self, defect: ChainDefect, why: str) -> None:
        super().__init__(why)
        self.defect = defect
        self.why = why


@dataclass(frozen=True, slots=True)
class Chain:
    """A leaf and the sub-CAs above it, nearest first, as far as their signatures link; no self-signed certificate.

    Where a sub-CA was signed by several (cross-signed, renewed), all of them are there: which way leads to an anchor is
    for `verify` to find, and the chain of its `VerifiedChain` is that way alone.
    """

    leaf: Certificate
    intermediates: tuple[Certificate, ...] = ()

    @property
    def certificates(self) -> tuple[Certificate, ...]:
        """Leaf first, then the sub-CAs."""
        return (self.leaf, *self.intermediates)

    def to_pem(self) -> str:
        """The PEM stack that goes to a station: leaf, Sub2, Sub1 (seed 003)."""
        return "".join(certificate.to_pem() for certificate in self.certificates)


def chain_from_stack(certificates: Sequence[Certificate], *, by_signature: bool = True) -> Chain:
    """The chain of a stack whose first certificate is the leaf, the rest in any order (x509.md duty 5).

    Roots and certificates that don't belong are left out. Without `by_signature` the rest stays as it was sent: for
    `verify`, which finds the path itself and checks every signature of it anyway.

    Raises:
        ChainError: empty, more than MAX_CERTIFICATES, or the first is a CA while a leaf stands further down.
    """
    _check_count(len(certificates))
    first, *rest = certificates
    if first.is_ca and any(not certificate.is_ca for certificate in rest):
        raise ChainError(ChainDefect.LEAF_NOT_FIRST, f"the leaf is not first: {first.subject} is a CA")
    return Chain(first, _ascend(first, rest) if by_signature else tuple(rest))


def chain_from_bag(leaf_key: SpkiHash, bag: Iterable[Certificate]) -> Chain:
    """The chain in an unordered bag whose leaf is the certificate with the key `leaf_key`.

    Duplicates, roots and certificates that don't belong are left out, so any permutation gives the same chain.

    Raises:
        ChainError: no certificate, or several, with that key; more than MAX_CERTIFICATES.
    """
    certificates = tuple(dict.fromkeys(bag))
    _check_count(len(certificates))
    leaves = [certificate for certificate in certificates if certificate.spki_hash == leaf_key]
    if not leaves:
        raise ChainError(ChainDefect.NO_LEAF_FOR_KEY, "none of the certificates is for the key of the request")
    if len(leaves) > 1:
        raise ChainError(ChainDefect.SEVERAL_LEAVES_FOR_KEY, f"{len(leaves)} certificates are for the same key")
    return Chain(leaves[0], _ascend(leaves[0], certificates))


def _check_count(count: int) -> None:
    if not count:
        raise ChainError(ChainDefect.EMPTY, "there is no certificate")
    if count > MAX_CERTIFICATES:
        raise ChainError(ChainDefect.TOO_MANY, f"{count} certificates; at most {MAX_CERTIFICATES} are taken")


def _ascend(leaf: Certificate, others: Iterable[Certificate]) -> tuple[Certificate, ...]:
    """Every CA that signed the leaf or a CA found before it, nearest first; of several signers all are kept."""
    candidates = sorted(
        {other for other in others if other.is_ca and other != leaf and not other.is_self_signed},
        key=_newest_first,
    )
    reached = [leaf]
    for certificate in reached:
        signers = [other for other in candidates if other not in reached and certificate.was_signed_by(other)]
        reached.extend(signers)
    return tuple(reached[1:])


def _newest_first(certificate: Certificate) -> tuple[float, str]:
    """Among certificates of one key (a renewed or cross-signed sub-CA) first the one that ends last, then by bytes."""
    return -certificate.not_after.timestamp(), certificate.fingerprint
