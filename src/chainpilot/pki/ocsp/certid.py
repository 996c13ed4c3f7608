"""CertID: how OCSP names a certificate (RFC 6960 section 4.1.1), in any of the digests a responder may choose."""

import hashlib
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.pki.der import DerError, Element, decode_bit_string, decode_oid, read_one
from chainpilot.pki.hashdata import CertificateHashData, HashAlgorithm, normal_hex

__all__ = ["CertId", "CertIdDigest", "issuer_id", "key_digest", "read_cert_id"]

_INTEGER: Final = 0x02
_OCTET_STRING: Final = 0x04


class CertIdDigest(Enum):
    """Digests of a CertID. SHA-1 is no signature here but a look-up key, and what RFC 5019 clients use."""

    SHA1 = "sha1"
    SHA256 = "sha256"
    SHA384 = "sha384"
    SHA512 = "sha512"

    @classmethod
    def of(cls, algorithm: HashAlgorithm) -> "CertIdDigest":
        """The digest that OCPP calls `algorithm`."""
        return cls[algorithm.name]


_OIDS: Final = {
    "1.3.14.3.2.26": CertIdDigest.SHA1,
    "2.16.840.1.101.3.4.2.1": CertIdDigest.SHA256,
    "2.16.840.1.101.3.4.2.2": CertIdDigest.SHA384,
    "2.16.840.1.101.3.4.2.3": CertIdDigest.SHA512,
}


@dataclass(frozen=True, slots=True)
class CertId:
    """A certificate named by digests of its issuer's name and key, and its serial number."""

    algorithm: str
    """The value of a CertIdDigest, or the dotted identifier of a digest we don't know."""
    issuer_name_hash: str
    issuer_key_hash: str
    """Lower-case hex, as the other."""
    serial_number: str
    """Hex without prefix and leading zeros, as in `CertificateHashData`."""

    @property
    def digest(self) -> CertIdDigest | None:
        """The digest, when it is one we can compute."""
        return next((digest for digest in CertIdDigest if digest.value == self.algorithm), None)

    @classmethod
    def of(cls, data: CertificateHashData) -> "CertId":
        """The same name as OCPP's hash data give."""
        plain = data.normal()
        digest = CertIdDigest.of(data.hash_algorithm).value
        return cls(digest, plain.issuer_name_hash, plain.issuer_key_hash, plain.serial_number)


def issuer_id(issuer: Certificate, serial_number: str, digest: CertIdDigest) -> CertId:
    """The CertID of what `issuer` issued under that number (hex), over the issuer's name as it writes it itself."""
    name = hashlib.new(digest.value, issuer.subject_der, usedforsecurity=False).hexdigest()
    return CertId(digest.value, name, key_digest(issuer, digest), normal_hex(serial_number))


def key_digest(certificate: Certificate, digest: CertIdDigest) -> str:
    """Hex digest of the key's BIT STRING content, without tag, length and unused-bits octet."""
    _, key = read_one(certificate.spki_der).children()
    return hashlib.new(digest.value, decode_bit_string(key), usedforsecurity=False).hexdigest()


def read_cert_id(element: Element) -> CertId:
    """Read CertID { algorithm, name hash, key hash, serial number }. Raises DerError."""
    parts = element.children()
    if [part.tag for part in parts[1:]] != [_OCTET_STRING, _OCTET_STRING, _INTEGER]:
        raise DerError("a CertID is not (algorithm, name hash, key hash, serial number)")
    algorithm, name, key, serial = parts
    dotted = decode_oid(next(iter(algorithm.children()), algorithm))
    known = _OIDS.get(dotted)
    number = int.from_bytes(serial.content, "big", signed=True)
    return CertId(known.value if known else dotted, name.content.hex(), key.content.hex(), f"{number:x}")
