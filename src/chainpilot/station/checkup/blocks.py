"""The blocks of a certificate file one by one, and how `sed` tells one from the others.

A line of `sed` that names a block by a piece of its own text does the right thing however the file has changed since:
it takes out that block or nothing. Line numbers would not.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from chainpilot.pki.certificate import Certificate
from chainpilot.station.store.certificates import certificates_in

__all__ = [
    "DROP_CUT_OFF",
    "DROP_KEYS",
    "PRINT_KEYS",
    "Block",
    "blocks_of",
    "drop_script",
    "holds_private_key",
    "print_script",
]

_BEGIN: Final = b"-----BEGIN "
_END: Final = b"-----END "
_PIECE: Final = 24
"""Characters of base64 that tell a block from all others: 144 bits, of a signature as a rule."""
_BODY: Final = re.compile(rb"[A-Za-z0-9+/]{24,}={0,2}")
_OTHER: Final = re.compile(rb"-----BEGIN (?!(?:X509 |TRUSTED )?CERTIFICATE-----)[A-Z0-9 ]*-----")
"""The first line of something else than a certificate."""
_PRIVATE: Final = re.compile(rb"-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----")

PRINT_KEYS: Final = "/-----BEGIN .*PRIVATE KEY-----/,/-----END .*PRIVATE KEY-----/p"
"""For `sed -n`: the private keys of a file."""
DROP_KEYS: Final = "/-----BEGIN .*PRIVATE KEY-----/,/-----END .*PRIVATE KEY-----/d"
"""For `sed -i`: a file without its private keys."""
DROP_CUT_OFF: Final = (
    "/-----BEGIN /{:a;/-----END /!{$!{N;ba;};};/-----END /!d;s,.*\\(-----BEGIN [^-]*-----\\n.*-----END \\),\\1,;}"
)
"""For `sed -i`: a file without the blocks that break off before another begins."""


@dataclass(frozen=True, slots=True)
class Block:
    """One armoured block."""

    number: int
    """Counted from 1."""
    text: bytes
    certificates: tuple[Certificate, ...]
    objection: str | None
    """Why it can't be read; None when it can."""

    @property
    def is_private_key(self) -> bool:
        """Whether it says that it holds a private key."""
        return _PRIVATE.match(self.text) is not None

    @property
    def is_cut_off(self) -> bool:
        """Whether it has no end."""
        return _END not in self.text


def holds_private_key(data: bytes) -> bool:
    """Whether one of the blocks of a file says that it is a private key."""
    return _PRIVATE.search(data) is not None


def blocks_of(path: Path, data: bytes) -> tuple[Block, ...]:
    """The blocks of a PEM file in their order; none of another file. A block ends where the next one begins."""
    _, *rest = data.split(_BEGIN)
    return tuple(_block(path, number, _BEGIN + text) for number, text in enumerate(rest, start=1))


def _block(path: Path, number: int, text: bytes) -> Block:
    """Read as the store reads it: armours of other things are passed over in silence."""
    if _OTHER.match(text) is not None:
        return Block(number, text, (), None)
    held = certificates_in(path, text)
    why = held.findings[0].why.partition(" passed over: ")[2] if held.findings else None
    return Block(number, text, held.certificates, why)


def drop_script(block: Block, others: Iterable[Block], *, after_line: int = 0) -> str | None:
    """For `sed -i`: the file without that block and its exact copies; None when no piece of its text is its own.

    `after_line` keeps a copy that ends before it.
    """
    piece = _piece(block, others)
    if piece is None:
        return None
    script = f"/{_BEGIN.decode()}/{{:a;/{_END.decode()}/!{{N;ba;}};\\,{piece},d;}}"
    return f"{after_line + 1},${{{script};}}" if after_line else script


def print_script(block: Block, others: Iterable[Block]) -> str | None:
    """For `sed -n`: that block alone; None when no piece of its text is its own."""
    piece = _piece(block, others)
    return piece and f"/{_BEGIN.decode()}/{{:a;/{_END.decode()}/!{{N;ba;}};\\,{piece},p;}}"


def _piece(block: Block, others: Iterable[Block]) -> str | None:
    """A piece of the block's last lines that stands in no other block; never of a private key."""
    if block.is_private_key or block.is_cut_off:
        return None
    rest = [one.text for one in others if one.certificates != block.certificates]
    for line in reversed(block.text.split(b"\n")[1:]):
        body = line.strip()
        piece = body[-_PIECE:] if _BODY.fullmatch(body) else b""
        if piece and not any(piece in text for text in rest):
            return piece.decode("ascii")
    return None
