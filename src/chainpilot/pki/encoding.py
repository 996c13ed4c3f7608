r"""Text forms of certificates and signing requests: PEM, hexadecimal DER and base64 DER, strict out and tolerant in.

Stations send all of them, some with literal `\n`, carriage returns or prose between the blocks
(pnc-messages.md section 3 row 5). What the DER says is not judged here.
"""

import base64
import binascii
import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from chainpilot.errors import PeerError
from chainpilot.pki.der import DerError, read_all

__all__ = [
    "MAX_BLOCKS",
    "MAX_TEXT",
    "EncodingError",
    "PemLabel",
    "Recognised",
    "TextEncoding",
    "decode_base64",
    "pem_encode",
    "recognise",
    "write_blocks",
]

MAX_TEXT: Final = 1 << 20
"""Characters read at most by default; a bundle of 1000 P-256 roots is about 0.9 MB."""
MAX_BLOCKS: Final = 2000
"""Blocks read at most: the reference's own store limit (station-store.md section 2)."""

_MAX_KEPT: Final = 4096
"""Characters of an armour whose decoding is remembered: certificates in use have 800 to 2000."""
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")


class TextEncoding(Enum):
    """How DER travels as text."""

    PEM = "pem"
    HEX_DER = "hex-der"
    BASE64_DER = "base64-der"


class PemLabel(Enum):
    """The words of a PEM armour (RFC 7468)."""

    CERTIFICATE = "CERTIFICATE"
    CERTIFICATE_REQUEST = "CERTIFICATE REQUEST"


_LEGACY_LABELS: Final = {
    PemLabel.CERTIFICATE: ("X509 CERTIFICATE",),
    PemLabel.CERTIFICATE_REQUEST: ("NEW CERTIFICATE REQUEST",),
}
"""Armours that older tools write; `NEW CERTIFICATE REQUEST` is allowed by RFC 7468 section 7 for readers."""


class EncodingError(PeerError):
    """A text is in none of the encodings we read; `why` says what was found."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True, slots=True)
class Recognised:
    """What `recognise` found: the encoding, and the DER values in the order they stood."""

    encoding: TextEncoding
    blocks: tuple[bytes, ...]


def recognise(text: str | bytes, label: PemLabel, *, limit: int = MAX_TEXT) -> Recognised:
    """Read PEM, hexadecimal or base64 DER, whichever it is; several values in a row are several blocks.

    Args:
        text: as it came; bytes must be ASCII-compatible.
        label: which armour counts; other armours (a key, say) are passed over.
        limit: characters read at most.

    Raises:
        EncodingError: too long, empty, in no known encoding, or not whole DER values.
    """
    if len(text) > limit:
        raise EncodingError(f"{len(text)} characters; at most {limit} are read")
    plain = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    if "\\" in plain:
        plain = plain.replace("\\r", "").replace("\\n", "\n")
    if "-----BEGIN " in plain:
        return Recognised(TextEncoding.PEM, _bounded(_pem_blocks(plain, label)))
    packed = _packed(plain)
    if _HEX.fullmatch(packed):
        return Recognised(TextEncoding.HEX_DER, _split(bytes.fromhex(packed)))
    if _BASE64.fullmatch(packed):
        return Recognised(TextEncoding.BASE64_DER, _split(_from_base64(packed)))
    raise EncodingError("neither PEM nor hexadecimal nor base64" if packed else "the text is empty")


def pem_encode(der: bytes, label: PemLabel) -> str:
    """One PEM block, base64 wrapped at 64, LF line ends, LF at the end (RFC 7468 section 3)."""
    body = base64.b64encode(der).decode("ascii")
    lines = (body[start : start + 64] for start in range(0, len(body), 64))
    return "\n".join((f"-----BEGIN {label.value}-----", *lines, f"-----END {label.value}-----", ""))


def decode_base64(text: str, *, limit: int = MAX_TEXT) -> bytes:
    """The bytes of a base64 text, white space in it passed over.

    Raises:
        EncodingError: longer than `limit` characters, or broken.
    """
    if len(text) > limit:
        raise EncodingError(f"{len(text)} characters; at most {limit} are read")
    return _from_base64(_packed(text))


def write_blocks(blocks: Sequence[bytes], label: PemLabel, encoding: TextEncoding) -> str:
    """DER values as one text: a PEM stack, or their bytes in a row as hexadecimal or base64."""
    if encoding is TextEncoding.PEM:
        return "".join(pem_encode(der, label) for der in blocks)
    joined = b"".join(blocks)
    return joined.hex() if encoding is TextEncoding.HEX_DER else base64.b64encode(joined).decode("ascii")


def _pem_blocks(text: str, label: PemLabel) -> tuple[bytes, ...]:
    words = (label.value, *_LEGACY_LABELS[label])
    placed = sorted(block for word in words for block in _armoured(text, word))
    if not placed:
        raise EncodingError(f"PEM without a whole {label.value} block")
    return tuple(der for _, der in placed)


def _armoured(text: str, word: str) -> list[tuple[int, bytes]]:
    begin, end = f"-----BEGIN {word}-----", f"-----END {word}-----"
    found: list[tuple[int, bytes]] = []
    position = text.find(begin)
    while position >= 0:
        stop = text.find(end, position)
        if stop < 0:
            raise EncodingError(f"a {word} block begins and never ends")
        body = text[position + len(begin) : stop]
        found.append((position, _body(body) if len(body) <= _MAX_KEPT else _from_base64(_packed(body))))
        position = text.find(begin, stop)
    return found


@functools.lru_cache(maxsize=256)
def _body(text: str) -> bytes:
    """What one armour holds; sub-CAs come with every leaf, and the same bytes are found again by identity."""
    return _from_base64(_packed(text))


def _packed(text: str) -> str:
    """The text without white space."""
    return "".join(text.split())


def _from_base64(packed: str) -> bytes:
    try:
        return binascii.a2b_base64(packed, strict_mode=True)
    except ValueError as error:
        raise EncodingError("broken base64") from error


def _split(data: bytes) -> tuple[bytes, ...]:
    try:
        return _bounded(tuple(element.encoding for element in read_all(data)))
    except DerError as error:
        raise EncodingError(f"not whole DER values: {error.why}") from error


def _bounded(blocks: tuple[bytes, ...]) -> tuple[bytes, ...]:
    if len(blocks) > MAX_BLOCKS:
        raise EncodingError(f"{len(blocks)} blocks; at most {MAX_BLOCKS} are read")
    return blocks
