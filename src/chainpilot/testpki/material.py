"""Keys and serial numbers, random or all derived from a seed. NEVER for production.

With a seed and a set clock two runs make the same bytes, which is what test vectors need; a seed is no secret. RSA keys
are random all the same: nothing derives one.
"""

import hmac
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519

from chainpilot.pki.keys import KeySpec, PrivateKey, generate_private_key

__all__ = ["Material"]

_CURVES: Final[dict[KeySpec, tuple[ec.EllipticCurve, int]]] = {
    KeySpec.P256: (ec.SECP256R1(), 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551),
    KeySpec.P384: (
        ec.SECP384R1(),
        0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFC7634D81F4372DDF581A0DB248B0A77AECEC196ACCC52973,
    ),
    KeySpec.P521: (
        ec.SECP521R1(),
        (1 << 521) - 0x5AE79787C40D069948033FEB708F65A2FC44A36477663B851449048E16EC79BF7,
    ),
}
"""Curves with their orders (SEC 2 section 2); private keys are 1 to order - 1."""
_ED25519_OCTETS: Final = 32
_ED448_OCTETS: Final = 57
"""RFC 8032 sections 5.1.5 and 5.2.5."""


class Material:
    """Where keys and serial numbers come from."""

    __slots__ = ("_rehearsal", "_seed")

    def __init__(self, seed: bytes | None = None) -> None:
        self._seed = seed
        self._rehearsal: dict[KeySpec, PrivateKey] = {}

    @property
    def is_deterministic(self) -> bool:
        """Whether a seed decides everything, signatures included (RFC 6979)."""
        return self._seed is not None

    def key(self, name: str, spec: KeySpec = KeySpec.P256) -> PrivateKey:
        """A key of that kind; with a seed always the same for the same name, but for RSA."""
        if self._seed is None:
            return generate_private_key(spec)
        if spec in _CURVES:
            curve, order = _CURVES[spec]
            words = ("key", "more") if spec is KeySpec.P256 else ("key", "more", "and more")
            number = int.from_bytes(b"".join(self._derive(word, name.encode()) for word in words), "big")
            return ec.derive_private_key(number % (order - 1) + 1, curve)
        octets = self._derive("key", name.encode()) + self._derive("more", name.encode())
        match spec:
            case KeySpec.ED25519:
                return ed25519.Ed25519PrivateKey.from_private_bytes(octets[:_ED25519_OCTETS])
            case KeySpec.ED448:
                return ed448.Ed448PrivateKey.from_private_bytes(octets[:_ED448_OCTETS])
            case _:
                return generate_private_key(spec)

    def rehearsal_key(self, spec: KeySpec) -> PrivateKey:
        """The throw-away key of that kind, by which what is to be linted is signed first."""
        if spec not in self._rehearsal:
            self._rehearsal[spec] = self.key("rehearsal", spec)
        return self._rehearsal[spec]

    def serial(self, *context: bytes) -> int:
        """A positive serial number of at most 159 bits; with a seed it follows from `context`."""
        if self._seed is None:
            return x509.random_serial_number()
        packed = b"".join(len(part).to_bytes(4, "big") + part for part in context)
        return int.from_bytes(self._derive("serial", packed)[:20], "big") >> 1 or 1

    def _derive(self, purpose: str, context: bytes) -> bytes:
        return hmac.digest(self._seed or b"", purpose.encode() + b"\x00" + context, "sha256")
