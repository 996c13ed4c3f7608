"""The key file of a key on a token: a PKCS#11 URI (RFC 7512) in the PEM form of OpenSSL's pkcs11-provider.

So OpenSSL, and with it a TLS server that reads `.tkey` files, finds the key by the same file. Whether the token holds
the key is not asked here.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from chainpilot.pki.der import DerError, read_one
from chainpilot.station.providers.armour import armour_label, find_armour, write_armour
from chainpilot.station.providers.errors import KeyFileError

__all__ = ["LABEL", "MAX_URI", "KeyReference", "is_reference", "read_reference", "write_reference"]

LABEL: Final = "PKCS#11 PROVIDER URI"
"""The words of the armour."""
MAX_URI: Final = 1024
"""Characters of a URI; ours have about 180, every octet of a token's label written as three."""

_DESCRIPTION: Final = b"PKCS#11 Provider URI v1.0"
_SCHEME: Final = "pkcs11:"
_SEQUENCE: Final = 0x30
_VISIBLE_STRING: Final = 0x1A
_UTF8_STRING: Final = 0x0C


@dataclass(frozen=True, slots=True)
class KeyReference:
    """Where a private key lies. A reference that somebody else wrote may leave out all but one of `id` and `label`."""

    token: str | None
    id: bytes | None
    """CKA_ID."""
    label: str | None
    """CKA_LABEL."""


def is_reference(data: bytes) -> bool:
    """Whether the content has the armour of a reference."""
    return armour_label(data) == LABEL


def write_reference(reference: KeyReference) -> bytes:
    """The content of the key file."""
    named = {
        "token": _encoded(reference.token),
        "id": "".join(f"%{octet:02X}" for octet in reference.id or b""),
        "object": _encoded(reference.label),
    }
    path = [f"{name}={value}" for name, value in named.items() if value]
    uri = _SCHEME + ";".join((*path, "type=private"))
    return write_armour(LABEL, _der(_SEQUENCE, _der(_VISIBLE_STRING, _DESCRIPTION) + _der(_UTF8_STRING, uri.encode())))


def read_reference(data: bytes) -> KeyReference:
    """What a key file names; attributes that choose among modules and slots don't matter here, nor does a query.

    Raises:
        KeyFileError: it is no such file, or its URI names no private key.
    """
    try:
        attributes = _attributes(_uri(data))
        token, label = (attributes[name].decode() if name in attributes else None for name in ("token", "object"))
    except (DerError, UnicodeDecodeError) as error:
        raise KeyFileError(f"holds a broken {LABEL}") from error
    if attributes.get("type", b"private") != b"private":
        raise KeyFileError("names an object that is no private key")
    reference = KeyReference(token, attributes.get("id"), label)
    if not reference.id and not reference.label:
        raise KeyFileError("names a token and no key on it: neither id nor object stands in its URI")
    return reference


def _uri(data: bytes) -> str:
    armour = find_armour(data)
    if armour is None or armour.label != LABEL:
        raise KeyFileError(f"holds no {LABEL}")
    fields = read_one(armour.der()).children()
    if len(fields) != 2 or fields[0].content != _DESCRIPTION or fields[1].tag != _UTF8_STRING:
        raise DerError("not (description, URI)")
    uri = fields[1].content.decode()
    if len(uri) > MAX_URI:
        raise KeyFileError(f"holds a URI of {len(uri)} characters; at most {MAX_URI} are read")
    return uri


def _attributes(uri: str) -> dict[str, bytes]:
    if not uri.startswith(_SCHEME):
        raise DerError("not a PKCS#11 URI")
    path = uri.removeprefix(_SCHEME).partition("?")[0]
    pairs = [part.partition("=") for part in path.split(";") if part]
    found = {name: unquote_to_bytes(value) for name, _, value in pairs}
    if len(found) != len(pairs):
        raise DerError("an attribute stands twice")
    return found


def _encoded(text: str | None) -> str:
    return quote(text or "", safe="")


def _der(tag: int, content: bytes) -> bytes:
    size = len(content)
    octets = size.to_bytes((size.bit_length() + 7) // 8, "big")
    head = bytes((size,)) if size < 0x80 else bytes((0x80 | len(octets),)) + octets
    return bytes((tag,)) + head + content
