"""Writes the few DER values that no builder of `cryptography` writes. NEVER for production."""

from datetime import UTC, datetime

__all__ = ["bit_string", "generalized", "integer", "octets", "sequence", "tlv"]


def tlv(tag: int, *inside: bytes) -> bytes:
    """One value with a definite length in its shortest form (X.690 section 10.1)."""
    content = b"".join(inside)
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    counted = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(counted))) + counted + content


def sequence(*inside: bytes) -> bytes:
    """SEQUENCE of values that are written already."""
    return tlv(0x30, *inside)


def octets(content: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(0x04, content)


def bit_string(content: bytes) -> bytes:
    """BIT STRING of whole octets."""
    return tlv(0x03, b"\x00", content)


def integer(number: int) -> bytes:
    """INTEGER, not negative."""
    return tlv(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def generalized(moment: datetime) -> bytes:
    """GeneralizedTime as RFC 5280 section 4.1.2.5.2 has it: UTC, without fractions of a second."""
    return tlv(0x18, f"{moment.astimezone(UTC):%Y%m%d%H%M%SZ}".encode())
