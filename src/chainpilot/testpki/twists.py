"""Ways in which a certificate can be other than it was asked for: what a malicious or broken CA does.

NEVER for production. What is twisted is not linted, since no profile would let it pass; when to twist is `faults`'s.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from enum import Enum
from typing import Final

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from chainpilot.pki.extensions import KeyUsageBit
from chainpilot.pki.keys import KeySpec, PublicKey, key_spec_of
from chainpilot.testpki.drafts import Draft, ExtensionList, key_id, key_usage, names, usages
from chainpilot.testpki.material import Material

__all__ = ["FOREIGN_HOST", "Twist", "twisted"]

FOREIGN_HOST: Final = "attacker.test"
"""The host that a twisted certificate may name."""
_OTHER_COMMON_NAME: Final = "DE*TST*E0000*0"
_LONG_AGO: Final = timedelta(days=400)


class Twist(Enum):
    """One way."""

    OTHER_KEY = "other key"
    OTHER_SUBJECT = "other subject"
    CA = "a CA"
    WIDER_USAGE = "wider usage"
    EXTRA_NAME = "extra alternative name"
    ENDED = "ended"
    NOT_YET = "not yet valid"
    FOREIGN_ISSUER = "signed by a stranger under the issuer's name"


def twisted(draft: Draft, twists: Iterable[Twist], material: Material) -> Draft:
    """The draft with these twists; one that only concerns the signature changes nothing here."""
    for twist in twists:
        change = _CHANGES.get(twist)
        draft = change(draft, material) if change is not None else draft
    return draft


def _other_key(draft: Draft, material: Material) -> Draft:
    key = material.key("twisted", _kind(draft.public_key)).public_key()
    return replace(draft, public_key=key, subject_key_id=key_id(key))


def _kind(public_key: PublicKey) -> KeySpec:
    return key_spec_of(public_key) or KeySpec.P256


def _other_subject(draft: Draft, _: Material) -> Draft:
    kept = [attribute for attribute in draft.subject if attribute.oid != NameOID.COMMON_NAME]
    return replace(draft, subject=x509.Name([*kept, x509.NameAttribute(NameOID.COMMON_NAME, _OTHER_COMMON_NAME)]))


def _ca(draft: Draft, _: Material) -> Draft:
    bits = frozenset({KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_CERT_SIGN, KeyUsageBit.CRL_SIGN})
    constraints = (x509.BasicConstraints(ca=True, path_length=None), True)
    return replace(draft, extensions=_with(draft.extensions, constraints, key_usage(bits)))


def _wider_usage(draft: Draft, _: Material) -> Draft:
    bits = frozenset(
        {KeyUsageBit.DIGITAL_SIGNATURE, KeyUsageBit.KEY_AGREEMENT, KeyUsageBit.KEY_CERT_SIGN, KeyUsageBit.CRL_SIGN}
    )
    wide = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.OCSP_SIGNING)
    extended = usages([*(usage.dotted_string for usage in wide), ExtendedKeyUsageOID.CODE_SIGNING.dotted_string])
    return replace(draft, extensions=_with(draft.extensions, key_usage(bits), extended))


def _extra_name(draft: Draft, _: Material) -> Draft:
    return replace(draft, extensions=_with(draft.extensions, names([FOREIGN_HOST])))


def _ended(draft: Draft, _: Material) -> Draft:
    span = draft.not_after - draft.not_before
    return replace(draft, not_before=draft.not_before - span - _LONG_AGO, not_after=draft.not_before - _LONG_AGO)


def _not_yet(draft: Draft, _: Material) -> Draft:
    return replace(draft, not_before=draft.not_after, not_after=draft.not_after + _LONG_AGO)


def _with(extensions: ExtensionList, *others: tuple[x509.ExtensionType, bool]) -> ExtensionList:
    replaced = {extension.oid for extension, _ in others}
    return (*(pair for pair in extensions if pair[0].oid not in replaced), *others)


_CHANGES: Final[dict[Twist, Callable[[Draft, Material], Draft]]] = {
    Twist.OTHER_KEY: _other_key,
    Twist.OTHER_SUBJECT: _other_subject,
    Twist.CA: _ca,
    Twist.WIDER_USAGE: _wider_usage,
    Twist.EXTRA_NAME: _extra_name,
    Twist.ENDED: _ended,
    Twist.NOT_YET: _not_yet,
}
