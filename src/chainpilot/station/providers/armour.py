"""The PEM armour of a key file (RFC 7468), by whose words providers tell their files from others.

Armours of other things, such as certificates or curve parameters, are passed over. What the DER says is not read here.
"""

import base64
import binascii
import re
from dataclasses import dataclass, field
from typing import Final

from chainpilot.station.providers.errors import KeyFileError

__all__ = ["MAX_KEY_FILE_BYTES", "Armour", "armour_label", "check_size", "find_armour", "write_armour"]

MAX_KEY_FILE_BYTES: Final = 64 * 1024
"""Read of a key file at most: RSA-8192 in PEM has 6.5 kB, and a chain of certificates may stand beside it."""

_BEGIN: Final = re.compile(rb"-----BEGIN ([A-Z0-9# ]{0,40}PRIVATE KEY|PKCS#11 PROVIDER URI)-----")


@dataclass(frozen=True, slots=True)
class Armour:
    """One block of a key file."""

    label: str
    """The words in its first line, such as `EC PRIVATE KEY`."""
    text: bytes = field(repr=False)
    """The block with its first and last line."""

    def der(self) -> bytes:
        """The bytes inside. Raises KeyFileError."""
        _, _, rest = self.text.partition(f"{self.label}-----".encode())
        try:
            return base64.b64decode(rest[: rest.rindex(b"-----END ")])
        except binascii.Error as error:
            raise KeyFileError(f"holds a {self.label} in broken base64") from error


def armour_label(data: bytes) -> str | None:
    """The words of the first armour of a key, whole or not; None when there is none."""
    begin = _BEGIN.search(data, 0, MAX_KEY_FILE_BYTES)
    return begin[1].decode("ascii") if begin else None


def find_armour(data: bytes) -> Armour | None:
    """The first armour of a key; None when there is none.

    Raises:
        KeyFileError: the data is empty or too long, or the armour breaks off.
    """
    check_size(data)
    if (begin := _BEGIN.search(data)) is None:
        return None
    end = b"-----END " + begin[1] + b"-----"
    stop = data.find(end, begin.end())
    if stop < 0:
        raise KeyFileError(f"holds a {begin[1].decode('ascii')} that breaks off")
    return Armour(begin[1].decode("ascii"), data[begin.start() : stop + len(end)] + b"\n")


def check_size(data: bytes) -> None:
    """Raises KeyFileError when there is nothing, or more than `MAX_KEY_FILE_BYTES`."""
    if not data:
        raise KeyFileError("is empty")
    if len(data) > MAX_KEY_FILE_BYTES:
        raise KeyFileError(f"has {len(data)} bytes; a key file has at most {MAX_KEY_FILE_BYTES}")


def write_armour(label: str, der: bytes) -> bytes:
    """One block: base64 wrapped at 64, LF line ends."""
    body = base64.b64encode(der).decode("ascii")
    lines = (body[start : start + 64] for start in range(0, len(body), 64))
    return "\n".join((f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", "")).encode()
