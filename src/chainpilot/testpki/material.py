"""Keys and serial numbers, random or all derived from a seed. NEVER for production.

With a seed and a set clock two runs make the same bytes, which is what test vectors need; a seed is no secret.
"""

import hmac
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

__all__ = ["Material"]

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
"""The order of P-256 (SEC 2 section 2.4.2); private keys are 1 to order - 1."""


class Material:
    """Where keys and serial numbers come from."""

    __slots__ = ("_seed",)

    def __init__(self, seed: bytes | None = None) -> None:
        self._seed = seed

    @property
    def is_deterministic(self) -> bool:
        """Whether a seed decides everything, signatures included (RFC 6979)."""
        return self._seed is not None

    def key(self, name: str) -> ec.EllipticCurvePrivateKey:
        """A P-256 key; with a seed always the same for the same name."""
        if self._seed is None:
            return ec.generate_private_key(ec.SECP256R1())
        number = int.from_bytes(self._derive("key", name.encode()) + self._derive("more", name.encode()), "big")
        return ec.derive_private_key(number % (_ORDER - 1) + 1, ec.SECP256R1())

    def serial(self, *context: bytes) -> int:
        """A positive serial number of at most 159 bits; with a seed it follows from `context`."""
        if self._seed is None:
            return x509.random_serial_number()
        packed = b"".join(len(part).to_bytes(4, "big") + part for part in context)
        return int.from_bytes(self._derive("serial", packed)[:20], "big") >> 1 or 1

    def _derive(self, purpose: str, context: bytes) -> bytes:
        return hmac.digest(self._seed or b"", purpose.encode() + b"\x00" + context, "sha256")
