"""CertificateHashData: how OCPP and OCSP name a certificate without showing it (RFC 6960 section 4.1.1).

Asking a responder about it is not handled here.
"""

import functools
import hashlib
import itertools
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.der import decode_bit_string, read_one
from chainpilot.pki.verify import VerifiedChain

__all__ = [
    "MAX_SERIAL_DIGITS",
    "CertificateHashData",
    "HashAlgorithm",
    "chain_hash_data",
    "hash_data",
    "naming_objection",
    "normal_hex",
]


MAX_SERIAL_DIGITS: Final = 40
"""Hex digits of a serial number at most: 20 octets (RFC 5280 section 4.1.2.2; OCPP 2.0.1 CertificateHashDataType)."""


class HashAlgorithm(Enum):
    """Digests of OCPP 2.0.1 HashAlgorithmEnumType."""

    SHA256 = "SHA256"
    SHA384 = "SHA384"
    SHA512 = "SHA512"


_DIGESTS: Final = {
    HashAlgorithm.SHA256: hashlib.sha256,
    HashAlgorithm.SHA384: hashlib.sha384,
    HashAlgorithm.SHA512: hashlib.sha512,
}


@dataclass(frozen=True, slots=True)
class CertificateHashData:
    """A certificate named by its issuer's name, its issuer's key and its serial number."""

    hash_algorithm: HashAlgorithm
    issuer_name_hash: str
    """Hex digest of the DER issuer Name of the certificate."""
    issuer_key_hash: str
    """Hex digest of the BIT STRING content of the issuer's key: no tag, length or unused-bits octet."""
    serial_number: str
    """Hex without prefix and leading zeros; zero is "0"."""

    def matches(self, other: "CertificateHashData") -> bool:
        """Whether both name the same certificate: hex compared without regard to case, prefix and leading zeros."""
        return self.normal() == other.normal()

    def normal(self) -> "CertificateHashData":
        """The same name in the form we write: lower case, no `0x`, no leading zeros in the serial number."""
        return CertificateHashData(
            self.hash_algorithm,
            _normal_digest(self.issuer_name_hash),
            _normal_digest(self.issuer_key_hash),
            normal_hex(self.serial_number),
        )


def hash_data(
    certificate: Certificate, issuer: Certificate, algorithm: HashAlgorithm = HashAlgorithm.SHA256
) -> CertificateHashData:
    """The hash data of `certificate`, whose issuer is `issuer`; a self-signed certificate is its own issuer."""
    return CertificateHashData(
        hash_algorithm=algorithm,
        issuer_name_hash=_name_hash(certificate.issuer_der, algorithm),
        issuer_key_hash=_key_hash(issuer.spki_der, algorithm),
        serial_number=f"{certificate.serial_number:x}",
    )


@functools.lru_cache(maxsize=4096)
def _name_hash(name: bytes, algorithm: HashAlgorithm) -> str:
    return _DIGESTS[algorithm](name).hexdigest()


@functools.lru_cache(maxsize=4096)
def _key_hash(spki: bytes, algorithm: HashAlgorithm) -> str:
    _, key = read_one(spki).children()
    return _DIGESTS[algorithm](decode_bit_string(key)).hexdigest()


def naming_objection(certificate: Certificate) -> str | None:
    """Why no hash data can name the certificate to others, as a sentence; None when they can."""
    number = certificate.serial_number
    if number < 0:
        return "its serial number is negative"
    digits = len(f"{number:x}")
    return (
        None if digits <= MAX_SERIAL_DIGITS else f"its serial number has {digits} hex digits, not {MAX_SERIAL_DIGITS}"
    )


def chain_hash_data(
    chain: VerifiedChain, algorithm: HashAlgorithm = HashAlgorithm.SHA256
) -> tuple[CertificateHashData, ...]:
    """Hash data of leaf, Sub2, Sub1: every certificate of the chain, the anchor left out."""
    links = (*chain.chain.certificates, chain.anchor)
    return tuple(hash_data(child, issuer, algorithm) for child, issuer in itertools.pairwise(links))


def _normal_digest(text: str) -> str:
    """Leading zeros are digits of a digest and stay."""
    return text.strip().lower().removeprefix("0x")


def normal_hex(text: str) -> str:
    """A serial number as we write it: lower case, without `0x` and leading zeros; "" and zeros become "0"."""
    return text.strip().lower().removeprefix("0x").lstrip("0") or "0"
