"""Kinds of keys, what makes one too weak, and the fingerprint by which keys are told apart.

Where a private key lies and who may use it is not handled here.
"""

import hashlib
from enum import Enum
from typing import Final, NewType

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import (
    CertificateIssuerPrivateKeyTypes,
    CertificatePublicKeyTypes,
)
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

__all__ = [
    "MIN_RSA_BITS",
    "KeySpec",
    "PrivateKey",
    "PublicKey",
    "SpkiHash",
    "generate_private_key",
    "key_spec_of",
    "key_weakness",
    "signing_hash",
    "spki_hash",
]

PrivateKey = CertificateIssuerPrivateKeyTypes
PublicKey = CertificatePublicKeyTypes

SpkiHash = NewType("SpkiHash", str)
"""Lower-case hex SHA-256 of a DER SubjectPublicKeyInfo: two keys are equal when these are."""

MIN_RSA_BITS: Final = 2048
"""OCPP 1.6 security whitepaper A00.FR.501."""
_CURVES: Final = frozenset(
    {"secp256r1", "secp384r1", "secp521r1", "brainpoolP256r1", "brainpoolP384r1", "brainpoolP512r1"}
)
"""Curves of at least 224 bits (A00.FR.502) that V2G PKIs and BSI TR-02102 use."""


_PUBLIC_EXPONENT: Final = 65537


class KeySpec(Enum):
    """Kinds of keys that we generate.

    ISO 15118-2 names P-256 and ISO 15118-20 P-521 or Ed448; OCPP asks for RSA of at least 2048 bits or a curve of at
    least 224 (A00.FR.501, A00.FR.502).
    """

    P256 = "P-256"
    P384 = "P-384"
    P521 = "P-521"
    ED25519 = "Ed25519"
    ED448 = "Ed448"
    RSA2048 = "RSA-2048"
    RSA3072 = "RSA-3072"
    RSA4096 = "RSA-4096"


_CURVE_OF: Final[dict[KeySpec, ec.EllipticCurve]] = {
    KeySpec.P256: ec.SECP256R1(),
    KeySpec.P384: ec.SECP384R1(),
    KeySpec.P521: ec.SECP521R1(),
}
_RSA_BITS_OF: Final = {KeySpec.RSA2048: 2048, KeySpec.RSA3072: 3072, KeySpec.RSA4096: 4096}
_SPEC_OF_CURVE: Final = {curve.name: spec for spec, curve in _CURVE_OF.items()}
_SPEC_OF_RSA_BITS: Final = {bits: spec for spec, bits in _RSA_BITS_OF.items()}


def generate_private_key(spec: KeySpec) -> PrivateKey:
    """A new private key of that kind from the operating system's randomness."""
    match spec:
        case KeySpec.P256 | KeySpec.P384 | KeySpec.P521:
            return ec.generate_private_key(_CURVE_OF[spec])
        case KeySpec.RSA2048 | KeySpec.RSA3072 | KeySpec.RSA4096:
            return rsa.generate_private_key(_PUBLIC_EXPONENT, _RSA_BITS_OF[spec])
        case KeySpec.ED25519:
            return ed25519.Ed25519PrivateKey.generate()
        case KeySpec.ED448:
            return ed448.Ed448PrivateKey.generate()


def key_spec_of(public_key: PublicKey) -> KeySpec | None:
    """The kind that the key is of; None for one that we don't generate, such as a Brainpool curve."""
    match public_key:
        case ec.EllipticCurvePublicKey():
            return _SPEC_OF_CURVE.get(public_key.curve.name)
        case rsa.RSAPublicKey():
            return _SPEC_OF_RSA_BITS.get(public_key.key_size)
        case ed25519.Ed25519PublicKey():
            return KeySpec.ED25519
        case ed448.Ed448PublicKey():
            return KeySpec.ED448
        case _:
            return None


def signing_hash(public_key: PublicKey) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512 | None:
    """The digest that the key signs over; None for keys that sign the message itself (Ed25519, Ed448).

    An elliptic curve goes with the digest of its own strength (ISO 15118-2: P-256 with SHA-256; ISO 15118-20: P-521
    with SHA-512); RSA signs over SHA-256.
    """
    match public_key:
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return None
        case ec.EllipticCurvePublicKey() if public_key.key_size > 384:
            return hashes.SHA512()
        case ec.EllipticCurvePublicKey() if public_key.key_size > 256:
            return hashes.SHA384()
        case _:
            return hashes.SHA256()


def spki_hash(public_key: PublicKey) -> SpkiHash:
    """The fingerprint of a public key."""
    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SpkiHash(hashlib.sha256(der).hexdigest())


def key_weakness(public_key: PublicKey) -> str | None:
    """Why the key is too weak or of a kind we don't accept, as a sentence; None when it is good."""
    match public_key:
        case ec.EllipticCurvePublicKey():
            name = public_key.curve.name
            return None if name in _CURVES else f"a key on the curve {name}, which is too weak or not in use here"
        case rsa.RSAPublicKey():
            size = public_key.key_size
            return None if size >= MIN_RSA_BITS else f"an RSA key of {size} bits; at least {MIN_RSA_BITS} are needed"
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return None
        case _:
            return f"a key of the kind {type(public_key).__name__}, which we don't accept"
