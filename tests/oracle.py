"""What RFC 5280 and the duties of docs/reference/verification.md say of a drafted chain.

It reads the drafts, so it knows who really signed: no parser, no OpenSSL, and nothing of what it is to judge. It tries
every way that names allow.
"""

import itertools
from collections.abc import Iterator
from enum import Enum

from chains import BIG, BROKEN_BASICS, BROKEN_NAMES, SECOND_BASICS, UNKNOWN, Case
from drafts import CERT_SIGN, Draft, Name, extensions_of, family_of, kind_of

__all__ = [
    "LONGEST",
    "WEAK_DIGESTS",
    "WEAK_KINDS",
    "Fault",
    "Way",
    "admitted",
    "contradict",
    "is_malformed",
    "looks_self_signed",
    "ways",
]

LONGEST = 10
"""CAs between leaf and anchor."""
FEW = 5
WEAK_KINDS = frozenset({"RSA-1024", "P-192", "P-224", "secp256k1"})
WEAK_DIGESTS = frozenset({"md5", "sha1", "sha224"})

Way = tuple[Draft, ...]
"""Leaf first, anchor last."""


class Fault(Enum):
    """What may be wrong with a way; each word is one that a judge could give as its reason."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    SIGNATURE = "signature"
    ISSUER = "issuer"
    CHAIN = "chain"
    WEAK = "weak"
    NOT_A_LEAF = "not a leaf"
    UNREADABLE = "unreadable"


def ways(case: Case) -> list[tuple[Way, frozenset[Fault]]]:
    """Every way up from the leaf, each with all that is wrong with it; a good chain has one with nothing wrong.

    A way that ends nowhere lacks an issuer. What stands in no way counts only if it can't be read.
    """
    plan = case.plan
    unreadable = any(map(_is_unreadable, case.written))
    found = [(way, _faults(case, way)) for way in _climb(case, (plan.leaf,))]
    if not unreadable:
        return found
    return [(way, faults | {Fault.UNREADABLE}) for way, faults in found]


def admitted(draft: Draft) -> bool:
    """Whether it is taken as an anchor: a CA that says so."""
    return draft.is_extended and (draft.is_ca is True or SECOND_BASICS in draft.extensions)


def _climb(case: Case, way: Way) -> Iterator[Way]:
    anchors = [anchor for anchor in case.plan.anchors if anchor.subject == way[-1].issuer and anchor is not way[0]]
    yield from ((*way, anchor) for anchor in anchors)
    passed = {(one.subject, id(one.key)) for one in way}
    above = [
        other
        for other in dict.fromkeys(case.plan.sent)
        if other.subject == way[-1].issuer and not other.is_self_signed and (other.subject, id(other.key)) not in passed
    ]
    if not anchors and (not above or len(way) > LONGEST + 2):
        yield way
    elif len(way) <= LONGEST + 2:
        # what lies above a broken link proves nothing, so of a crowd there one is as good as another
        for other in above if _holds(way) or len(above) < FEW else above[:1]:
            yield from _climb(case, (*way, other))


def _holds(way: Way) -> bool:
    return all(below.signer.key is above.key and not below.is_spoilt for below, above in itertools.pairwise(way))


def _faults(case: Case, way: Way) -> frozenset[Fault]:
    leaf, anchor = way[0], way[-1]
    found = set(itertools.chain(_times(case, way), _links(way), _chain(way), _strength(way)))
    if leaf.is_extended and (leaf.is_ca or CERT_SIGN in (leaf.usage or ())):
        found.add(Fault.NOT_A_LEAF)
    is_ended = len(way) > 1 and anchor in case.plan.anchors and admitted(anchor)
    if not is_ended or leaf.is_self_signed:
        found.add(Fault.ISSUER)
    return frozenset(found)


def _times(case: Case, way: Way) -> Iterator[Fault]:
    for draft in way:
        if draft.begin > case.plan.at:
            yield Fault.NOT_YET_VALID
        if draft.end < case.plan.at:
            yield Fault.EXPIRED


def _links(way: Way) -> Iterator[Fault]:
    for below, above in itertools.pairwise(way):
        signed = below.signer.key is above.key and not below.is_spoilt
        if not signed:
            yield Fault.SIGNATURE
        if family_of(below.signer.key) != family_of(above.key) or is_malformed(below) or is_malformed(above):
            yield Fault.ISSUER
        if looks_self_signed(below):
            yield from (Fault.CHAIN, Fault.ISSUER)
        if above is not way[-1] and _is_taken_for(below, way[-1]):
            yield from (Fault.SIGNATURE, Fault.CHAIN)
        if contradict(below, above):
            yield Fault.ISSUER
            if signed:
                yield Fault.CHAIN


def _is_taken_for(below: Draft, anchor: Draft) -> bool:
    """The other half of that case: OpenSSL looks among the trusted first, and nothing tells it of another key."""
    is_named = below.issuer == anchor.subject and family_of(below.signer.key) == family_of(anchor.key)
    return is_named and not contradict(below, anchor)


def contradict(below: Draft, above: Draft) -> bool:
    """RFC 5280 needs no key identifiers to find a path, but OpenSSL takes them at their word."""
    if below.aki_serial is not None and below.is_extended:
        return (below.aki_serial, below.signer.issuer) != (above.serial, above.issuer)
    return below.aki is not None and above.ski is not None and below.aki != above.ski


def looks_self_signed(draft: Draft) -> bool:
    """The case that the duties leave open: without key identifiers OpenSSL tells by name alone what signed itself."""
    if draft.issuer != draft.subject or draft.is_self_signed or draft.aki_serial is not None:
        return False
    has_other_key = draft.aki is not None and draft.ski is not None and draft.aki != draft.ski
    return not has_other_key and family_of(draft.signer.key) == family_of(draft.key)


def is_malformed(draft: Draft) -> bool:
    """Whether an extension holds what RFC 5280 section 4.2.1 forbids."""
    if not draft.is_extended:
        return False
    return BROKEN_NAMES in draft.extensions or draft.usage == frozenset() or (draft.path_length or 0) < 0


def _chain(way: Way) -> Iterator[Fault]:
    """RFC 5280 section 6.1.4 (k) to (n), and what stands in the extensions; the anchor's count as all others' do."""
    for height, draft in enumerate(way):
        written = extensions_of(draft) if draft.is_extended else []
        if UNKNOWN in written or is_malformed(draft) or (written and draft.version != 3):
            yield Fault.CHAIN
        if height and not _may_issue(draft):
            yield Fault.CHAIN
        if height and draft.is_extended and not _fits_length(draft, way[1:height]):
            yield Fault.CHAIN
        if height and not _fits_names(draft, way[:height]):
            yield Fault.CHAIN
    if any(draft.asks_for_policy for draft in way[1:-1]):
        yield Fault.CHAIN
    if len(way) - 2 > LONGEST:
        yield Fault.CHAIN


def _may_issue(draft: Draft) -> bool:
    return admitted(draft) and (draft.usage is None or CERT_SIGN in draft.usage)


def _fits_length(draft: Draft, below: Way) -> bool:
    counted = [one for one in below if one.issuer != one.subject]
    return draft.path_length is None or len(counted) <= draft.path_length


def _fits_names(draft: Draft, below: Way) -> bool:
    constraint = draft.constraint
    if constraint is None or not draft.is_extended:
        return True
    named = [
        one for height, one in enumerate(below) if one.subject != Name() and (not height or one.issuer != one.subject)
    ]
    is_inside = [one.subject.organization == constraint.organization for one in named]
    if constraint.has_minimum and named:
        return False
    return all(is_inside) if constraint.permitted else not any(is_inside)


def _strength(way: Way) -> Iterator[Fault]:
    if any(kind_of(draft.key) in WEAK_KINDS for draft in way):
        yield Fault.WEAK
    if any(draft.hashed_by in WEAK_DIGESTS for draft in way[:-1]):
        yield Fault.WEAK


def _is_unreadable(draft: Draft) -> bool:
    if draft.outer_digest is not None and draft.outer_digest != draft.hashed_by and draft.hashed_by is not None:
        return True
    if draft.version == 2:
        return True
    written = extensions_of(draft) if draft.is_extended else []
    oids = [one.oid for one in written]
    return len(oids) != len(set(oids)) or BROKEN_BASICS in written or BIG in written
