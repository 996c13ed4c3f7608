"""Private keys that stay on a token: they sign there, tell their public half, and give nothing else away.

They are `cryptography`'s own key types, so its builders take them. What is to be signed is hashed here: tokens differ
in the digests they know, and a request need not travel to a slow one.
"""

from collections.abc import Callable
from enum import Enum
from typing import Any, Final, NoReturn

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding, PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.utils import Buffer

from chainpilot.errors import OwnError
from chainpilot.pki.keys import PrivateKey, PublicKey

__all__ = ["Refusal", "Scheme", "SignOnToken", "signer_of"]


class Scheme(Enum):
    """How the token is to sign what it is given."""

    ECDSA = "CKM_ECDSA"
    """A digest; the answer is r and s, each as long as the curve's order."""
    RSA = "CKM_RSA_PKCS"
    """A DigestInfo (RFC 8017 section 9.2)."""
    ED25519 = "CKM_EDDSA"
    """A message."""
    ED448 = "CKM_EDDSA with its parameters"
    """A message."""


SignOnToken = Callable[[Scheme, bytes], bytes]
"""Signs with the one key that it is bound to. Raises an error of its owner's."""
Refusal = Callable[[str], OwnError]
"""An error of the owner's, made of a clause that goes on where a sentence began with the key's name."""

_DIGEST_INFO: Final = {
    32: bytes.fromhex("3031300d060960864801650304020105000420"),
    48: bytes.fromhex("3041300d060960864801650304020205000430"),
    64: bytes.fromhex("3051300d060960864801650304020305000440"),
}
"""What stands before a digest of that length (RFC 8017 section 9.2, note 1)."""


def signer_of(public: PublicKey, sign: SignOnToken, refusal: Refusal) -> PrivateKey:
    """The private key of a public one; `sign` is asked for every signature. Raises a `refusal`, as the key does."""
    match public:
        case ec.EllipticCurvePublicKey():
            return _EllipticKey(public, sign, refusal)
        case rsa.RSAPublicKey():
            return _RsaKey(public, sign, refusal)
        case ed25519.Ed25519PublicKey():
            return _Ed25519Key(public, sign, refusal)
        case ed448.Ed448PublicKey():
            return _Ed448Key(public, sign, refusal)
        case _:
            raise refusal("is a key of a kind that certificates here don't have")


class _Elsewhere:
    """What the four kinds have in common: nothing of the private half leaves the token."""

    def __init__(self, public: Any, sign: SignOnToken, refusal: Refusal) -> None:
        self._public = public
        self._sign = sign
        self._refusal = refusal

    def public_key(self) -> Any:
        return self._public

    def _refuse(self, *_: Any) -> NoReturn:
        raise self._refusal("is a key that stays on its token and signs there, and does nothing else")

    def _digest(self, data: Buffer, algorithm: object) -> bytes:
        if not isinstance(algorithm, hashes.SHA256 | hashes.SHA384 | hashes.SHA512):
            raise self._refusal("can't sign over anything but SHA-256, SHA-384 and SHA-512")
        hasher = hashes.Hash(algorithm)
        hasher.update(data)
        return hasher.finalize()

    private_bytes = private_bytes_raw = private_numbers = decrypt = exchange = _refuse

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__} on a token>"


class _EllipticKey(_Elsewhere, ec.EllipticCurvePrivateKey):
    @property
    def curve(self) -> ec.EllipticCurve:
        curve: ec.EllipticCurve = self._public.curve
        return curve

    @property
    def key_size(self) -> int:
        return self.curve.key_size

    def sign(self, data: Buffer, signature_algorithm: ec.EllipticCurveSignatureAlgorithm) -> bytes:
        order_octets = (self.key_size + 7) // 8
        raw = self._sign(Scheme.ECDSA, self._digest(data, signature_algorithm.algorithm)[:order_octets])
        if len(raw) != 2 * order_octets:
            raise self._refusal(f"can't sign: the token answered {len(raw)} bytes in place of {2 * order_octets}")
        r, s = (int.from_bytes(half, "big") for half in (raw[:order_octets], raw[order_octets:]))
        return encode_dss_signature(r, s)


class _RsaKey(_Elsewhere, rsa.RSAPrivateKey):
    @property
    def key_size(self) -> int:
        size: int = self._public.key_size
        return size

    def sign(self, data: Buffer, padding: AsymmetricPadding, algorithm: object) -> bytes:
        digest = self._digest(data, algorithm)
        if not isinstance(padding, PKCS1v15):
            raise self._refusal(f"can't sign with the padding {padding.name}; it does PKCS#1 v1.5")
        return self._sign(Scheme.RSA, _DIGEST_INFO[len(digest)] + digest)


class _Ed25519Key(_Elsewhere, ed25519.Ed25519PrivateKey):
    def sign(self, data: Buffer) -> bytes:
        return self._sign(Scheme.ED25519, bytes(data))


class _Ed448Key(_Elsewhere, ed448.Ed448PrivateKey):
    def sign(self, data: Buffer) -> bytes:
        return self._sign(Scheme.ED448, bytes(data))
