"""What may stand among the anchors, and when an anchor's signature speaks for a successor: rules without I/O."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.crl import NotRevoked, Revoked, revocation
from chainpilot.pki.extensions import KeyUsageBit
from chainpilot.pki.signatures import SOUND_DIGESTS
from chainpilot.pki.verify import Rules

__all__ = ["anchor_that_signed", "objection_to"]

_NARROWING: Final = {
    "2.5.29.30": "name constraints",
    "2.5.29.36": "policy constraints",
    "2.5.29.37": "an extended key usage",
    "2.5.29.54": "a ban on any policy",
}
"""What a cross certificate may bind its CA with (RFC 5280 section 4.2.1); an anchor would be free of it."""


def objection_to(certificate: Certificate, at: datetime, *, allow_test_pki: bool) -> str | None:
    """Why the certificate can't be an anchor of ours or lead to one, as a sentence; None when it can.

    1. it is a CA, and may sign certificates where it has a key usage
    2. it is no test PKI's, unless those are allowed
    3. it has not ended; one that begins later is as good, since judgements look at its times
    4. its key is strong
    5. only version 3 can say that it is a CA
    """
    usage = certificate.extensions.key_usage
    weakness = certificate.key_weakness
    objections = (
        (not certificate.is_ca, "it is not a CA certificate"),  # 1
        (
            usage is not None and KeyUsageBit.KEY_CERT_SIGN not in usage,
            "its key usage doesn't let it sign certificates",
        ),
        (
            certificate.is_test and not allow_test_pki,  # 2
            "it belongs to a test PKI, whose keys anybody may hold; only allow_test_pki admits it",
        ),
        (at > certificate.not_after, f"it ended {certificate.not_after.isoformat()}"),  # 3
        (weakness is not None, f"it has {weakness}"),  # 4
        (certificate.version != 3, f"it is of version {certificate.version}, which has no extensions"),  # 5
    )
    return next((why for holds, why in objections if holds), None)


def anchor_that_signed(
    root: Certificate, seen: Iterable[Certificate], anchors: Iterable[Certificate], rules: Rules, at: datetime
) -> Certificate | None:
    """The anchor whose signature makes `root` its successor: it signed root's name and key (NewWithOld); None if none.

    1. the cross certificate has root's name and key, is a CA's, and is not root itself
    2. an anchor signed it, over a sound digest, and both are valid now
    3. it binds root to nothing that an anchor would be free of
    4. the anchor has not revoked it, as far as the rules ask
    """
    crosses = [
        one
        for one in seen
        if one.subject_key == root.subject_key and one.spki_hash == root.spki_hash and one.is_ca and one != root  # 1
    ]
    for cross in crosses:
        for anchor in anchors:
            if (
                _is_signed(cross, anchor, at)  # 2
                and not _is_narrower(cross, root)  # 3
                and _may_count(cross, anchor, rules, at)  # 4
            ):
                return anchor
    return None


def _is_signed(cross: Certificate, anchor: Certificate, at: datetime) -> bool:
    digest = cross.signature_hash
    return (
        cross.issuer_key == anchor.subject_key
        and cross.valid_at(at)
        and anchor.valid_at(at)
        and (digest is None or digest in SOUND_DIGESTS)
        and anchor.key_weakness is None
        and cross.was_signed_by(anchor)
    )


def _is_narrower(cross: Certificate, root: Certificate) -> bool:
    allowed, own = cross.extensions.path_length, root.extensions.path_length
    is_shorter = allowed is not None and (own is None or own > allowed)
    return is_shorter or bool(cross.extensions.present & _NARROWING.keys())


def _may_count(cross: Certificate, anchor: Certificate, rules: Rules, at: datetime) -> bool:
    verdict = revocation(rules.crls, cross, anchor, at)
    if isinstance(verdict, Revoked):
        return False
    return isinstance(verdict, NotRevoked) or not rules.needs_crls
