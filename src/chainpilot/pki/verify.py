"""Path validation at a given time: a Chain and anchors in, a VerifiedChain or a reason out.

OpenSSL decides each path; around it stand the wrapper's numbered duties, cited as "duty N". They are listed in
docs/reference/verification.md. Profiles (who may have which name and key usage) are not judged here, and revocation
lists are taken as they are given.
"""

import itertools
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Final, final

from OpenSSL import crypto

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.chain import Chain
from chainpilot.pki.crl import Crl, NoCurrentCrl, Revoked, revocation
from chainpilot.pki.extensions import KeyUsageBit
from chainpilot.pki.paths import MAX_CANDIDATES, MAX_PATH_LENGTH, Path, PathSearch
from chainpilot.pki.signatures import SOUND_DIGESTS
from chainpilot.pki.trust import TrustAnchors

__all__ = ["Reason", "Refusal", "Rules", "VerifiedChain", "verify"]


class Reason(Enum):
    """Why a chain is not accepted; the station and the CPMS map these to their own words."""

    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    BAD_SIGNATURE = "bad signature"
    BAD_LEAF_SIGNATURE = "leaf signature can't be verified"
    ISSUER_NOT_FOUND = "issuer not found"
    INVALID_CHAIN = "invalid chain"
    REVOKED = "revoked"
    REVOCATION_UNKNOWN = "no current revocation list"
    WEAK_ALGORITHM = "weak algorithm"
    NOT_A_LEAF = "not a leaf"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, slots=True)
class Refusal:
    """The reason a chain is not accepted, for programs and for people."""

    reason: Reason
    detail: str
    depth: int | None = None
    """Position in the path of the certificate at fault, the leaf being 0; None when it is no single one."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a judgement takes into account beside the path itself."""

    only_leaf_end: bool = False
    """The reference's way: of all times only the leaf's end counts (duty 3)."""
    crls: tuple[Crl, ...] = ()
    needs_crls: bool = False
    """Whether every certificate below the anchor needs its issuer's current list; else only what is there counts."""


_STRICT: Final = Rules()
_MADE_BY_VERIFY: Final = object()


@final
class VerifiedChain:
    """A chain that `verify` found good at the time `at`, with the anchor it ends at. Only `verify` makes one."""

    __slots__ = ("anchor", "at", "chain")

    chain: Chain
    anchor: Certificate
    at: datetime

    def __init__(self, chain: Chain, anchor: Certificate, at: datetime, *, proof: object) -> None:
        if proof is not _MADE_BY_VERIFY:
            raise TypeError("a VerifiedChain is made by verify() only")
        object.__setattr__(self, "chain", chain)
        object.__setattr__(self, "anchor", anchor)
        object.__setattr__(self, "at", at)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"a VerifiedChain can't be changed ({name})")

    def __repr__(self) -> str:
        return f"<VerifiedChain {self.leaf.subject} to {self.anchor.subject} at {self.at.isoformat()}>"

    @property
    def leaf(self) -> Certificate:
        """The end-entity certificate."""
        return self.chain.leaf

    @property
    def intermediates(self) -> tuple[Certificate, ...]:
        """The sub-CAs of the path, nearest the leaf first."""
        return self.chain.intermediates


def verify(chain: Chain, anchors: TrustAnchors, at: datetime, rules: Rules = _STRICT) -> VerifiedChain | Refusal:
    """Whether the chain's leaf leads to an anchor at the time `at`, everything in the path being valid then.

    Args:
        chain: the leaf and the certificates that may stand between; any that don't help are passed over.
        anchors: where a path may end; their validity counts too.
        at: timezone-aware; the judgement is for this moment and nothing is remembered.
        rules: revocation lists, and what of the times counts.

    Returns:
        The path as a VerifiedChain, or the most telling refusal of all paths tried. Never an exception for
        anything that came from outside.

    Raises:
        ValueError: `at` has no timezone, which is our own mistake.
    """
    if at.tzinfo is None:
        raise ValueError("the time of a judgement needs a timezone")
    if (refusal := _leaf_refusal(chain.leaf)) is not None:
        return refusal
    refusals: list[Refusal] = []
    # duty 2: OpenSSL doesn't backtrack, so each path is offered to it alone
    search = PathSearch(chain, anchors, at)
    for path in search.paths():
        refusal = _path_refusal(path, at, rules)
        if refusal is None:
            return VerifiedChain(Chain(path[0], path[1:-1]), path[-1], at, proof=_MADE_BY_VERIFY)
        refusals.append(refusal)
    return min(refusals, key=_distance) if refusals else _no_path(search, chain, anchors)


def _leaf_refusal(leaf: Certificate) -> Refusal | None:
    """Duty 5: a leaf is no CA and signs no certificates."""
    usage = leaf.extensions.key_usage or frozenset()
    if leaf.is_ca or KeyUsageBit.KEY_CERT_SIGN in usage:
        return Refusal(Reason.NOT_A_LEAF, f"{leaf.subject} is a CA, not a leaf", 0)
    return None


def _path_refusal(path: Path, at: datetime, rules: Rules) -> Refusal | None:
    return (
        _openssl_refusal(path)
        or _version_refusal(path)
        or _time_refusal(path, at, rules)
        or _algorithm_refusal(path)
        or _revocation_refusal(path, at, rules)
    )


def _openssl_refusal(path: Path) -> Refusal | None:
    """Names, signatures and constraints of the path; not its times."""
    leaf, *between, anchor = path
    # duty 8: a fresh store for each path, which can end nowhere else
    store = crypto.X509Store()
    store.add_cert(anchor.openssl)
    store.set_flags(_NO_CHECK_TIME)
    if any(_POLICY_CONSTRAINTS in certificate.extensions.present for certificate in path[:-1]):
        # duty 6: else OpenSSL takes the demand for understood and does nothing about it
        store.set_flags(crypto.X509StoreFlags.POLICY_CHECK)
    if not anchor.is_self_signed:
        # duty 9: only a configured sub-CA lets a path end before a root
        store.set_flags(crypto.X509StoreFlags.PARTIAL_CHAIN)
    context = crypto.X509StoreContext(store, leaf.openssl, [certificate.openssl for certificate in between])
    try:
        context.verify_certificate()
    except crypto.X509StoreContextError as error:
        return _translate(path, error.errors[0], error.errors[1], error.errors[2])
    except crypto.Error as error:
        return Refusal(Reason.UNREADABLE, f"OpenSSL can't judge the chain: {error}")
    return None


def _version_refusal(path: Path) -> Refusal | None:
    """Duty 6: only version 3 has extensions, so nothing else can say that it is a CA (RFC 5280 section 6.1.4 (k))."""
    for depth, certificate in enumerate(path):
        if certificate.version != 3 and certificate.extensions.present:
            why = f"{certificate.subject} has extensions, but is of version {certificate.version}"
            return Refusal(Reason.INVALID_CHAIN, why, depth)
    return None


def _time_refusal(path: Path, at: datetime, rules: Rules) -> Refusal | None:
    """Duty 3: from the anchor down; a path must hold before its times are worth telling."""
    counted = path[:1] if rules.only_leaf_end else path
    for depth, certificate in reversed(tuple(enumerate(counted))):
        if at < certificate.not_before and not rules.only_leaf_end:
            begins = certificate.not_before.isoformat()
            return Refusal(Reason.NOT_YET_VALID, f"{certificate.subject}: begins {begins}", depth)
        if at > certificate.not_after:
            return Refusal(Reason.EXPIRED, f"{certificate.subject}: ended {certificate.not_after.isoformat()}", depth)
    return None


_NO_CHECK_TIME: Final = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME, which pyOpenSSL doesn't name. Whether a certificate still counts in the very second in
which it ends depends on OpenSSL's version (through 3.5 it doesn't), so the times are judged here (duty 3)."""
_POLICY_CONSTRAINTS: Final = "2.5.29.36"
_BAD_SIGNATURE: Final = frozenset({4, 6, 7})
_NO_ISSUER: Final = frozenset({2, 18, 19, 20, 27})
_LEAF_UNVERIFIABLE: Final = frozenset({21})
_REVOKED: Final = frozenset({23})
_WEAK: Final = frozenset({66, 67, 68})
_REASONS: Final = {
    **dict.fromkeys(_BAD_SIGNATURE, Reason.BAD_SIGNATURE),
    **dict.fromkeys(_NO_ISSUER, Reason.ISSUER_NOT_FOUND),
    **dict.fromkeys(_LEAF_UNVERIFIABLE, Reason.BAD_LEAF_SIGNATURE),
    **dict.fromkeys(_REVOKED, Reason.REVOKED),
    **dict.fromkeys(_WEAK, Reason.WEAK_ALGORITHM),
}
"""OpenSSL's X509_V_ERR codes (x509_vfy.h); all others, such as CA:false, path length, critical unknown extensions and
name constraints, are an invalid chain (duty 6)."""


def _translate(path: Path, code: int, depth: int, words: str) -> Refusal:
    reason = _REASONS.get(code, Reason.INVALID_CHAIN)
    at_fault, *above = path[depth:] if 0 <= depth < len(path) else path[-1:]
    if reason is Reason.ISSUER_NOT_FOUND and above and at_fault.was_signed_by(above[0]):
        # nobody is missing: one of the two has malformed extensions, or the wrong key identifier or none
        reason, words = Reason.INVALID_CHAIN, f"{above[0].subject} signed it, but OpenSSL can't tell: {words}"
    return Refusal(reason, f"{at_fault.subject}: {words}", depth)


def _algorithm_refusal(path: Path) -> Refusal | None:
    """Duty 4: what OpenSSL accepts and we don't; an anchor's own signature proves nothing, its key counts."""
    for depth, certificate in enumerate(path):
        if (weakness := certificate.key_weakness) is not None:
            return Refusal(Reason.WEAK_ALGORITHM, f"{certificate.subject} has {weakness}", depth)
        digest = certificate.signature_hash
        if certificate is not path[-1] and digest is not None and digest not in SOUND_DIGESTS:
            return Refusal(Reason.WEAK_ALGORITHM, f"{certificate.subject} is signed over {digest}", depth)
    return None


def _revocation_refusal(path: Path, at: datetime, rules: Rules) -> Refusal | None:
    """Duty 10: what the issuers' lists say, where there are any; a missing list never means that all is well."""
    if not rules.crls and not rules.needs_crls:
        return None
    for depth, (certificate, issuer) in enumerate(itertools.pairwise(path)):
        match revocation(rules.crls, certificate, issuer, at):
            case Revoked(revoked_at=since):
                return Refusal(Reason.REVOKED, f"{certificate.subject} was revoked {since.isoformat()}", depth)
            case NoCurrentCrl(why=why) if rules.needs_crls:
                return Refusal(Reason.REVOCATION_UNKNOWN, f"{certificate.subject}: {why}", depth)
    return None


_TELLING: Final = (
    Reason.REVOKED,
    Reason.REVOCATION_UNKNOWN,
    Reason.WEAK_ALGORITHM,
    Reason.EXPIRED,
    Reason.NOT_YET_VALID,
    Reason.INVALID_CHAIN,
    Reason.NOT_A_LEAF,
    Reason.BAD_SIGNATURE,
    Reason.BAD_LEAF_SIGNATURE,
    Reason.UNREADABLE,
    Reason.ISSUER_NOT_FOUND,
)
"""Of several paths the one that got furthest tells most: an expired right root says more than a wrong namesake."""


def _distance(refusal: Refusal) -> int:
    return _TELLING.index(refusal.reason)


def _no_path(search: PathSearch, chain: Chain, anchors: TrustAnchors) -> Refusal:
    if not len(anchors):
        return Refusal(Reason.ISSUER_NOT_FOUND, "there is no trust anchor to lead to")
    if search.gave_up:
        why = (
            f"more than {MAX_CANDIDATES} certificates have names that might lead from {chain.leaf.subject} to an anchor"
        )
        return Refusal(Reason.INVALID_CHAIN, why)
    if search.is_too_long:
        why = f"more than {MAX_PATH_LENGTH} certificates stand between {chain.leaf.subject} and its anchor"
        return Refusal(Reason.INVALID_CHAIN, why)
    top = search.top()
    return Refusal(
        Reason.ISSUER_NOT_FOUND,
        f"{top.subject} was issued by somebody who was neither sent along nor is a trust anchor: {top.issuer}",
    )
