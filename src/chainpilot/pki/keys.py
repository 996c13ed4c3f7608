"""Kinds of keys, what makes one too weak, and the fingerprint by which keys are told apart.

Where a private key lies and who may use it is not handled here.
"""

import hashlib
from enum import Enum
from typing import Final, NewType

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
    "key_weakness",
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


class KeySpec(Enum):
    """Kinds of keys that we generate; ISO 15118-2 names P-256."""

    P256 = "P-256"


def generate_private_key(spec: KeySpec) -> PrivateKey:
    """A new private key of that kind from the operating system's randomness."""
    match spec:
        case KeySpec.P256:
            return ec.generate_private_key(ec.SECP256R1())


def spki_hash(public_key: PublicKey) -> SpkiHash:
    """The fingerprint of a public key."""
    der = public_key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return SpkiHash(hashlib.sha256(der).hexdigest())


def key_weakness(public_key: PublicKey) -> str | None:
    """Why the key is too weak or of a kind we don't accept, as a sentence; None when it is good."""
    match public_key:
        case rsa.RSAPublicKey():
            size = public_key.key_size
            return None if size >= MIN_RSA_BITS else f"an RSA key of {size} bits; at least {MIN_RSA_BITS} are needed"
        case ec.EllipticCurvePublicKey():
            name = public_key.curve.name
            return None if name in _CURVES else f"a key on the curve {name}, which is too weak or not in use here"
        case ed25519.Ed25519PublicKey() | ed448.Ed448PublicKey():
            return None
        case _:
            return f"a key of the kind {type(public_key).__name__}, which we don't accept"
