"""Signatures over files, such as firmware: SHA-256 over the whole file, RSA or ECDSA.

Of RSA both paddings are taken: PKCS#1 v1.5, which the reference reads, and PSS, which OCPP demands (1.6 security
whitepaper L01.04). Whether the signer may be trusted is not judged here.
"""

from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from chainpilot.pki.certificate import CertificateError, load_certificates
from chainpilot.pki.encoding import EncodingError, decode_base64
from chainpilot.pki.keys import PublicKey, key_weakness
from chainpilot.station.vault import VaultReadError, file_digest

__all__ = ["holds"]

_MAX_SIGNATURE: Final = 8192
"""Characters of a signature; OCPP allows 800, and RSA-4096 takes 684."""
_MAX_CERTIFICATE: Final = 100_000
_DIGEST: Final = Prehashed(hashes.SHA256())
_PSS: Final = padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.AUTO)


def holds(path: str, certificate: str, signature: str) -> bool:
    """Whether the signature (base64) over the file is that of the certificate's key; never raises for bad input."""
    try:
        signer = load_certificates(certificate, limit=_MAX_CERTIFICATE)[0]
        made = decode_base64(signature, limit=_MAX_SIGNATURE)
        if key_weakness(signer.public_key) is not None:
            return False
        digest = file_digest(Path(path))
    except (EncodingError, CertificateError, VaultReadError, ValueError):
        return False
    return _is_signed(signer.public_key, made, digest)


def _is_signed(key: PublicKey, signature: bytes, digest: bytes) -> bool:
    try:
        match key:
            case rsa.RSAPublicKey():
                return any(_is_padded(key, signature, digest, one) for one in (padding.PKCS1v15(), _PSS))
            case ec.EllipticCurvePublicKey():
                key.verify(signature, digest, ec.ECDSA(_DIGEST))
            case _:
                return False
    except InvalidSignature:
        return False
    return True


def _is_padded(key: rsa.RSAPublicKey, signature: bytes, digest: bytes, scheme: AsymmetricPadding) -> bool:
    try:
        key.verify(signature, digest, scheme, _DIGEST)
    except InvalidSignature:
        return False
    return True
