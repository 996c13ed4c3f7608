r"""Out of a file's bytes the pieces in it: PEM blocks in order, or DER values, bare, in hexadecimal or in base64.

Tolerant where the field is: text around PEM blocks, literal `\n`, UTF-16, quotes, colons between hexadecimal digits,
base64 around PEM. What a piece is, is not said here.
"""

import base64
import binascii
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from chainpilot.errors import PeerError
from chainpilot.pki.artifact.looks import decoded_text, looks_like
from chainpilot.pki.der import DerError, read_all

__all__ = ["MAX_BYTES", "MAX_PIECES", "ArtifactError", "Carrier", "Piece", "unwrap"]

MAX_BYTES: Final = 8 << 20
"""Bytes read at most: 2000 certificates (MAX_PIECES) in PEM have some 4 MB, a revocation list of 200 000 entries 7."""
MAX_PIECES: Final = 2000
"""Pieces read at most: the reference store's own limit (station-store.md section 2)."""
_MAX_WRAPPINGS: Final = 3
"""How often text may hold text, such as base64 of PEM in a secret; more serves nobody."""

_MARKER: Final = re.compile(r"-----(BEGIN|END) ([A-Z0-9][A-Z0-9 #.]{0,60})-----")
_DIGITS: Final = re.compile(r"[0-9A-Fa-f]+")
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+")
_URL_SAFE: Final = str.maketrans("-_", "+/")
_SHORT: Final = 16
"""A text of fewer characters is told as text though it could be hexadecimal or base64: many a word could."""
_LINE: Final = 32
"""Base64 that is broken into lines has one at least so long; prose has no word of that length."""


class ArtifactError(PeerError):
    """Bytes are nothing that can be explained; `why` says what they look like."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Carrier(Enum):
    """In what form a piece was given."""

    PEM = "pem"
    DER = "der"
    HEX = "hex"
    BASE64 = "base64"


@dataclass(frozen=True, slots=True)
class Piece:
    """One DER value, or what stands in its place and can't be read."""

    carrier: Carrier
    label: str | None = None
    """The words of the PEM armour."""
    data: bytes = field(default=b"", repr=False)
    """May hold a private key, so it is in no repr."""
    cipher: str | None = None
    """The cipher that the headers of an encrypted key in old PEM name (RFC 1421 section 4.6.1.3)."""
    defect: str | None = None
    """What is wrong with it, as a sentence; then `data` is empty."""


def unwrap(data: bytes) -> tuple[Piece, ...]:
    """The pieces in the order they stand; at least one.

    Raises:
        ArtifactError: longer than MAX_BYTES, more than MAX_PIECES, or nothing we know; it says what it looks like.
    """
    if len(data) > MAX_BYTES:
        raise ArtifactError(f"it is longer than {MAX_BYTES} bytes, more than any certificate file has; not read")
    pieces = tuple(itertools.islice(_unwrap(data, None, 0), MAX_PIECES + 1))
    if len(pieces) > MAX_PIECES:
        raise ArtifactError(f"it holds more than {MAX_PIECES} objects; split it")
    return pieces


def _unwrap(data: bytes, carrier: Carrier | None, depth: int) -> Iterator[Piece]:
    if depth > _MAX_WRAPPINGS:
        raise ArtifactError(f"text is wrapped in text more than {_MAX_WRAPPINGS} times")
    text = decoded_text(data)
    if text is None and data.startswith(b"\x30"):
        return _row(data, carrier or Carrier.DER)
    if b"-----BEGIN " in data or (text is not None and "-----BEGIN " in text):
        return _blocks(text if text is not None else data.decode("utf-8", "replace"))
    if text is None:
        raise ArtifactError(looks_like(data))
    return _from_text(text, data, depth)


def _row(data: bytes, carrier: Carrier) -> Iterator[Piece]:
    """The values that stand one after the other; what follows the first and is no such value is one defect."""
    end = 0
    try:
        for element in read_all(data):
            if not element.encoding.startswith(b"\x30"):
                break
            yield Piece(carrier, data=element.encoding)
            end += len(element.encoding)
    except DerError as error:
        if not end:
            yield Piece(carrier, defect=f"it begins as DER does, and then: {error.why}")
            return
    if end < len(data):
        left = len(data) - end
        yield Piece(carrier, defect=f"{left} {'byte follows' if left == 1 else 'bytes follow'} the end of the value")


def _blocks(text: str) -> Iterator[Piece]:
    r"""Each armour from its BEGIN to its END; literal `\n` as in JSON are line ends."""
    if "\\" in text:
        text = text.replace("\\r", "").replace("\\n", "\n").replace("\\/", "/")
    markers = _MARKER.finditer(text)
    first = next((marker for marker in markers if marker[1] == "BEGIN"), None)
    if first is None:
        raise ArtifactError("it has the word BEGIN behind dashes, but no line such as -----BEGIN CERTIFICATE-----")
    return _armoured(text, first, markers)


def _armoured(text: str, first: re.Match[str], markers: Iterator[re.Match[str]]) -> Iterator[Piece]:
    opened: re.Match[str] | None = first
    for marker in markers:
        if marker[1] == "BEGIN":
            if opened is not None:
                yield _endless(opened)
            opened = marker
        elif opened is not None:
            yield _block(opened[2], marker[2], text[opened.end() : marker.start()])
            opened = None
    if opened is not None:
        yield _endless(opened)


def _endless(opened: re.Match[str]) -> Piece:
    why = f"the block begins and never ends: the line -----END {opened[2]}----- is missing"
    return Piece(Carrier.PEM, opened[2], defect=why)


def _block(label: str, closed_by: str, body: str) -> Piece:
    if label != closed_by:
        return Piece(Carrier.PEM, label, defect=f"the block ends as {closed_by}")
    cipher = None
    if "DEK-Info:" in body:
        headers, _, body = body.partition("DEK-Info:")[2].lstrip().partition("\n")
        cipher = headers.partition(",")[0].strip()
    elif "Proc-Type:" in body:
        body = body.partition("Proc-Type:")[2].partition("\n")[2]
    packed = "".join(body.split())
    if not packed:
        return Piece(Carrier.PEM, label, defect="the block is empty")
    try:
        return Piece(Carrier.PEM, label, base64.b64decode(packed, validate=True), cipher)
    except (binascii.Error, ValueError):
        return Piece(Carrier.PEM, label, defect=_base64_defect(packed))


def _base64_defect(packed: str) -> str:
    wrong = re.search(r"[^A-Za-z0-9+/=]", packed)
    if wrong is not None:
        return f"its base64 has the character {wrong[0]!r} in it"
    return "its base64 is cut off or has characters missing"


def _from_text(text: str, data: bytes, depth: int) -> Iterator[Piece]:
    words = text.split()
    packed = "".join(words).strip("\"',;\x00")
    if "\\" in packed:
        packed = packed.replace("\\r", "").replace("\\n", "").replace("\\/", "/")
    digits = packed.replace("0x", "").replace(":", "").replace(",", "")
    if _DIGITS.fullmatch(digits) and (len(digits) >= _SHORT or digits.startswith("30")):
        if len(digits) % 2:
            raise ArtifactError(f"it is hexadecimal with {len(digits)} digits, an odd number: one is missing")
        return _inside(bytes.fromhex(digits), Carrier.HEX, depth)
    body = packed.translate(_URL_SAFE).rstrip("=")
    is_prose = "BEGIN " in text or (len(words) > 1 and max(map(len, words)) < _LINE)
    if is_prose or len(body) < _SHORT or not _BASE64.fullmatch(body):
        raise ArtifactError(looks_like(data))
    if len(body) % 4 == 1:
        raise ArtifactError("it is base64 that is cut off or has characters missing")
    return _inside(base64.b64decode(body + "=" * (-len(body) % 4)), Carrier.BASE64, depth)


def _inside(data: bytes, carrier: Carrier, depth: int) -> Iterator[Piece]:
    try:
        return _unwrap(data, carrier, depth + 1)
    except ArtifactError as error:
        words = "hexadecimal" if carrier is Carrier.HEX else "base64"
        raise ArtifactError(f"it is {words} of {len(data)} bytes; {error.why}") from error
