"""Do a PKI's CAs lead to the anchors that we have?"""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise
from typing import Final

from chainpilot.cpms.checkup.findings import Finding, Grade, Step
from chainpilot.pki.certificate import Certificate
from chainpilot.pki.chain import Chain
from chainpilot.pki.paths import PathSearch
from chainpilot.pki.trust import LeafUse, TrustAnchors

__all__ = ["judge_cas", "written"]

_KEYS: Final = {LeafUse.V2G: "v2g", LeafUse.CSMS: "csms"}
_WORDS: Final = {LeafUse.V2G: "SECC", LeafUse.CSMS: "client"}


def judge_cas(cacerts: Sequence[Certificate], anchors: TrustAnchors, use: LeafUse, at: datetime) -> Finding:
    """Judge the CAs that may sign leaves of this use: those that lead to an anchor now, and what isn't trusted.

    Trust never arrives by itself: a root among them is told with its fingerprint, and counts when a person lists it.
    """
    key = f"trust.{_KEYS[use]}"
    subs = [one for one in cacerts if one.is_ca and not one.is_self_signed]
    lowest = [one for one in subs if not any(other.was_signed_by(one) for other in subs)] or list(cacerts)
    verdicts = {one: _anchor_of(one, subs, anchors, at) for one in lowest}
    leading = {one: anchor for one, anchor in verdicts.items() if isinstance(anchor, Certificate)}
    strange = [one for one in cacerts if one.is_self_signed and one not in anchors.anchors]
    roots = "; ".join(f"{one.subject}, SHA-256 {written(one)}" for one in strange)
    facts = {
        "use": use.value,
        "trusted": [str(one.subject) for one in leading],
        "untrusted": {str(one.subject): why for one, why in verdicts.items() if isinstance(why, str)},
        "untrusted_roots": {str(one.subject): one.fingerprint for one in strange},
    }
    if not leading:
        why = next((why for why in verdicts.values() if isinstance(why, str)), "it sent none")
        seen = f"no issuing CA of the PKI leads to an anchor for {_WORDS[use]} certificates: {why}"
        if not len(anchors):
            seen = f"no anchor is configured for {_WORDS[use]} certificates"
        do = f"get the PKI's root from a place you trust, compare its fingerprint, and list its file in {key}"
        return Finding(Step.TRUST, Grade.FAILED, seen, do + (f"; the PKI itself shows {roots}" if roots else ""), facts)
    ends = dict.fromkeys(str(anchor.subject) for anchor in leading.values())
    seen = f"its CAs for {_WORDS[use]} certificates lead to {' and '.join(ends)}"
    if not strange:
        return Finding(Step.TRUST, Grade.OK, seen, facts=facts)
    do = "if the PKI has announced it, compare the fingerprint with one from a place you trust before you list it"
    return Finding(Step.TRUST, Grade.WARNING, f"{seen}; it also shows a root that isn't trusted: {roots}", do, facts)


def _anchor_of(
    authority: Certificate, others: Sequence[Certificate], anchors: TrustAnchors, at: datetime
) -> Certificate | str:
    """The anchor that a CA leads to by signatures, everything on the way being valid; or why none."""
    if authority in anchors.anchors:
        return authority if authority.valid_at(at) else _ended(authority)
    why = f"{authority.subject} was issued by {authority.issuer}, which leads to none"
    for path in PathSearch(Chain(authority, tuple(others)), anchors, at).paths():
        ended = next((one for one in path if not one.valid_at(at)), None)
        if ended is not None:
            why = _ended(ended)
        elif all(lower.was_signed_by(upper) for lower, upper in pairwise(path)):
            return path[-1]
    return why


def _ended(certificate: Certificate) -> str:
    return f"{certificate.subject} is valid from {certificate.not_before:%Y-%m-%d} to {certificate.not_after:%Y-%m-%d}"


def written(certificate: Certificate) -> str:
    """The SHA-256 fingerprint as openssl prints it."""
    text = certificate.fingerprint.upper()
    return ":".join(text[start : start + 2] for start in range(0, len(text), 2))
