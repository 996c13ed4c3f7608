"""Writes DER by hand, so that tests can forge what no builder would write."""

from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from chainpilot.pki.der import read_one
from chainpilot.pki.keys import PrivateKey

__all__ = [
    "bit_string",
    "extension",
    "generalized",
    "integer",
    "key_algorithm",
    "octets",
    "oid",
    "sequence",
    "signature",
    "tlv",
]

_ECDSA = {"sha1": "1", "sha256": "3.2", "sha384": "3.3", "sha512": "3.4"}
_RSA = {"sha1": "5", "sha256": "11", "sha384": "12", "sha512": "13"}


def tlv(tag: int, *inside: bytes) -> bytes:
    """One value with a definite, minimal length."""
    body = b"".join(inside)
    size = len(body)
    if size < 0x80:
        return bytes([tag, size]) + body
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + body


def sequence(*inside: bytes) -> bytes:
    """A SEQUENCE."""
    return tlv(0x30, *inside)


def octets(content: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(0x04, content)


def bit_string(content: bytes, unused: int = 0) -> bytes:
    """A BIT STRING."""
    return tlv(0x03, bytes([unused]), content)


def integer(value: int) -> bytes:
    """An INTEGER."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))


def generalized(moment: datetime) -> bytes:
    """A GeneralizedTime of whole seconds, in UTC."""
    return tlv(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER."""
    first, second, *rest = map(int, dotted.split("."))
    return tlv(0x06, b"".join(_arc(arc) for arc in (40 * first + second, *rest)))


def extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    """An Extension with any value."""
    return sequence(oid(dotted), tlv(0x01, b"\xff") if critical else b"", octets(value))


def key_algorithm(key: PrivateKey, digest: str, *, pss: bool = False) -> bytes:
    """The AlgorithmIdentifier of a signature by that kind of key over that digest."""
    match key:
        case ed25519.Ed25519PrivateKey():
            return sequence(oid("1.3.101.112"))
        case ed448.Ed448PrivateKey():
            return sequence(oid("1.3.101.113"))
        case rsa.RSAPrivateKey() if pss:
            return _pss_algorithm(digest)
        case rsa.RSAPrivateKey():
            return sequence(oid(f"1.2.840.113549.1.1.{_RSA[digest]}"), b"\x05\x00")
        case _:
            return sequence(oid(f"1.2.840.10045.4.{_ECDSA[digest]}"))


def signature(key: PrivateKey, content: bytes, digest: str, *, pss: bool = False) -> bytes:
    """The key's signature over `content`."""
    algorithm: Any = getattr(hashes, digest.upper())()
    match key:
        case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey():
            return key.sign(content)
        case rsa.RSAPrivateKey() if pss:
            salted = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
            return key.sign(content, salted, algorithm)
        case rsa.RSAPrivateKey():
            return key.sign(content, padding.PKCS1v15(), algorithm)
        case ec.EllipticCurvePrivateKey():
            return key.sign(content, ec.ECDSA(algorithm))
        case _:
            raise TypeError(type(key).__name__)


def _pss_algorithm(digest: str) -> bytes:
    """As `cryptography` itself writes it into a request."""
    algorithm: Any = getattr(hashes, digest.upper())()
    key = rsa.generate_private_key(65537, 2048)
    salted = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size)
    builder = x509.CertificateSigningRequestBuilder(x509.Name([]))
    der = builder.sign(key, algorithm, rsa_padding=salted).public_bytes(Encoding.DER)
    return read_one(der).children()[1].encoding


def _arc(arc: int) -> bytes:
    octets_ = [arc & 0x7F]
    while arc := arc >> 7:
        octets_.append(arc & 0x7F | 0x80)
    return bytes(reversed(octets_))
