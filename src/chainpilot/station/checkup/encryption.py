"""Whether a key file is encrypted, told from its form alone; no password is tried here."""

from chainpilot.pki.der import DerError, read_one
from chainpilot.station.providers import KeyFileError
from chainpilot.station.providers.armour import find_armour

__all__ = ["is_encrypted"]

_ENCRYPTED_INFO = [0x30, 0x04]
"""EncryptedPrivateKeyInfo: an algorithm, then octets (RFC 5958 section 3)."""


def is_encrypted(data: bytes) -> bool:
    """PKCS#8 and PEM's traditional encryption; what can't be read is told as not encrypted."""
    try:
        armour = find_armour(data)
        if armour is not None:
            return b"ENCRYPTED" in armour.text
        return [part.tag for part in read_one(data).children()] == _ENCRYPTED_INFO
    except (KeyFileError, DerError):
        return False
