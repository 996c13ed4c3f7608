"""Signatures over OCSP answers and CRLs: which algorithms count, and whether a key made one.

An algorithm is known by its whole encoding, parameters included: they stand outside what is signed, so a second
spelling of the same algorithm is refused. Certificates check their own signatures in `certificate`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa

from chainpilot.pki.der import DerError, Element, decode_oid
from chainpilot.pki.keys import PublicKey

__all__ = ["SOUND_DIGESTS", "Signed"]

SOUND_DIGESTS: Final = frozenset({"sha256", "sha384", "sha512", "sha3-256", "sha3-384", "sha3-512"})
"""Digests a signature may be made over, by the names `Certificate.signature_hash` uses (x509.md duty 4)."""


class _Scheme(Enum):
    ECDSA = auto()
    PKCS1 = auto()
    PSS = auto()
    ED25519 = auto()
    ED448 = auto()


@dataclass(frozen=True, slots=True)
class _Algorithm:
    name: str
    scheme: _Scheme
    digest: hashes.HashAlgorithm | None = None


def _pss(digest: int, size: int) -> bytes:
    """RSASSA-PSS with one digest throughout and a salt of its size, as RFC 4055 section 3.1 recommends."""
    inner = bytes.fromhex(f"300d06096086480165030402{digest:02x}0500")
    mask = bytes.fromhex("a11c301a06092a864886f70d010108") + inner
    return bytes.fromhex("304106092a864886f70d01010a3034a00f") + inner + mask + bytes([0xA2, 3, 2, 1, size])


_ALGORITHMS: Final = {
    bytes.fromhex("300a06082a8648ce3d040302"): _Algorithm("ecdsa-with-SHA256", _Scheme.ECDSA, hashes.SHA256()),
    bytes.fromhex("300a06082a8648ce3d040303"): _Algorithm("ecdsa-with-SHA384", _Scheme.ECDSA, hashes.SHA384()),
    bytes.fromhex("300a06082a8648ce3d040304"): _Algorithm("ecdsa-with-SHA512", _Scheme.ECDSA, hashes.SHA512()),
    bytes.fromhex("300d06092a864886f70d01010b0500"): _Algorithm("sha256WithRSA", _Scheme.PKCS1, hashes.SHA256()),
    bytes.fromhex("300d06092a864886f70d01010c0500"): _Algorithm("sha384WithRSA", _Scheme.PKCS1, hashes.SHA384()),
    bytes.fromhex("300d06092a864886f70d01010d0500"): _Algorithm("sha512WithRSA", _Scheme.PKCS1, hashes.SHA512()),
    _pss(1, 32): _Algorithm("RSASSA-PSS with SHA256", _Scheme.PSS, hashes.SHA256()),
    _pss(2, 48): _Algorithm("RSASSA-PSS with SHA384", _Scheme.PSS, hashes.SHA384()),
    _pss(3, 64): _Algorithm("RSASSA-PSS with SHA512", _Scheme.PSS, hashes.SHA512()),
    bytes.fromhex("300506032b6570"): _Algorithm("Ed25519", _Scheme.ED25519),
    bytes.fromhex("300506032b6571"): _Algorithm("Ed448", _Scheme.ED448),
}
_OTHERS: Final = {
    "1.2.840.113549.1.1.4": "md5WithRSA",
    "1.2.840.113549.1.1.5": "sha1WithRSA",
    "1.2.840.113549.1.1.14": "sha224WithRSA",
    "1.2.840.10045.4.1": "ecdsa-with-SHA1",
    "1.2.840.10045.4.3.1": "ecdsa-with-SHA224",
    "1.2.840.113549.1.1.10": "RSASSA-PSS with parameters not in use here",
}
"""What we can name and don't take."""


@dataclass(frozen=True, slots=True)
class Signed:
    """A value and the signature over it, as both stood in DER."""

    content: bytes = field(repr=False)
    algorithm: Element = field(repr=False)
    """The AlgorithmIdentifier beside the signature."""
    signature: bytes = field(repr=False)

    @classmethod
    def from_parts(cls, parts: Sequence[Element]) -> "Signed":
        """Take (content, algorithm, signature); more may follow.

        Raises:
            DerError: fewer parts, or a signature that is not whole octets, which no signature would notice.
        """
        if len(parts) < 3 or parts[2].tag != 0x03:
            raise DerError("not (content, algorithm, signature)")
        if not parts[2].content.startswith(b"\x00"):
            raise DerError("the signature is not whole octets")
        return cls(parts[0].encoding, parts[1], parts[2].content[1:])

    @property
    def algorithm_name(self) -> str:
        """The algorithm in the words of its standard, or its dotted identifier. Raises DerError."""
        known = _ALGORITHMS.get(self.algorithm.encoding)
        dotted = decode_oid(next(iter(self.algorithm.children()), self.algorithm))
        return known.name if known is not None else _OTHERS.get(dotted, dotted)

    @property
    def weakness(self) -> str | None:
        """Why the algorithm doesn't count, as a sentence; None when it is sound. Raises DerError."""
        if self.algorithm.encoding in _ALGORITHMS:
            return None
        return f"a signature by {self.algorithm_name}, which is too weak or not in use here"

    def was_made_by(self, key: PublicKey) -> bool:
        """Whether the key made the signature, by an algorithm that counts."""
        known = _ALGORITHMS.get(self.algorithm.encoding)
        if known is None:
            return False
        try:
            return _holds(known, key, self.signature, self.content)
        except (InvalidSignature, ValueError):
            return False
        except Exception:  # noqa: BLE001 - x509.md duty 7: a key of odd parameters raises many things; none is a yes
            return False


def _holds(algorithm: _Algorithm, key: PublicKey, signature: bytes, content: bytes) -> bool:
    """True, or an exception; False when the key is of another kind than the algorithm."""
    digest = algorithm.digest
    match key, algorithm.scheme:
        case ec.EllipticCurvePublicKey(), _Scheme.ECDSA if digest is not None:
            key.verify(signature, content, ec.ECDSA(digest))
        case rsa.RSAPublicKey(), _Scheme.PKCS1 if digest is not None:
            key.verify(signature, content, padding.PKCS1v15(), digest)
        case rsa.RSAPublicKey(), _Scheme.PSS if digest is not None:
            key.verify(signature, content, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        case ed25519.Ed25519PublicKey(), _Scheme.ED25519:
            key.verify(signature, content)
        case ed448.Ed448PublicKey(), _Scheme.ED448:
            key.verify(signature, content)
        case _:
            return False
    return True
