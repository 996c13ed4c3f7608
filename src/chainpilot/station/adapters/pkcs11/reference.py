"""The key file of a key on a token: a PKCS#11 URI (RFC 7512) in the PEM form of OpenSSL's pkcs11-provider.

So OpenSSL, and with it a TLS server that reads `.tkey` files, finds the key by the same file. Whether the token holds
the key is not asked here.
"""

from typing import Final

from chainpilot.pkcs11.reference import KeyReference, KeyUriError, read_uri, write_uri
from chainpilot.pki.der import DerError, read_one
from chainpilot.station.providers.armour import armour_label, find_armour, write_armour
from chainpilot.station.providers.errors import KeyFileError

__all__ = ["LABEL", "is_reference", "read_reference", "write_reference"]

LABEL: Final = "PKCS#11 PROVIDER URI"
"""The words of the armour."""

_DESCRIPTION: Final = b"PKCS#11 Provider URI v1.0"
_SEQUENCE: Final = 0x30
_VISIBLE_STRING: Final = 0x1A
_UTF8_STRING: Final = 0x0C


def is_reference(data: bytes) -> bool:
    """Whether the content has the armour of a reference."""
    return armour_label(data) == LABEL


def write_reference(reference: KeyReference) -> bytes:
    """The content of the key file."""
    uri = write_uri(reference).encode()
    return write_armour(LABEL, _der(_SEQUENCE, _der(_VISIBLE_STRING, _DESCRIPTION) + _der(_UTF8_STRING, uri)))


def read_reference(data: bytes) -> KeyReference:
    """What a key file names, as `read_uri` reads it.

    Raises:
        KeyFileError: it is no such file, or its URI names no private key.
    """
    try:
        return read_uri(_uri(data))
    except (DerError, UnicodeDecodeError) as error:
        raise KeyFileError(f"holds a broken {LABEL}") from error
    except KeyUriError as error:
        raise KeyFileError(error.why) from error


def _uri(data: bytes) -> str:
    armour = find_armour(data)
    if armour is None or armour.label != LABEL:
        raise KeyFileError(f"holds no {LABEL}")
    fields = read_one(armour.der()).children()
    if len(fields) != 2 or fields[0].content != _DESCRIPTION or fields[1].tag != _UTF8_STRING:
        raise DerError("not (description, URI)")
    return fields[1].content.decode()


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    head = bytes((size,)) if size < 0x80 else bytes((0x80 | len(octets),)) + octets
    return bytes((tag,)) + head + content
