"""The editions of ISO 15118, and what each demands of keys, signatures and size."""

from enum import Enum
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.der import decode_oid, read_one
from chainpilot.pki.keys import KeySpec, PublicKey, key_spec_of
from chainpilot.pki.profiles.linter import Objection

__all__ = ["MAX_ISO2_BYTES", "IsoEdition", "edition_for", "edition_of", "fits_edition", "is_small", "keeps_to"]

MAX_ISO2_BYTES: Final = 800
"""DER bytes a certificate below the root may have in ISO 15118-2, so that it fits its messages (x509.md)."""

_KEYS_20: Final = frozenset({KeySpec.P521, KeySpec.ED448})
_SIGNATURES_20: Final = frozenset({"1.2.840.10045.4.3.4", "1.3.101.113"})
"""ECDSA with SHA-512 (RFC 5758 section 3.2) and Ed448 (RFC 8410 section 3)."""


class IsoEdition(Enum):
    """An edition of ISO 15118; the value is what PKIs write in their URLs (est-opcp-ocsp.md section 2)."""

    ISO_2 = "ISO15118-2"
    ISO_20 = "ISO15118-20"


def edition_of(public_key: PublicKey) -> IsoEdition:
    """The edition that a key is made for: ISO 15118-20 with P-521 or Ed448, ISO 15118-2 with any other."""
    return edition_for(key_spec_of(public_key))


def edition_for(spec: KeySpec | None) -> IsoEdition:
    """The edition that keys of that kind are made for; None is a kind we don't generate."""
    return IsoEdition.ISO_20 if spec in _KEYS_20 else IsoEdition.ISO_2


def keeps_to(edition: IsoEdition) -> Objection:
    """The edition's algorithms: P-256 with SHA-256, or P-521 with SHA-512 or Ed448 (x509.md)."""
    return _keeps_to_20 if edition is IsoEdition.ISO_20 else _keeps_to_2


def fits_edition(certificate: Certificate) -> str | None:
    """The algorithms of the edition that its key is made for (x509.md)."""
    return keeps_to(edition_of(certificate.public_key))(certificate)


def is_small(certificate: Certificate) -> str | None:
    """At most 800 bytes where the key is one of ISO 15118-2 (x509.md; contract-exi.md section 3)."""
    size = len(certificate.der)
    if size <= MAX_ISO2_BYTES or edition_of(certificate.public_key) is not IsoEdition.ISO_2:
        return None
    return f"it has {size} bytes; ISO 15118-2 allows {MAX_ISO2_BYTES}"


def _keeps_to_2(certificate: Certificate) -> str | None:
    if key_spec_of(certificate.public_key) is not KeySpec.P256:
        return "its key is not on the curve P-256"
    digest = certificate.signature_hash
    return None if digest == "sha256" else f"it is signed over {digest}, not sha256"


def _keeps_to_20(certificate: Certificate) -> str | None:
    if key_spec_of(certificate.public_key) not in _KEYS_20:
        return "its key is neither on the curve P-521 nor for Ed448"
    algorithm = decode_oid(read_one(certificate.der).children()[1].children()[0])
    return None if algorithm in _SIGNATURES_20 else "it is signed neither by ECDSA over sha512 nor by Ed448"
