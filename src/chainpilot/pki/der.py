"""A bounded reader of DER, and of as much BER as foreign PKCS#7 bags need.

It exists because `cryptography` parses extensions late and refuses certificates that OpenSSL and the field accept
(x509.md duty 7), and because the raw bytes of names and keys are what hash data is made of. Of writing there is only
what puts encodings together.
"""

import functools
from collections.abc import Iterator
from typing import Final, NamedTuple

from chainpilot.errors import PeerError

__all__ = [
    "MAX_DEPTH",
    "MAX_OID",
    "DerError",
    "Element",
    "decode_bit_string",
    "decode_oid",
    "encode_bit_string",
    "encode_sequence",
    "read_all",
    "read_one",
    "read_parts",
    "read_signed",
]

MAX_DEPTH: Final = 16
"""Nesting allowed in indefinite-length values; a real certs-only bag needs five."""
MAX_OID: Final = 64
"""Octets of an object identifier; the longest in use have twenty, and decimal digits cost quadratic time."""
_new: Final = tuple.__new__
"""Makes an Element without the detour over its constructor: a third of the reader's time."""
_BIT_STRING: Final = 0x03
_SEQUENCE: Final = 0x30
_INDEFINITE: Final = 0x80
_END_OF_CONTENTS: Final = b"\x00\x00"
_LONG_TAG: Final = "a tag of more than one octet; X.509 uses none"


class DerError(PeerError):
    """Bytes are not the ASN.1 they should be; `why` says where."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Element(NamedTuple):
    """One ASN.1 value: its tag octet, its content and its whole encoding.

    A named tuple since a certificate has some hundred of them and a dataclass takes three times as long to make.
    """

    tag: int
    content: bytes
    encoding: bytes

    def children(self) -> tuple["Element", ...]:
        """The values inside a constructed value. Raises DerError."""
        found: list[Element] = []
        data, offset, size = self.content, 0, len(self.content)
        while offset < size:
            body = offset + 2
            # nearly every value has a length of one octet: read here, without a call, in half the time
            if body <= size and (end := body + data[offset + 1]) <= size and end - body < _INDEFINITE:
                tag = data[offset]
                if tag & 0x1F == 0x1F:
                    raise DerError(_LONG_TAG)
                found.append(_new(Element, (tag, data[body:end], data[offset:end])))
                offset = end
            else:
                element, offset = _read(data, offset, 0)
                found.append(element)
        return tuple(found)


def read_one(data: bytes) -> Element:
    """The single value that `data` is, with nothing behind it. Raises DerError."""
    element, end = _read(data, 0, 0)
    if end != len(data):
        raise DerError(f"{len(data) - end} bytes follow the end of the value")
    return element


def read_all(data: bytes) -> Iterator[Element]:
    """The values that stand one after the other in `data`. Raises DerError."""
    offset = 0
    while offset < len(data):
        element, offset = _read(data, offset, 0)
        yield element


def decode_oid(element: Element) -> str:
    """The dotted form of an OBJECT IDENTIFIER (X.690 8.19). Raises DerError."""
    if element.tag != 0x06 or not element.content or element.content[-1] & 0x80:
        raise DerError("not an object identifier")
    if len(element.content) > MAX_OID:
        raise DerError(f"an object identifier of {len(element.content)} octets; at most {MAX_OID} are read")
    return _dotted(element.content)


@functools.lru_cache(maxsize=256)
def _dotted(content: bytes) -> str:
    """Certificates repeat a few dozen identifiers."""
    arcs: list[int] = []
    arc = 0
    for octet in content:
        arc = arc << 7 | octet & 0x7F
        if not octet & 0x80:
            arcs.append(arc)
            arc = 0
    first = min(arcs[0] // 40, 2)
    return ".".join(str(number) for number in (first, arcs[0] - 40 * first, *arcs[1:]))


def decode_bit_string(element: Element) -> bytes:
    """The octets of a BIT STRING without its unused-bits octet. Raises DerError."""
    if element.tag != 0x03 or not element.content or element.content[0] > 7:
        raise DerError("not a bit string")
    return element.content[1:]


def encode_sequence(*encodings: bytes) -> bytes:
    """A SEQUENCE of values that are encoded already."""
    return _encode(_SEQUENCE, b"".join(encodings))


def encode_bit_string(octets: bytes) -> bytes:
    """A BIT STRING of whole octets."""
    return _encode(_BIT_STRING, b"\x00" + octets)


def _encode(tag: int, content: bytes) -> bytes:
    size = len(content)
    if size < _INDEFINITE:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, _INDEFINITE | len(length))) + length + content


def read_signed(der: bytes) -> Element:
    """The signed content of a certificate or request: the first of `read_parts`. Raises DerError."""
    return read_parts(der)[0]


def read_parts(der: bytes) -> tuple[Element, Element, Element]:
    """The three parts of a certificate, request, revocation list or OCSP answer: signed content, algorithm, signature.

    No signature covers the octet of unused bits, so a signature that is not whole octets is refused: else the same
    signature would stand in several encodings.

    Raises:
        DerError: not of that form.
    """
    parts = read_one(der).children()
    if len(parts) != 3:
        raise DerError("not (content, algorithm, signature)")
    if not parts[2].content.startswith(b"\x00"):
        raise DerError("the signature is not whole octets")
    return parts[0], parts[1], parts[2]


def _read(data: bytes, start: int, depth: int) -> tuple[Element, int]:
    if len(data) - start < 2:
        raise DerError("a value is cut off in its header")
    tag, length = data[start], data[start + 1]
    if tag & 0x1F == 0x1F:
        raise DerError(_LONG_TAG)
    body = start + 2
    if length == _INDEFINITE:
        return _read_indefinite(data, start, depth)
    if length > _INDEFINITE:
        length, body = _length(data, start + 1)
    end = body + length
    if end > len(data):
        raise DerError(f"a value of {length} bytes is cut off after {len(data) - body}")
    return _new(Element, (tag, data[body:end], data[start:end])), end


def _length(data: bytes, offset: int) -> tuple[int, int]:
    """A length of more than one octet (X.690 section 8.1.3.5)."""
    count = data[offset] & 0x7F
    octets = data[offset + 1 : offset + 1 + count]
    if count > 4 or len(octets) != count:
        raise DerError("a length is cut off or beyond four octets")
    return int.from_bytes(octets, "big"), offset + 1 + count


def _read_indefinite(data: bytes, start: int, depth: int) -> tuple[Element, int]:
    if depth >= MAX_DEPTH or not data[start] & 0x20:
        raise DerError("an indefinite length that is too deep or on a primitive value")
    offset = start + 2
    while data[offset : offset + 2] != _END_OF_CONTENTS:
        _, offset = _read(data, offset, depth + 1)
    return Element(data[start], data[start + 2 : offset], data[start : offset + 2]), offset + 2
