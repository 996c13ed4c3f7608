"""Where on which token a private key lies, and the PKCS#11 URI (RFC 7512) that says so.

Whether the token holds the key is not asked here.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote_to_bytes

from chainpilot.errors import OwnError

__all__ = ["MAX_URI", "SCHEME", "KeyReference", "KeyUriError", "read_uri", "write_uri"]

MAX_URI: Final = 1024
"""Characters of a URI; ours have about 180, every octet of a token's label written as three."""
SCHEME: Final = "pkcs11:"


class KeyUriError(OwnError):
    """A URI names no private key; `why` is a clause without what the URI holds."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class KeyReference:
    """Where a private key lies. A reference that somebody else wrote may leave out all but one of `id` and `label`."""

    token: str | None
    id: bytes | None
    """CKA_ID."""
    label: str | None
    """CKA_LABEL."""


def write_uri(reference: KeyReference) -> str:
    """The URI, in ASCII."""
    named = {
        "token": _encoded(reference.token),
        "id": "".join(f"%{octet:02X}" for octet in reference.id or b""),
        "object": _encoded(reference.label),
    }
    path = [f"{name}={value}" for name, value in named.items() if value]
    return SCHEME + ";".join((*path, "type=private"))


def read_uri(uri: str) -> KeyReference:
    """What a URI names; attributes that choose among modules and slots don't matter here, nor does a query.

    Raises KeyUriError.
    """
    if len(uri) > MAX_URI:
        raise KeyUriError(f"holds a URI of {len(uri)} characters; at most {MAX_URI} are read")
    attributes = _attributes(uri)
    try:
        token, label = (attributes[name].decode() if name in attributes else None for name in ("token", "object"))
    except UnicodeDecodeError as error:
        raise KeyUriError("holds a PKCS#11 URI with a name that is no UTF-8") from error
    if attributes.get("type", b"private") != b"private":
        raise KeyUriError("names an object that is no private key")
    reference = KeyReference(token, attributes.get("id"), label)
    if not reference.id and not reference.label:
        raise KeyUriError("names a token and no key on it: neither id nor object stands in its URI")
    return reference


def _attributes(uri: str) -> dict[str, bytes]:
    if not uri.startswith(SCHEME):
        raise KeyUriError("holds a URI that doesn't begin with pkcs11:")
    path = uri.removeprefix(SCHEME).partition("?")[0]
    pairs = [part.partition("=") for part in path.split(";") if part]
    found = {name: unquote_to_bytes(value) for name, _, value in pairs}
    if len(found) != len(pairs):
        raise KeyUriError("holds a PKCS#11 URI in which an attribute stands twice")
    return found


def _encoded(text: str | None) -> str:
    return quote(text or "", safe="")
