"""Forges revocation lists of any shape, good and bad, for tests; by hand, since builders only write good ones."""

import base64
from datetime import datetime, timedelta

from derwriter import bit_string, extension, integer, key_algorithm, sequence, signature, tlv
from forge import NOON, Forged

__all__ = ["NEXT", "SINCE", "entry", "pem", "revocation_list", "utc"]

SINCE = NOON - timedelta(hours=1)
"""thisUpdate, unless said otherwise."""
NEXT = NOON + timedelta(days=30)
"""nextUpdate, unless said otherwise."""

_NUMBER = "2.5.29.20"
_REASON = "2.5.29.21"


def entry(
    serial: int, *, revoked: datetime = SINCE, reason: int | None = None, extensions: tuple[bytes, ...] = ()
) -> bytes:
    """A revoked certificate."""
    why = (extension(_REASON, tlv(0x0A, bytes([reason]))),) if reason is not None else ()
    more = (*why, *extensions)
    return sequence(integer(serial), utc(revoked), sequence(*more) if more else b"")


def revocation_list(
    issuer: Forged,
    *entries: bytes,
    name: bytes | None = None,
    since: datetime = SINCE,
    until: datetime | None = NEXT,
    number: int | None = 1,
    extensions: tuple[bytes, ...] = (),
    digest: str = "sha256",
    pss: bool = False,
    inside: bytes | None = None,
    unused: int = 0,
) -> bytes:
    """A list in DER, by `issuer`; version 1 when it has neither number nor other extensions."""
    algorithm = key_algorithm(issuer.key, digest, pss=pss)
    numbered = (extension(_NUMBER, integer(number)),) if number is not None else ()
    more = (*numbered, *extensions)
    content = sequence(
        integer(1) if more else b"",
        inside if inside is not None else algorithm,
        name if name is not None else issuer.certificate.subject_der,
        utc(since),
        utc(until) if until is not None else b"",
        sequence(*entries) if entries else b"",
        tlv(0xA0, sequence(*more)) if more else b"",
    )
    made = signature(issuer.key, content, digest, pss=pss)
    return sequence(content, algorithm, bit_string(made, unused))


def pem(der: bytes, label: str = "X509 CRL") -> bytes:
    """The list in PEM."""
    body = base64.encodebytes(der).decode()
    return f"-----BEGIN {label}-----\n{body}-----END {label}-----\n".encode()


def utc(moment: datetime) -> bytes:
    """A UTCTime."""
    return tlv(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
