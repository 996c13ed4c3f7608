"""Keys that are files: written as PKCS#8 PEM, read in every form that openssl writes."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
    load_pem_private_key,
)

from chainpilot.pki.keys import KeySpec, PrivateKey, PublicKey, generate_private_key
from chainpilot.station.providers.armour import armour_label, find_armour
from chainpilot.station.providers.derivation import derivation_objection
from chainpilot.station.providers.errors import KeyFileError, KeyMakingError
from chainpilot.station.providers.interface import MadeKey

__all__ = ["MAX_READ_RSA_BITS", "FileKeys"]

MAX_READ_RSA_BITS: Final = 8192
"""Checking the parts of an RSA key of this length takes 4 s of a desktop's core, and eight times that for twice it."""

_ENCRYPTED: Final = "ENCRYPTED PRIVATE KEY"
_LABELS: Final = frozenset({"PRIVATE KEY", _ENCRYPTED, "EC PRIVATE KEY", "RSA PRIVATE KEY", "DSA PRIVATE KEY"})
_SEQUENCE: Final = b"\x30"
_KINDS: Final = (ec.EllipticCurvePrivateKey, rsa.RSAPrivateKey, ed25519.Ed25519PrivateKey, ed448.Ed448PrivateKey)


@dataclass(frozen=True, slots=True)
class FileKeys:
    """The provider whose key file is the key: PKCS#8, SEC1 or PKCS#1, PEM or DER, encrypted or not."""

    password: str = field(default="", repr=False)
    """Opens the encrypted ones; a key that isn't encrypted is as good. Empty: none is configured."""
    encrypt: bool = True
    """Whether the password, when there is one, encrypts new keys too."""
    generate: Callable[[KeySpec], PrivateKey] = field(default=generate_private_key, repr=False)
    """What makes a key in this process."""

    @property
    def suffix(self) -> str:
        """`.key`, as the reference writes it."""
        return ".key"

    @property
    def is_self_contained(self) -> bool:
        """True: the file is the key."""
        return True

    def make(self, spec: KeySpec, label: str) -> MadeKey:
        """See KeyProvider; the label is not used, since a file is found by its name."""
        scheme: KeySerializationEncryption = NoEncryption()
        try:
            if self.password and self.encrypt:
                scheme = BestAvailableEncryption(self.password.encode())
            key = self.generate(spec)
            return MadeKey(key, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, scheme))
        except Exception as error:  # house style rule 4: whatever a generator raises, one family leaves
            raise KeyMakingError(f"no {spec.value} key could be made: {type(error).__name__}") from error

    def recognises(self, data: bytes) -> bool:
        """See KeyProvider; DER is told by its first octet alone."""
        label = armour_label(data)
        return data.startswith(_SEQUENCE) if label is None else label in _LABELS

    def public_half(self, data: bytes) -> PublicKey:
        """See KeyProvider; whether the parts of an RSA key belong together is checked by `signer` only."""
        return self._load(data, checked=False).public_key()

    def signer(self, data: bytes) -> PrivateKey:
        """See KeyProvider."""
        key = self._load(data, checked=False)
        return self._load(data, checked=True) if isinstance(key, rsa.RSAPrivateKey) else key

    def destroy(self, data: bytes) -> None:
        """Nothing: the file was the key."""

    def strays(self, kept: Iterable[bytes]) -> tuple[bytes, ...]:
        """None: a key without its file isn't there."""
        return ()

    def _load(self, data: bytes, *, checked: bool) -> PrivateKey:
        try:
            key = self._parse(data, checked=checked)
        except UnsupportedAlgorithm as error:
            raise KeyFileError("is a key, or encrypted in a way, of a kind that isn't supported") from error
        except (ValueError, TypeError) as error:
            raise KeyFileError("is not a readable private key") from error
        if not isinstance(key, _KINDS):
            raise KeyFileError("is a key of a kind that certificates here don't have")
        if isinstance(key, rsa.RSAPrivateKey) and key.key_size > MAX_READ_RSA_BITS:
            raise KeyFileError(f"is an RSA key of {key.key_size} bits; at most {MAX_READ_RSA_BITS} are read")
        return key

    def _parse(self, data: bytes, *, checked: bool) -> PrivateKeyTypes:
        """Raises KeyFileError, and what the parsers raise."""
        armour = find_armour(data)
        is_der = armour is None or armour.label == _ENCRYPTED
        content = data if armour is None else armour.der() if is_der else armour.text
        load = load_der_private_key if is_der else load_pem_private_key
        try:
            return load(content, None, unsafe_skip_rsa_key_validation=not checked)
        except TypeError:  # it is encrypted
            if not self.password:
                raise KeyFileError("is encrypted, and no password is configured") from None
        if is_der and (objection := derivation_objection(content)) is not None:
            raise KeyFileError(objection)
        try:
            return load(content, self.password.encode(), unsafe_skip_rsa_key_validation=not checked)
        except ValueError as error:
            raise KeyFileError("can't be decrypted with the configured password, or is broken") from error
