"""How long an encrypted key may make its reader work: the file chooses the rounds from password to key.

RFC 8018 (PBKDF2, PBES1) and RFC 7914 (scrypt). The work itself is done by `cryptography`.
"""

from collections.abc import Iterator
from typing import Final

from chainpilot.pki.der import DerError, Element, decode_oid, read_one

__all__ = ["MAX_DERIVATION_ROUNDS", "MAX_SCRYPT_COST", "derivation_objection"]

MAX_DERIVATION_ROUNDS: Final = 10_000_000
"""Rounds of a digest: 1.2 s of a desktop's core; openssl writes 2048 unless told otherwise."""
MAX_SCRYPT_COST: Final = 1 << 20
"""N times r times p of scrypt, 128 bytes of memory each; openssl writes 131 072 (16 MiB)."""

_OID: Final = 0x06
_INTEGER: Final = 0x02
_CONSTRUCTED: Final = 0x20
_SCRYPT: Final = "1.3.6.1.4.1.11591.4.11"


def derivation_objection(der: bytes) -> str | None:
    """Why an EncryptedPrivateKeyInfo would take too long to open, or can't be read; None when neither holds."""
    try:
        leaves = tuple(_leaves(read_one(der).children()[0]))
        is_scrypt = any(leaf.tag == _OID and decode_oid(leaf) == _SCRYPT for leaf in leaves)
    except (DerError, IndexError):
        return "is not a readable private key"
    numbers = [int.from_bytes(leaf.content, "big") for leaf in leaves if leaf.tag == _INTEGER]
    if is_scrypt and len(numbers) >= 3:
        cost = numbers[0] * numbers[1] * numbers[2]
        if cost > MAX_SCRYPT_COST:
            return f"asks for a scrypt cost of more than {MAX_SCRYPT_COST}"
    elif max(numbers, default=0) > MAX_DERIVATION_ROUNDS:
        return f"asks for more than {MAX_DERIVATION_ROUNDS} rounds from password to key"
    return None


def _leaves(element: Element) -> Iterator[Element]:
    """The primitive values inside, in order."""
    waiting = [element]
    while waiting:
        current = waiting.pop()
        if current.tag & _CONSTRUCTED:
            waiting.extend(reversed(current.children()))
        else:
            yield current
