"""Where a CA's private key may be: in this process, from a file, or on a PKCS#11 token that it never leaves."""

from collections.abc import Iterator
from contextlib import contextmanager

from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from chainpilot.cpms.config import KeyOnToken
from chainpilot.cpms.ports import KeyUnavailable
from chainpilot.pkcs11.opening import open_token
from chainpilot.pkcs11.settings import TokenUnusable
from chainpilot.pkcs11.signers import Scheme, signer_of
from chainpilot.pki.keys import PrivateKey, PublicKey, signing_hash

__all__ = ["FileKey", "TokenKey"]


class FileKey:
    """`SigningKey` whose private key is in this process."""

    def __init__(self, key: PrivateKey) -> None:
        self._key = key

    @property
    def public_key(self) -> PublicKey:
        """Its public half."""
        return self._key.public_key()

    def sign(self, data: bytes) -> bytes:
        """The signature by the key's own algorithm."""
        return _signature(self._key, data)

    def close(self) -> None:
        """Nothing is held."""

    def to_pem(self) -> bytes:
        """PKCS#8, not encrypted: for a file of its owner alone."""
        return self._key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


class TokenKey:
    """`SigningKey` whose private key is on a token, which is logged into again when it was gone.

    Making one logs in and reads the public half. Raises KeyUnavailable.
    """

    def __init__(self, place: KeyOnToken) -> None:
        self._reference = place.reference
        with _unavailable():
            self._token = open_token(place.settings)
            try:
                public = self._token.public_half(place.reference)
            except TokenUnusable:
                self._token.close()
                raise
        self._key = signer_of(public, self._sign, lambda why: KeyUnavailable(f"the key {why}"))

    @property
    def public_key(self) -> PublicKey:
        """Its public half, as the token told it at the start."""
        return self._key.public_key()

    def sign(self, data: bytes) -> bytes:
        """The signature by the key's own algorithm, made on the token. Raises KeyUnavailable."""
        return _signature(self._key, data)

    def close(self) -> None:
        """Log out."""
        self._token.close()

    def _sign(self, scheme: Scheme, data: bytes) -> bytes:
        with _unavailable():
            return self._token.sign(self._reference, scheme, data)


@contextmanager
def _unavailable() -> Iterator[None]:
    try:
        yield
    except TokenUnusable as error:
        raise KeyUnavailable(error.why) from error


def _signature(key: PrivateKey, data: bytes) -> bytes:
    digest = signing_hash(key.public_key())
    match key:
        case ec.EllipticCurvePrivateKey() if digest is not None:
            return key.sign(data, ec.ECDSA(digest))
        case rsa.RSAPrivateKey() if digest is not None:
            return key.sign(data, padding.PKCS1v15(), digest)
        case ed25519.Ed25519PrivateKey() | ed448.Ed448PrivateKey():
            return key.sign(data)
        case _:
            raise TypeError("a key of a kind that signs no certificates")
