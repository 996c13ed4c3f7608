"""The transfer form of EST bodies: base64 of DER, whatever Content-Transfer-Encoding says (RFC 8951).

Readers take what the field sends: line ends, blanks, a trailing NUL, PEM armour, raw DER. Writers write one
form. What the DER means is not handled here.
"""

import base64
import binascii
import re
from itertools import islice
from typing import Final

from chainpilot.errors import PeerError
from chainpilot.pki.der import DerError, read_all

__all__ = ["LINE", "BodyError", "decode_body", "encode_body"]

LINE: Final = 64
"""Characters a line: the most used C client and server refuse unwrapped bodies (est-opcp-ocsp.md 1)."""

_BLANKS: Final = b" \t\r\n"
_TAIL: Final = _BLANKS + b"\x00"
_SEQUENCE: Final = b"\x30"
"""First octet of raw DER. No base64 of DER starts so: a leading `0` decodes to 0xD0 or more."""
_ARMOUR: Final = re.compile(
    rb"-----BEGIN (?P<words>[A-Z0-9 ]{1,40})-----(?P<base64>[^-]*)-----END (?P=words)-----", re.ASCII
)


class BodyError(PeerError):
    """A body holds no DER value, or more than one; `why` says what is wrong with it."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


def encode_body(der: bytes) -> bytes:
    """Base64 wrapped at 64 with LF, and a LF at the end."""
    text = base64.b64encode(der)
    return b"".join(text[start : start + LINE] + b"\n" for start in range(0, len(text), LINE))


def decode_body(body: bytes, *, limit: int) -> bytes:
    """The one DER (or BER) value that a body carries.

    Args:
        body: as it came, any tolerated form.
        limit: bytes of `body` read at most.

    Raises:
        BodyError: too long, empty, broken base64 or armour, not one whole value, or bytes behind it.
    """
    if len(body) > limit:
        raise BodyError(f"a body of {len(body)} bytes; at most {limit} are read")
    if body.startswith(_SEQUENCE):
        return _value(body, tail=_TAIL)
    text = body.rstrip(_TAIL).lstrip(_BLANKS)
    if text.startswith(b"-----BEGIN"):
        text = _unarmoured(text)
    der = _from_base64(text)
    if not der:
        raise BodyError("the body is empty")
    return _value(der, tail=b"")


def _unarmoured(text: bytes) -> bytes:
    match = _ARMOUR.fullmatch(text)
    if match is None:
        raise BodyError("PEM armour that is broken, repeated, or has text around it")
    return match["base64"]


def _from_base64(text: bytes) -> bytes:
    try:
        return binascii.a2b_base64(text.translate(None, _BLANKS), strict_mode=True)
    except binascii.Error as error:
        raise BodyError(f"broken base64: {error}") from error


def _value(data: bytes, *, tail: bytes) -> bytes:
    """The one value in `data`, behind which only octets out of `tail` may stand."""
    try:
        (value,) = islice(read_all(data), 1)
    except DerError as error:
        raise BodyError(f"not a whole DER value: {error.why}") from error
    rest = data[len(value.encoding) :].strip(tail) if tail else data[len(value.encoding) :]
    if rest:
        raise BodyError(f"{len(rest)} bytes follow the end of the DER value")
    return value.encoding
